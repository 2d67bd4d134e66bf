"""What HAProxy died of when it was reloaded: it is not tried again as long as the same is wanted."""

from collections.abc import Hashable

from haloy.proxies.haproxy.apply.target import Target
from haloy.proxies.haproxy.slots.layout import profile_of

MESSAGE = (
    "HAProxy died when it was reloaded with this, so that it is not tried again before something else is wanted: another "
    "Backend, profile, expression or setting"
)


class Deadly:
    """Remembers the last one. A death by a signal that others send (SIGKILL, SIGTERM) may have been chance, once."""

    def __init__(self) -> None:
        self._wanted: Hashable = None
        self._deaths = 0

    def died(self, target: Target, *, chance: bool) -> None:
        """HAProxy died in a reload for `target`."""
        wanted = _wanted(target)
        self._deaths = (self._deaths if wanted == self._wanted else 0) + (1 if chance else 2)
        self._wanted = wanted

    def __contains__(self, target: Target) -> bool:
        return self._deaths > 1 and _wanted(target) == self._wanted


def _wanted(target: Target) -> Hashable:
    """What a reload is for: not the servers, which come and go, nor the numbers of slots, which depend on what rests."""
    artifacts = target.artifacts
    layout = artifacts.layout
    own = [
        (section.name, section.text)
        for fragment in artifacts.fragments
        for section in fragment.sections
        if profile_of(section.name) is None
    ]
    return tuple(own), frozenset(layout.profiles), frozenset(layout.placements), layout.in_frontends
