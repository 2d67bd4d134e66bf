"""Who may have how many of the fleet's regular expressions: HAProxy asks each of them on every request with conditions, so they are few."""

from collections.abc import Iterable
from dataclasses import dataclass

from haloy.model.refs import ObjectRef


@dataclass(frozen=True, slots=True)
class Share:
    """`left`: how many of its own a Route may have. `limit` is reached by the Routes before it: by those of its namespace, or, with
    `fleet`, by those of all."""

    left: int
    limit: int
    fleet: bool


def short_shares(wanting: Iterable[tuple[ObjectRef, int]], *, each: int, fleet: int) -> dict[ObjectRef, Share]:
    """The Routes that come too late for all that they want.

    `wanting`: each Route with how many it wants, senior first. A namespace has at most `each`, so what another one saves takes
    nothing from it; only when all together have `fleet`, the juniors get none.
    """
    used: dict[str, int] = {}
    left = fleet
    found: dict[ObjectRef, Share] = {}
    for ref, count in wanting:
        own = each - used.get(ref.namespace, 0)
        got = min(count, own, left)
        if got < count:
            found[ref] = Share(got, each if own <= left else fleet, fleet=left < own)
        used[ref.namespace] = used.get(ref.namespace, 0) + got
        left -= got
    return found
