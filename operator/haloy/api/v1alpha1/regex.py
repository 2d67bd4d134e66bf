"""Regular expressions that users may write: a subset whose cost is bounded, and which every engine reads alike.

They run in the proxy, on every request, against hostile input. Backreferences, look-around and a repetition inside a
repetition make matching exponential (ReDoS) and are refused; so is what Python, PCRE and RE2 read differently. What
remains is at worst polynomial, and an engine with a step limit (PCRE) ends it in milliseconds.
"""

import re
import warnings
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_LENGTH = 512
MAX_REPEAT = 1000
"""The highest count of a repetition, and of repetitions inside each other together."""
_DIALECT = re.compile(r"(?<!\\)(?:\\\\)*(?:\\[uUN]|\{,)")


def check_regex(text: str) -> None:
    """Whether haloy accepts the expression.

    Raises:
        ValueError: it does not; the text continues after the expression: why, and what to do.
    """
    if not 0 < len(text) <= MAX_LENGTH:
        raise ValueError(f"must have 1 to {MAX_LENGTH} characters; split it into several matches")
    if not text.isascii() or not text.isprintable():
        raise ValueError("has characters other than printable ASCII; write them as escapes, for example \\xe4")
    if _DIALECT.search(text):
        raise ValueError("has \\u, \\U, \\N or {,n}, which engines read differently; write \\xhh or {0,n}")
    tree = _parsed(text)
    if tree.state.flags != re.UNICODE:
        raise ValueError("sets flags such as (?i), which is not supported; write both cases, for example [aA]")
    _check(tree, repeated=False, count=1)


def _parsed(text: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            return parser.parse(text)
    except FutureWarning as error:
        raise ValueError("has a set with an unescaped [, --, &&, || or ~~, which engines read differently") from error
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}; correct it, or use type Exact") from error


def _check(tree: Any, *, repeated: bool, count: int) -> None:
    """`repeated`: inside a repetition of varying length, `count`: inside fixed repetitions of so many times together."""
    for operator, argument in tree:
        if operator in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            low, high, body = argument
            _check_repeat(low, high, repeated=repeated, count=count)
            fixed = high if high != constants.MAXREPEAT else 1
            _check(body, repeated=repeated or high > max(low, 1), count=count * max(fixed, 1))
        elif operator is constants.SUBPATTERN:
            _, add_flags, remove_flags, body = argument
            if add_flags or remove_flags:
                raise ValueError("sets flags such as (?i:...), which is not supported; write both cases, like [aA]")
            _check(body, repeated=repeated, count=count)
        elif operator is constants.BRANCH:
            if repeated and not _told_apart(argument[1]):
                raise ValueError(
                    "has alternatives inside a repetition that do not begin with different characters, like (a|ab)*, "
                    "which can take exponential time; write the alternatives outside of the repetition"
                )
            for alternative in argument[1]:
                _check(alternative, repeated=repeated, count=count)
        elif operator in (constants.GROUPREF, constants.GROUPREF_EXISTS):
            raise ValueError("has a backreference, which can take exponential time; write the alternatives out")
        elif operator in (constants.ASSERT, constants.ASSERT_NOT):
            raise ValueError("has a look-around, which is not supported; use several matches or a header match")
        elif operator in (constants.ATOMIC_GROUP, constants.POSSESSIVE_REPEAT):
            raise ValueError(
                "has an atomic group or a possessive repetition, which not every engine knows; simplify it"
            )


def _check_repeat(low: int, high: int, *, repeated: bool, count: int) -> None:
    if repeated and low != high:
        raise ValueError(
            "has a repetition or ? inside a repetition, like (a+)+, which can take exponential time; flatten it"
        )
    if count * max(low, high if high != constants.MAXREPEAT else 1) > MAX_REPEAT:
        raise ValueError(f"repeats something more than {MAX_REPEAT} times; use * or +")


def _told_apart(alternatives: list[Any]) -> bool:
    """Whether the first character already decides between the alternatives."""
    first = [alternative[0] if len(alternative) else None for alternative in alternatives]
    literals = {item[1] for item in first if item is not None and item[0] is constants.LITERAL}
    return len(literals) == len(alternatives)
