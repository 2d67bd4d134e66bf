"""The mix of 300 changes: for each kind a function from a version to the next one. Deterministic for a seed."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, count

from tests.proof.load.versions import PATHS, Action, Kind, Version

FIRST, SECOND = ("u0", "u1", "u2"), ("u3", "u4", "u5")
"""Whose endpoints Backends `-a` and `-b` have: no upstream belongs to both."""

KNOWN = ("RoundRobin", "LeastConnections", "Random", "SourceIP")
"""Algorithms of profiles that stay in use all the time; with the built-in time-outs and retries."""

RETRIES = tuple(
    ("connectFailure", *pair) for pair in combinations(("408", "425", "500", "501", "502", "503", "504"), 2)
)
"""Each makes another profile."""


@dataclass(frozen=True, slots=True)
class Change:
    """`novel`: HAProxy must be given something that only a reload brings. `check_path`: seen by checks, not by requests."""

    kind: str
    before: Version
    after: Version
    novel: bool = False

    @property
    def check_path(self) -> bool:
        return self.kind == "check path"


Step = Callable[[Version, random.Random, Iterator[int]], Version]


def _others(held: tuple[str, ...], among: tuple[str, ...]) -> list[str]:
    return [name for name in among if name not in held]


def _marked(version: Version, number: Iterator[int], **fields: object) -> Version:
    """The Route itself changes, so its filters say so."""
    return replace(version, mark=str(next(number)), **fields)  # type: ignore[arg-type]


def _replaced(version: Version, chance: random.Random, **fields: object) -> Version:
    """Both Backends change, and endpoints with them, so that answers tell."""
    a, b = chance.choice(_others(version.a, FIRST)), chance.choice(_others(version.b, SECOND))
    return replace(version, a=(a,), b=(b,), **fields)  # type: ignore[arg-type]


def _condition(version: Version, chance: random.Random, number: Iterator[int]) -> Version:
    kinds = [kind for kind in (Kind.NONE, Kind.HEADER, Kind.QUERY, Kind.METHOD) if kind is not version.kind]
    return _marked(version, number, kind=chance.choice(kinds))


def _action(version: Version, chance: random.Random, number: Iterator[int]) -> Version:
    return _marked(version, number, action=chance.choice([one for one in Action if one is not version.action]))


def _weights(version: Version, chance: random.Random, number: Iterator[int]) -> Version:
    choices = [pair for pair in ((1, 0), (0, 1), (1, 1), (3, 1)) if pair != version.weights]
    return _marked(version, number, weights=chance.choice(choices), action=Action.FORWARD)


def _endpoint_more(version: Version, chance: random.Random, number: Iterator[int]) -> Version:
    """In the clear sight of the plain request: forwarded to Backend `-a` alone."""
    if len(version.a) > 1:
        return replace(version, a=version.a[1:])
    return replace(version, a=(*version.a, chance.choice(_others(version.a, FIRST))))


def _algorithm(version: Version, chance: random.Random, number: Iterator[int]) -> Version:
    names = [name for name in KNOWN if name != version.algorithm]
    return _replaced(
        version, chance, algorithm=chance.choice(names), connect_timeout=5_000, retry_on=("connectFailure",)
    )


ORDINARY: Mapping[str, Step] = {
    "path": lambda version, _, number: _marked(version, number, path=PATHS[PATHS.index(version.path) ^ 1]),
    "condition": _condition,
    "filter": lambda version, _, number: _marked(version, number),
    "rewrite": lambda version, _, number: _marked(version, number, rewrite=not version.rewrite),
    "redirect or direct answer": _action,
    "weights": _weights,
    "endpoint replaced": lambda version, chance, _: _replaced(version, chance),
    "endpoint added or removed": _endpoint_more,
    "known profile": _algorithm,
    "check path": lambda version, _, number: replace(version, check_path=f"/healthz/{version.name}-{next(number)}"),
    "Route deleted or made": lambda version, _, number: _marked(version, number, present=not version.present),
}
NOVEL: Mapping[str, Step] = {
    "new connect time-out": lambda version, chance, number: _replaced(
        version, chance, connect_timeout=6_000 + next(number)
    ),
    "new regular expression": lambda version, _, number: _marked(
        version, number, kind=Kind.REGEX, pattern=f"canary|never-{next(number)}"
    ),
}
NEEDS_ROUTE = frozenset(ORDINARY) - {"Route deleted or made", "check path"} | frozenset(NOVEL)
BACKEND_ONLY = frozenset({"endpoint replaced", "endpoint added or removed", "known profile", "new connect time-out"})
"""Seen only while the main rule forwards to Backend `-a`."""


class Mix:
    """Draws changes. `fresh`: names of Routes that do not exist yet, each to come once."""

    def __init__(self, seed: int, fresh: list[str]) -> None:
        self._chance = random.Random(seed)
        self._numbers = count(1)
        self._retries = iter(RETRIES)
        self._fresh = fresh

    def schedule(self, changes: int, novelties: int) -> list[list[str]]:
        """Kinds in bursts of one to three; a novelty stands alone or beside one ordinary change."""
        chance = self._chance
        ordinary = [
            kind
            for _, kind in zip(
                range(changes - novelties), self._evenly([*ORDINARY, "new Route", "certificate"]), strict=False
            )
        ]
        novel = [[kind] for _, kind in zip(range(novelties), self._evenly([*NOVEL, "new retries"]), strict=False)]
        for burst in novel[::2]:
            burst.append(ordinary.pop())
        bursts = novel
        while ordinary:
            size = chance.choice((1, 2, 3))
            bursts.append(ordinary[:size])
            ordinary = ordinary[size:]
        chance.shuffle(bursts)
        return bursts

    def _evenly(self, kinds: list[str]) -> Iterator[str]:
        while True:
            self._chance.shuffle(kinds)
            yield from kinds

    def draw(self, kind: str, current: Mapping[str, Version], busy: set[str]) -> Change:
        """A change of `kind` to one of `current` that is not in `busy`."""
        chance = self._chance
        if kind == "new Route":
            name = self._fresh.pop()
            return Change(kind, Version(name), _marked(Version(name), self._numbers, present=True))
        fits = [
            version
            for name, version in sorted(current.items())
            if name not in busy
            and (version.present or kind not in NEEDS_ROUTE)
            and (kind not in BACKEND_ONLY | {"new retries"} or _shows_backend(version))
        ]
        before = chance.choice(fits)
        if kind == "new retries":
            return Change(kind, before, _replaced(before, chance, retry_on=next(self._retries)), novel=True)
        novel = kind in NOVEL
        return Change(kind, before, (NOVEL if novel else ORDINARY)[kind](before, chance, self._numbers), novel)


def _shows_backend(version: Version) -> bool:
    return version.present and version.action is Action.FORWARD and version.weights == (1, 0)
