"""Configuration lines together with the place in a manifest that they come from."""

from dataclasses import dataclass, field

from haloy.model.refs import FieldRef, ObjectRef
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.tokens import Token


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one section that one field is responsible for, and the files they name."""

    source: FieldRef
    lines: tuple[Token, ...] = ()
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    @property
    def comment(self) -> Token:
        return comment(self.source)


def comment(source: FieldRef | ObjectRef) -> Token:
    """`# Route web/shop spec.rules[0]`: what source_map reads back."""
    place = FieldRef(source) if isinstance(source, ObjectRef) else source
    ref = place.ref
    parts = [tokens.keyword("#"), tokens.name(ref.kind), Token(f"{tokens.name(ref.namespace)}/{tokens.name(ref.name)}")]
    parts += [tokens.field_path(place.field)] if place.field else []
    return tokens.join(*parts)


def at(source: FieldRef | ObjectRef, field_path: str) -> FieldRef:
    """A field below `source`: `.filters[0]` of a rule, `spec.tls` of an object."""
    if isinstance(source, ObjectRef):
        return FieldRef(source, field_path)
    return FieldRef(source.ref, f"{source.field}.{field_path}" if source.field else field_path)
