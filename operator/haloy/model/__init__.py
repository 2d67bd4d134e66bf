"""The Model: what traffic should do, said without Kubernetes, pydantic or proxy words.

Every value is frozen and slotted, sorted by whoever builds it, so that equal means equal. `to_yaml` prints a value for goldens.
"""
