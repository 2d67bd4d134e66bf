"""An explanation as a tree of lines, ready to be printed or to be coloured by somebody else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from haloy.model.health import EndpointKey
from haloy.model.refs import ObjectRef

_NO_NOTES: Mapping[EndpointKey, str] = {}


@dataclass(frozen=True, slots=True)
class Line:
    """`text` says what is, `origin` where it came from (a field, a HealthPolicy, "built-in default"; empty: no matter).

    `endpoint`: the line is about this endpoint, so whoever prints may add its health.
    """

    text: str
    origin: str = ""
    endpoint: EndpointKey | None = None
    children: tuple["Line", ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What becomes of one object. `lines` are its chapters."""

    ref: ObjectRef
    lines: tuple[Line, ...] = field(default_factory=tuple)

    def text(self, notes: Mapping[EndpointKey, str] = _NO_NOTES) -> str:
        """As plain text, indented by two blanks a level; `notes` are put behind the endpoints' lines."""
        return "".join(f"{line}\n" for line in (str(self.ref), *_printed(self.lines, 1, notes)))


def _printed(lines: tuple[Line, ...], depth: int, notes: Mapping[EndpointKey, str]) -> Iterator[str]:
    for line in lines:
        note = notes.get(line.endpoint, "") if line.endpoint is not None else ""
        behind = f"  {note}" if note else ""
        origin = f"  ({line.origin})" if line.origin else ""
        yield f"{'  ' * depth}{line.text}{behind}{origin}"
        yield from _printed(line.children, depth + 1, notes)
