"""What a transaction leads to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from haloy.proxies.base import Refusal
from haloy.proxies.haproxy.apply.generations import Generation
from haloy.proxies.haproxy.apply.record import read_record
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.plan.meanwhile import meanwhile
from haloy.proxies.haproxy.plan.running import Running
from haloy.proxies.haproxy.process.alerts import Alert
from haloy.proxies.haproxy.slots.layout import Layout

Blame = Callable[[Iterable[Alert]], tuple[Refusal, ...]]
"""HAProxy's complaints about a target, traced to objects."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a transaction leads to. `materials`: PEM by digest, complete for `artifacts`.

    `again`: the same once more, laid out around what is live then (True: with all pools filled up, which is a reload);
    None: it is what it is. `around`: the Layout that it was laid out around.
    """

    artifacts: Artifacts
    materials: Mapping[str, bytes]
    blame: Blame
    again: "Callable[[bool], Target] | None" = None
    around: Layout | None = None

    @property
    def pem(self) -> dict[str, bytes]:
        """PEM by file name."""
        return {path: self.materials[digest] for path, digest in self.artifacts.pem_files.items()}

    @property
    def sizes(self) -> dict[str, int]:
        return {digest: len(content) for digest, content in self.materials.items()}

    def with_parts_of(self, wanted: "Target", running: Running, limit: int | None) -> "Target":
        """This one, with what of `wanted` needs no reload (`meanwhile`)."""
        artifacts = meanwhile(self.artifacts, running, wanted.artifacts, wanted.sizes, limit)
        return Target(artifacts, {**self.materials, **wanted.materials}, wanted.blame)

    def up_to_date(self, layout: Layout) -> "Target":
        """This one, laid out around `layout`, which is live now: something else may have happened since it was made."""
        if self.again is None or self.around is None or self.around is layout:
            return self
        same = self.around.placements is layout.placements and self.around.structure == layout.structure
        return self if same and self.around.resting >= layout.resting else self.again(False)

    def laid_out_fresh(self) -> "Target":
        """This one for a reload: with all pools filled up, and those closed up that few are left in."""
        return self if self.again is None else self.again(True)


def recorded(generation: Generation) -> Target:
    """What `generation` says on disk. Blocking. Raises RecordError, OSError."""
    artifacts = read_record(generation)
    materials = {digest: generation.read(path) or b"" for path, digest in artifacts.pem_files.items()}
    return Target(artifacts, materials, lambda alerts: tuple(Refusal(None, str(alert)) for alert in alerts))
