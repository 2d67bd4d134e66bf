"""Everything known at one moment, frozen: the input of translation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from haloy.api.v1alpha1 import Backend, HealthPolicy, Route, TlsSecret
from haloy.model.refs import ObjectRef
from haloy.text import printable

Object = Route | Backend | HealthPolicy | TlsSecret

EMPTY: Mapping[ObjectRef, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object was written. `line` and `column` count from 1; 0: unknown. Its text is for people: one line that may be
    shown anywhere, whatever the file's name."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([printable(self.file), *(str(number) for number in (self.line, self.column) if number)])


@dataclass(frozen=True, slots=True)
class Rejection:
    """An object, or a whole file (`ref` None), that could not be read. `problems` are complete sentences.

    `kept`: an earlier valid version of the object is still in force.
    """

    place: Place
    problems: tuple[str, ...]
    ref: ObjectRef | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer for a DNS name. `addresses` sorted and without duplicates; `error`: why the last look-up failed
    (then `addresses` are the last good ones)."""

    addresses: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The objects by ref and what belongs to them. Replaced as a whole; never changed.

    `synced` False: some source has not delivered its first complete state, nothing may be published from it.
    `namespaces`: labels by namespace (empty without Kubernetes).
    """

    objects: Mapping[ObjectRef, Object] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = ()
    resolutions: Mapping[str, Resolution] = field(default_factory=dict)
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    places: Mapping[ObjectRef, Place] = field(default_factory=dict)
    synced: bool = False
    at: datetime | None = None

    def routes(self) -> tuple[Route, ...]:
        return tuple(item for _, item in sorted(self.objects.items()) if isinstance(item, Route))

    def backends(self) -> tuple[Backend, ...]:
        return tuple(item for _, item in sorted(self.objects.items()) if isinstance(item, Backend))


FILES_SUFFIX = ".tls-files"


def secret_of_files(route: ObjectRef) -> ObjectRef:
    """The ref under which a source stores, as a TlsSecret, what a Route's `tls.crtFile` and `tls.keyFile` hold."""
    return ObjectRef("Secret", route.namespace, route.name + FILES_SUFFIX)


def made_of_files(ref: ObjectRef) -> bool:
    """Whether `ref` is what `secret_of_files` gives: a Secret that no user wrote, or would know by that name."""
    return ref.kind == "Secret" and ref.name.endswith(FILES_SUFFIX)


def owner_of_files(ref: ObjectRef) -> ObjectRef:
    """The Route that a Secret made of its `crtFile` and `keyFile` belongs to; any other object itself."""
    if made_of_files(ref):
        return ObjectRef("Route", ref.namespace, ref.name.removesuffix(FILES_SUFFIX))
    return ref
