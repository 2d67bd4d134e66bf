"""The small text formats of the API: durations, sizes, the suggestion for a misspelt word, and what a terminal may show.

Every function is total over its declared input or raises ValueError with a message fit for a condition: what was
given, what is expected, an example.
"""

import difflib
import re
from collections.abc import Iterable

DURATION_PATTERN = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
"""A Duration of the Gateway API (GEP-2257), for schemas. (Python's `$` would also allow a final newline.)"""

SIZE_PATTERN = r"^[0-9]{1,15}(k|M|G|T|Ki|Mi|Gi|Ti)?$"
"""Whole bytes with an optional suffix of a Kubernetes quantity, for schemas."""

_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_BYTES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_DURATION = re.compile(r"(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}")
_DURATION_PART = re.compile(r"([0-9]{1,5})(ms|h|m|s)")
_SIZE = re.compile(r"([0-9]{1,15})(k|M|G|T|Ki|Mi|Gi|Ti)?")
_MAX_FORMATTED = 99_999 * 3_600_000 + 59 * 60_000 + 59 * 1_000 + 999
_LONGEST_SHOWN = 40
_LONGEST_COMPARED = 64


def parse_duration(value: str) -> int:
    """Milliseconds of a duration such as "30s", "1m30s", "1h" or "500ms" (GEP-2257). ValueError if it is not one."""
    if _DURATION.fullmatch(value) is None:
        raise ValueError(f"{_shown(value)} is not a duration: expected up to four of h, m, s, ms, for example 1m30s")
    return sum(int(amount) * _MILLISECONDS[unit] for amount, unit in _DURATION_PART.findall(value))


def format_duration(milliseconds: int) -> str:
    """The canonical GEP-2257 form: units from large to small, none of them zero, and "0s" for nothing.

    ValueError if negative or longer than 99999h59m59s999ms, which that form cannot say.
    """
    if not 0 <= milliseconds <= _MAX_FORMATTED:
        raise ValueError(f"{milliseconds} ms is not a duration: expected 0 to {_MAX_FORMATTED} ms")
    parts: list[str] = []
    rest = milliseconds
    for unit, size in _MILLISECONDS.items():
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


def parse_size(value: str) -> int:
    """Bytes of a size such as "10Mi", "16Ki", "2M" or "1000". ValueError if it is not one.

    The suffixes are those of Kubernetes quantities: Ki, Mi, Gi, Ti are powers of 1024; k, M, G, T powers of 1000.
    """
    match = _SIZE.fullmatch(value)
    if match is None:
        raise ValueError(
            f"{_shown(value)} is not a size: expected whole bytes with k, M, G, T, Ki, Mi, Gi or Ti, for example 10Mi"
        )
    return int(match[1]) * _BYTES[match[2] or ""]


def printable(text: str) -> str:
    """Text that may hold anything (a file's name, HAProxy quoting a file) as one line that a terminal may show."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def did_you_mean(word: str, options: Iterable[str]) -> str | None:
    """The one of `options` that `word` most likely meant, or None if none is close. Case is the first thing forgiven.

    The answer is always one of `options`, never part of `word`, so it is safe to print. Very long words are not
    compared, because the comparison is quadratic and the word may come from anybody.
    """
    if len(word) > _LONGEST_COMPARED:
        return None
    by_folded: dict[str, str] = {}
    for option in options:
        by_folded.setdefault(option.casefold(), option)
    folded = word.casefold()
    if folded in by_folded:
        return by_folded[folded]
    close = difflib.get_close_matches(folded, list(by_folded), n=1, cutoff=0.65)
    return by_folded[close[0]] if close else None


def _shown(value: str) -> str:
    """`value` quoted on one line and cut short: it is the user's, and may hold newlines or a megabyte."""
    return repr(value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…")
