"""What a scalar without quotes means: the types of YAML 1.1 as kubectl understands them, less dates and numbers to the base of 60."""

import re
from typing import Any

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,30})", re.ASCII)
_BASED = re.compile(r"([-+]?)0(?:x([0-9a-fA-F]{1,16})|b([01]{1,64})|o?([0-7]{1,21}))", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,30}|[0-9]{1,30}(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)


def typed(text: str) -> Any:
    """The value of a scalar without quotes and tag."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        return int(text.replace("_", ""))
    if based := _BASED.fullmatch(text):
        sign, hexadecimal, binary, octal = based.groups()
        digits, base = (hexadecimal, 16) if hexadecimal else (binary, 2) if binary else (octal, 8)
        return int(sign + digits, base)
    return float(text) if _FLOAT.fullmatch(text) and text[-1] != "_" else text
