"""Paths that inherit more conditions from shorter ones than one path may have: whose are not asked there.

`flatten` leaves them out, those of the shortest paths first; here is found out who is to be told. Each path alone has no more
than it may (hosts.py), so this matters only to a host whose paths have more all together.
"""

from collections.abc import Mapping
from typing import Protocol

from haloy.model.flatten import unconditional
from haloy.model.limits import Budget, Cost, exceeds, total
from haloy.model.refs import ObjectRef
from haloy.model.routing import Candidate
from haloy.translate.conflicts import Loss, NotReached
from haloy.translate.matches import EXPRESSIONS, PathKey, is_prefix, prefix_key

_NOTHING: Cost = (0, 0, 0)


class Path(Protocol):
    """A Group: the candidates of one path, and what they cost."""

    @property
    def candidates(self) -> tuple[Candidate, ...]: ...

    @property
    def cost(self) -> Cost: ...


def crowded_below(host: str, groups: Mapping[PathKey, Path]) -> Mapping[ObjectRef, tuple[Loss, ...]]:
    """By Route what of it is not asked on longer paths than its own; Routes sorted."""
    crowd = _Crowd(groups)
    fields: dict[ObjectRef, dict[str, None]] = {}
    paths: dict[ObjectRef, list[str]] = {}
    for key in sorted(groups):
        for ref, unasked in crowd.unasked(key).items():
            fields.setdefault(ref, {}).update(unasked)
            paths.setdefault(ref, []).append(key[2] or "/")
    return {
        ref: (NotReached(host, next(iter(fields[ref])), len(fields[ref]), paths[ref][0], len(paths[ref])),)
        for ref in sorted(fields)
    }


class _Crowd:
    def __init__(self, groups: Mapping[PathKey, Path]) -> None:
        self._groups = groups
        self._costs: dict[PathKey | None, Cost] = {None: _NOTHING}
        self._found: dict[tuple[PathKey | None, Cost], Mapping[ObjectRef, dict[str, None]]] = {}

    def unasked(self, key: PathKey) -> Mapping[ObjectRef, dict[str, None]]:
        """By Route the fields of the matches that the path `key` inherits in vain."""
        above = self._above(key)
        own = self._groups[key].cost
        if not exceeds(total((own, self._cost(above)))):
            return {}
        known = self._found.get((above, own))
        if known is None:
            known = self._found[above, own] = self._beyond(above, own)
        return known

    def _beyond(self, above: PathKey | None, taken: Cost) -> Mapping[ObjectRef, dict[str, None]]:
        budget = Budget(taken)
        found: dict[ObjectRef, dict[str, None]] = {}
        while above is not None:
            for candidate in self._groups[above].candidates:
                if not unconditional(candidate) and not budget.admits(candidate):
                    found.setdefault(candidate.rule.route, {})[candidate.source.field] = None
            above = self._above(above)
        return found

    def _cost(self, key: PathKey | None) -> Cost:
        """Of a path's own conditions and all that it inherits."""
        if key not in self._costs:
            assert key is not None
            self._costs[key] = total((self._groups[key].cost, self._cost(self._above(key))))
        return self._costs[key]

    def _above(self, key: PathKey) -> PathKey | None:
        """What a path inherits from: the next shorter prefix, at last the expressions; None: nothing."""
        if key == EXPRESSIONS or unconditional(self._groups[key].candidates[-1]):
            return None
        path: str = key[2]
        if not is_prefix(key) and prefix_key(path) in self._groups:
            return prefix_key(path)
        while (cut := path.rfind("/")) >= 0:
            path = path[:cut]
            if prefix_key(path) in self._groups:
                return prefix_key(path)
        return EXPRESSIONS if EXPRESSIONS in self._groups else None
