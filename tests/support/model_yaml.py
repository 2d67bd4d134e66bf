"""The Model written as YAML by hand, for goldens: what `haloy.model.printing.to_yaml` prints, read back."""

import types
from dataclasses import fields, is_dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from haloy.model.model import Model
from haloy.model.printing import UNION_MEMBERS
from haloy.model.refs import FieldRef, ObjectRef


def read_model(text: str) -> Model:
    """Fields that are left out have their defaults. References are strings: `route/web/shop spec.rules[0]`."""
    model = _read(Model, yaml.safe_load(text))
    assert isinstance(model, Model)
    return model


def _read(wanted: Any, value: Any) -> Any:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, value)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_read(arguments[0], item) for item in value or ())
        return tuple(_read(part, item) for part, item in zip(arguments, value, strict=True))
    if wanted is ObjectRef:
        return ObjectRef.parse(value)
    if wanted is FieldRef:
        ref, _, field = value.partition(" ")
        return FieldRef(ObjectRef.parse(ref), field)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return wanted(value)
    if is_dataclass(wanted):
        hints = get_type_hints(wanted)
        unknown = set(value or {}) - {field.name for field in fields(wanted)}
        assert not unknown, f"{wanted.__name__} has no {unknown}"
        return wanted(**{name: _read(hints[name], item) for name, item in (value or {}).items()})
    return value


def _read_union(members: tuple[Any, ...], value: Any) -> Any:
    if value is None:
        return None
    if IPv4Network in members or IPv6Network in members:
        return ip_network(value)
    others = [member for member in members if member is not types.NoneType]
    if len(others) == 1:
        return _read(others[0], value)
    assert all(member in UNION_MEMBERS for member in others), others
    ((name, inner),) = value.items()
    return _read(next(member for member in others if member.__name__ == name), inner)
