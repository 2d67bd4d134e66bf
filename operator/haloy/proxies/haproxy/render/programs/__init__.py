"""What the Lua action runs, as text: words separated by single blanks, percent-encoded (words.py).

`select.py` makes the programs `?<digest>` of chains of conditions, `filters.py` those of filters. Programs are named by
their content, so one never changes: a change is a new program and then one flip of the entry that leads to it.
"""
