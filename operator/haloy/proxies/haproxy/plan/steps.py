"""The typed steps of a Plan. Each prints as a sentence; none holds key material (certificates are named by digest)."""

from dataclasses import dataclass, field

from haloy.model.cluster import EndpointState
from haloy.proxies.base import ReloadReason
from haloy.proxies.haproxy.artifacts import CertificateLine, Server

Entries = tuple[tuple[str, str], ...]
"""Map entries (key, value), sorted by key."""


@dataclass(frozen=True, slots=True)
class WriteFiles:
    """Make the files of the present generation say what `revision` wants. Always first: file, then run time."""

    revision: str

    def __str__(self) -> str:
        return f"write the files of {self.revision}"


@dataclass(frozen=True, slots=True)
class NewCertificate:
    """Load a PEM file that HAProxy does not hold yet. `path` below `ca/` is a bundle of CA certificates."""

    path: str
    digest: str

    def __str__(self) -> str:
        return f"load {self.path}"


@dataclass(frozen=True, slots=True)
class ReplaceCertificate:
    """Exchange the content of a PEM file that HAProxy holds."""

    path: str
    digest: str

    def __str__(self) -> str:
        return f"replace {self.path}"


@dataclass(frozen=True, slots=True)
class DropCertificate:
    """Forget a PEM file that nothing refers to any more but servers on their way out: HAProxy lets go of it after them."""

    path: str

    def __str__(self) -> str:
        return f"drop {self.path}"


@dataclass(frozen=True, slots=True)
class AddCertificateLine:
    """Answer to the line's names with its certificate."""

    line: CertificateLine

    def __str__(self) -> str:
        return f"serve {self.line.path} to {', '.join(self.line.filters) or 'its own names'}"


@dataclass(frozen=True, slots=True)
class RemoveCertificateLine:
    """The names of `line` are no longer answered with its certificate, which remains loaded."""

    line: CertificateLine

    def __str__(self) -> str:
        return f"stop serving {self.line.path} to {', '.join(self.line.filters) or 'its own names'}"


@dataclass(frozen=True, slots=True)
class AddServer:
    """A server that the section does not have. It ends up in `server.state`, with `start_down` down until it passes.

    `heir_of`: the section that its Cluster leaves; where that has a server of this name, its health is inherited.
    """

    section: str
    server: Server
    heir_of: str | None = None

    def __str__(self) -> str:
        return f"add {self.section}/{self.server.name} in state {self.server.state.value}"


@dataclass(frozen=True, slots=True)
class RestoreServer:
    """A server on its way out (maintenance, still there) is wanted again, with the same options."""

    section: str
    server: Server

    def __str__(self) -> str:
        return f"bring {self.section}/{self.server.name} back in state {self.server.state.value}"


@dataclass(frozen=True, slots=True)
class SetWeight:
    """`weight` 0 to 256; 0 gets no new requests but by affinity."""

    section: str
    server: str
    weight: int

    def __str__(self) -> str:
        return f"give {self.section}/{self.server} the weight {self.weight}"


@dataclass(frozen=True, slots=True)
class SetState:
    """Begin or end draining a server; its health stays what it is."""

    section: str
    server: str
    state: EndpointState

    def __str__(self) -> str:
        return f"set {self.section}/{self.server} {self.state.value}"


@dataclass(frozen=True, slots=True)
class DrainServer:
    """Out of rotation at once (maintenance): no new request, not even by affinity; what is in flight goes on."""

    section: str
    server: str

    def __str__(self) -> str:
        return f"take {self.section}/{self.server} out of rotation"


@dataclass(frozen=True, slots=True)
class RemoveServer:
    """Delete a server that is out of rotation as soon as it is idle, at the latest when its drain time has passed."""

    section: str
    server: str

    def __str__(self) -> str:
        return f"delete {self.section}/{self.server} once idle"


@dataclass(frozen=True, slots=True)
class RestSlot:
    """Its Cluster has left it, nothing new leads there: its servers finish what still comes, are deleted once idle, and
    then the slot is free again. `cluster`: its name."""

    section: str
    cluster: str

    def __str__(self) -> str:
        return f"let {self.section} come to rest"


@dataclass(frozen=True, slots=True)
class SetMapEntries:
    """Entries one by one: first the `new` ones, then those whose value `changed`."""

    map: str
    new: Entries = ()
    changed: Entries = ()

    def __str__(self) -> str:
        return f"set {_counted(len(self.new), 'new')} and {_counted(len(self.changed), 'changed')} in {self.map}"


@dataclass(frozen=True, slots=True)
class DeleteMapEntries:
    """Keys that requests ask for: gone at once."""

    map: str
    keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"delete {_counted(len(self.keys), '')} from {self.map}"


@dataclass(frozen=True, slots=True)
class RetireMapEntries:
    """Keys that nothing leads to any more but requests that are under way: deleted a little later."""

    map: str
    keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"retire {_counted(len(self.keys), '')} of {self.map}"


@dataclass(frozen=True, slots=True)
class SwapMap:
    """Replace the whole map in one atomic commit."""

    map: str
    entries: Entries = field(repr=False)

    def __str__(self) -> str:
        return f"swap {self.map} for {_counted(len(self.entries), '')}"


@dataclass(frozen=True, slots=True)
class Reload:
    """Write a new generation, have it checked, start it beside the old one. Carries everything else in its files."""

    reasons: tuple[ReloadReason, ...]

    def __str__(self) -> str:
        return f"reload because of {'; '.join(str(reason) for reason in self.reasons)}"


RuntimeStep = (
    NewCertificate
    | ReplaceCertificate
    | DropCertificate
    | AddCertificateLine
    | RemoveCertificateLine
    | AddServer
    | RestoreServer
    | SetWeight
    | SetState
    | DrainServer
    | RemoveServer
    | RestSlot
    | SetMapEntries
    | DeleteMapEntries
    | RetireMapEntries
    | SwapMap
)
"""What the Runtime API does."""

Step = WriteFiles | RuntimeStep | Reload


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, to be taken in order: either WriteFiles followed by run-time steps, or one Reload, or nothing."""

    steps: tuple[Step, ...] = ()

    @property
    def reload(self) -> Reload | None:
        return next((step for step in self.steps if isinstance(step, Reload)), None)

    @property
    def runtime(self) -> tuple[RuntimeStep, ...]:
        return tuple(step for step in self.steps if not isinstance(step, WriteFiles | Reload))

    def __str__(self) -> str:
        return "; ".join(str(step) for step in self.steps) or "nothing to do"


def _counted(number: int, kind: str) -> str:
    words = f"{number} {kind}".rstrip()
    return f"{words} entry" if number == 1 else f"{words} entries"
