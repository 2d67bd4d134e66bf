"""The Layout: what is compiled into the configuration, and which Cluster has which place in it. Plain values.

docs/design/0003-no-reload.md says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # artifacts.py holds a Layout
    from haloy.proxies.haproxy.artifacts import Server

Leaving = Mapping[tuple[str, str], "Server"]
"""Servers that HAProxy still has and that are on their way out, by (section, server)."""


@dataclass(frozen=True, slots=True)
class Pools:
    """How many spare slots are laid out.

    `spare` for each profile in use, or a quarter of its taken slots where that is more; `most` in all profiles together,
    shared among namespaces where they would want more (`shares`), though each profile has one. `spare` 0: none, as in `haloy render`.
    """

    spare: int = 128
    most: int = 4_096

    def low(self, spare: int) -> int:
        """So many free slots, of `spare` laid out, are few: time to refill."""
        return spare // 8


DEFAULT_POOLS = Pools()


@dataclass(frozen=True, slots=True)
class Profile:
    """`text`: the lines of the section below its name, without servers. `id`: 16 hex digits, a digest of `text`: so many
    that nobody makes up a text with the id of another's."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression compiled for one virtual host. `id` names its variable; `sample`: what is matched,
    as finished configuration text (`path`, `req.fhdr(x-env)`, ...); `pattern`: what the user wrote."""

    id: str
    virtual_host: str
    sample: str
    pattern: str


class ChangeKind(StrEnum):
    """What filters do, in the alphabet's order of when they do it: the path's beginning or all of it, the host, headers of the
    request, headers of what servers answer. ROOT, a PREFIX that is replaced by `/`, is compiled with that PREFIX."""

    PREFIX = "a-prefix"
    ROOT = "a-root"
    PATH = "b-path"
    HOST = "c-host"
    REMOVE = "d-remove"
    SET = "e-set"
    ADD = "f-add"
    AFTER_REMOVE = "g-after-remove"
    AFTER_SET = "h-after-set"
    AFTER_ADD = "i-after-add"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Something that filters do, as far as it is compiled; values are data. `name`: of the header, lower-case; how long the
    matched PREFIX is, in bytes; else empty."""

    kind: ChangeKind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """`slot`: a section's name. `servers`: what the Cluster has there, as its section says."""

    slot: str
    servers: tuple["Server", ...] = ()


@dataclass(frozen=True, slots=True)
class Demand:
    """What a Model asks for. `clusters`: by name the profile and the servers that are wanted, in any order.

    `expressions`, `headers` (response headers, lower-case), `cookies` (affinity cookies): sorted, without repetitions.
    `changes`: those of filters that are used most, sorted; whatever there are, none is worth a reload.
    """

    clusters: Mapping[str, tuple[Profile, tuple["Server", ...]]] = field(default_factory=dict)
    expressions: tuple[Expression, ...] = ()
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """`profiles`: Profile by id. `slots`: by profile, how many slots it has: they are numbered from 0 on.

    `placements`: by Cluster. `resting`: slots that were left and have not come to rest: nobody gets them.
    `expressions`, `headers`, `cookies`, `changes`: what is compiled; it may be more than is needed now.
    Two Layouts with the same `structure` give the same configuration, servers aside.
    """

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    slots: Mapping[str, int] = field(default_factory=dict)
    placements: Mapping[str, Placement] = field(default_factory=dict)
    resting: frozenset[str] = frozenset()
    expressions: tuple[Expression, ...] = ()
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def structure(self) -> tuple[object, ...]:
        """What a reload is needed for to change."""
        return self.profiles, self.slots, *self.in_frontends

    @property
    def in_frontends(self) -> tuple[tuple[object, ...], ...]:
        """What of the structure is part of the frontends."""
        return self.expressions, self.headers, self.cookies, self.changes


EMPTY = Layout()


def slot_name(profile: str, number: int) -> str:
    """`slot.3f9a01bc5d6e7f80.17`."""
    return f"slot.{profile}.{number}"


def profile_of(slot: str) -> str | None:
    """The profile's id in a slot's name; None if it is no slot."""
    parts = slot.split(".")
    return parts[1] if len(parts) == 3 and parts[0] == "slot" else None
