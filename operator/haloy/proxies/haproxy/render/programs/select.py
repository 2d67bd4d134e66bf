"""The program of a chain: candidates in order of precedence, tests first, then the rule they lead to."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from haloy.proxies.haproxy.render.conditions import Chain, Fits, HeaderIs, MethodIs, QueryIs, Test
from haloy.proxies.haproxy.render.programs.words import encode


def select_program(chain: Chain) -> str:
    """`method GET`, `header name value`, `query name value`, `fits expression` and, at the end of a candidate, `rule id`."""
    return encode(_words(chain))


def _words(chain: Chain) -> Iterator[str]:
    for step in chain.steps:
        for test in step.tests:
            yield from _test(test)
        yield from ("rule", step.rule)


def _test(test: Test) -> tuple[str, ...]:
    match test:
        case MethodIs():
            return "method", test.method
        case HeaderIs():
            return "header", test.name, test.value
        case QueryIs():
            return "query", test.name, test.value
        case Fits():
            return "fits", test.expression.id
        case _:
            assert_never(test)


_ARITY = {"method": 1, "header": 2, "query": 2, "fits": 1, "rule": 1}


def arguments(words: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The words of a program of `select_program`, each with what belongs to it. Raises KeyError, StopIteration if it is none."""
    listed = iter(words)
    for word in listed:
        yield word, tuple(next(listed) for _ in range(_ARITY[word]))
