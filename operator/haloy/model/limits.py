"""What the Routes of many may cost each request at most. All else that users write is bounded object by object, by the API."""

from collections.abc import Iterable

from haloy.model.routing import Candidate, PathKind

MAX_CANDIDATES = 256
"""Matches with conditions (a method, headers, query parameters, a regular expression) that a request on one path may have to be
compared with. Matches that the path alone decides are not counted: a look-up finds them."""

MAX_TESTS = 2_048
"""Conditions of those matches together. One costs HAProxy a microsecond at most."""

MAX_TEXT = 64 * 1024
"""Characters of the names and values of those conditions together, so that what a proxy reads for one path is bounded. A single match
has fewer in any case."""

Cost = tuple[int, int, int]
"""Candidates with conditions, their conditions, the characters of those."""


class Budget:
    """What is left of these limits on one path. Once a candidate has not found room, no later one does, so that whoever goes first
    never depends on who comes later."""

    def __init__(self, before: Cost = (0, 0, 0)) -> None:
        """`before`: what is taken already."""
        self._candidates, self._tests, self._text = before
        self._full = False

    @property
    def cost(self) -> Cost:
        """Of all that was admitted, and of what was taken before."""
        return self._candidates, self._tests, self._text

    def admits(self, candidate: Candidate) -> bool:
        """Takes the cost of one more candidate, if there is room for it. An unconditional one costs nothing."""
        tests, text = _cost(candidate)
        if tests == 0:
            return True
        cost = self._candidates + 1, self._tests + tests, self._text + text
        self._full = self._full or exceeds(cost)
        if not self._full:
            self._candidates, self._tests, self._text = cost
        return not self._full


def total(costs: Iterable[Cost], without: Iterable[Cost] = ()) -> Cost:
    """All of `costs` together, but for those `without`."""
    found = [sum(column) for column in zip((0, 0, 0), *costs, strict=True)]
    less = [sum(column) for column in zip((0, 0, 0), *without, strict=True)]
    return found[0] - less[0], found[1] - less[1], found[2] - less[2]


def exceeds(cost: Cost) -> bool:
    """Whether one path has more than it may."""
    candidates, tests, text = cost
    return candidates > MAX_CANDIDATES or tests > MAX_TESTS or text > MAX_TEXT


def _cost(candidate: Candidate) -> tuple[int, int]:
    """The conditions of a candidate beside a path that a look-up finds, and their characters."""
    match = candidate.match
    if match.only_path and match.path.kind is not PathKind.REGEX:
        return 0, 0
    values = (*match.headers, *match.query)
    text = sum(len(one.name) + len(one.value) for one in values)
    if match.path.kind is PathKind.REGEX:
        text += len(match.path.value)
    return len(values) + (match.method is not None) + (match.path.kind is PathKind.REGEX), text
