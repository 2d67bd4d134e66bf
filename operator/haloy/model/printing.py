"""Values as YAML, for goldens and for people."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import yaml

from haloy.model.filters import Filter
from haloy.model.health import HealthCheck
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.secret import SecretBytes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

UNION_MEMBERS: frozenset[type] = frozenset({*get_args(Filter), *get_args(get_type_hints(HealthCheck)["kind"])})
"""Members of the Model's unions: their fields alone would not say which member it is."""


def to_yaml(value: object, tagged: Set[type] = frozenset(), *, defaults: bool = True) -> str:
    """`value` (dataclasses, enums, mappings, sequences, scalars) as block YAML, the same text for equal values.

    Enums print as their values, references as strings, times in ISO 8601, secrets as `[redacted]`. None and empty
    collections are left out, and so is an empty string that is its field's default. A dataclass of a union prints as
    `{ClassName: {...}}`: the Model's own unions, and any class in `tagged`. `defaults` False: fields that have their
    default value are left out as well.

    Raises:
        TypeError: something in `value` is of another type.
    """
    return yaml.dump(
        _Plain(UNION_MEMBERS | tagged, defaults).of(value),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=120,
    )


@dataclass(frozen=True, slots=True)
class _Plain:
    """Values as mappings, lists and scalars."""

    tagged: Set[type]
    defaults: bool

    def of(self, value: object) -> Any:
        match value:
            case SecretBytes() | ObjectRef() | FieldRef() | IPv4Network() | IPv6Network():
                return str(value)
            case Enum():
                return self.of(value.value)
            case None | bool() | int() | float() | str():
                return value
            case datetime():
                return value.isoformat()
            case Mapping():
                entries = sorted((str(self.of(key)), item) for key, item in value.items())
                return {key: self.of(item) for key, item in entries if not _absent(item)}
            case tuple() | list():
                return [self.of(item) for item in value]
            case Set():
                return sorted(self.of(item) for item in value)
            case _ if is_dataclass(value) and not isinstance(value, type):
                return self._of_fields(value)
            case _:
                raise TypeError(f"{type(value).__name__} cannot be printed")

    def _of_fields(self, value: "DataclassInstance") -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for field in fields(value):
            item = getattr(value, field.name)
            left_out = item == field.default and (item == "" or not self.defaults)
            if not _absent(item) and not left_out:
                shown[field.name] = self.of(item)
        return {type(value).__name__: shown} if type(value) in self.tagged else shown


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, tuple | list | Mapping | Set) and not value)


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
