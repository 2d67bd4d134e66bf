"""What a Model comes to as configuration: pure, from `render.py` down to the tokens."""
