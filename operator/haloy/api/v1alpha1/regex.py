"""Regular expressions that users may write: a subset whose cost is bounded.

They run in the proxy, on every request, against hostile input. Backreferences, look-around and a repetition inside a
repetition make matching exponential (ReDoS) and are refused; so is what Python, PCRE and RE2 read differently.
"""

import re
from collections.abc import Iterator
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_LENGTH = 512
_MANY = 10
"""A repetition that can happen more often than this counts as one for the ban on nesting."""
_MAX_REPEAT = 1000


def check_regex(text: str) -> None:
    """Whether haloy accepts the expression.

    Raises:
        ValueError: it does not; the text says why and what to do.
    """
    if not 0 < len(text) <= MAX_LENGTH:
        raise ValueError(f"must have 1 to {MAX_LENGTH} characters; split it into several matches")
    if not text.isascii() or not text.isprintable():
        raise ValueError("must consist of printable ASCII characters; write others as escapes, for example \\xe4")
    if re.search(r"\(\?(?![:P])|\(\?P[^<]", text):
        raise ValueError("has a group that starts with (?; only (...), (?:...) and (?P<name>...) are allowed")
    try:
        tree = parser.parse(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    _walk(tree, inside_repeat=False)


def _walk(tree: Any, *, inside_repeat: bool) -> None:
    for operator, argument in tree:
        if operator in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            _, high, body = argument
            if high != constants.MAXREPEAT and high > _MAX_REPEAT:
                raise ValueError(f"repeats more than {_MAX_REPEAT} times; use * or +")
            many = bool(high == constants.MAXREPEAT or high > _MANY)
            if many and inside_repeat:
                raise ValueError(
                    "has a repetition inside a repetition, like (a+)+, which can take exponential time; flatten it"
                )
            _walk(body, inside_repeat=inside_repeat or many)
            continue
        if operator in (constants.GROUPREF, constants.GROUPREF_EXISTS):
            raise ValueError("has a backreference, which can take exponential time; write the alternatives out")
        if operator in (constants.ASSERT, constants.ASSERT_NOT):
            raise ValueError("has a look-around, which is not supported; use several matches or a header match")
        if str(operator) in ("ATOMIC_GROUP", "POSSESSIVE_REPEAT"):
            raise ValueError(
                "has an atomic group or a possessive repetition, which not every proxy knows; leave the + out"
            )
        for part in _parts(operator, argument):
            _walk(part, inside_repeat=inside_repeat)


def _parts(operator: Any, argument: Any) -> Iterator[Any]:
    if operator is constants.SUBPATTERN:
        yield argument[-1]
    elif operator is constants.BRANCH:
        yield from argument[1]
