"""Values as YAML, for goldens and for people."""

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import Any, get_args, get_type_hints

import yaml

from haloy.model.filters import Filter
from haloy.model.health import HealthCheck
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.secret import SecretBytes

UNION_MEMBERS: frozenset[type] = frozenset({*get_args(Filter), *get_args(get_type_hints(HealthCheck)["kind"])})
"""Members of the Model's unions: their fields alone would not say which member it is."""


def to_yaml(value: object, tagged: Set[type] = frozenset()) -> str:
    """`value` (dataclasses, enums, mappings, sequences, scalars) as block YAML, the same text for equal values.

    Enums print as their values, references as strings, times in ISO 8601, secrets as `[redacted]`. None and empty
    collections are left out, and so is an empty string that is its field's default. A dataclass of a union prints as
    `{ClassName: {...}}`: the Model's own unions, and any class in `tagged`.

    Raises:
        TypeError: something in `value` is of another type.
    """
    return yaml.dump(
        _plain(value, UNION_MEMBERS | tagged),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=120,
    )


def _plain(value: object, tagged: Set[type]) -> Any:
    match value:
        case SecretBytes() | ObjectRef() | FieldRef() | IPv4Network() | IPv6Network():
            return str(value)
        case Enum():
            return _plain(value.value, tagged)
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case Mapping():
            entries = sorted((_key(key), item) for key, item in value.items())
            return {key: _plain(item, tagged) for key, item in entries if not _absent(item)}
        case tuple() | list():
            return [_plain(item, tagged) for item in value]
        case Set():
            return sorted(_plain(item, tagged) for item in value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            shown = {
                field.name: _plain(item, tagged)
                for field in fields(value)
                if not _absent(item := getattr(value, field.name)) and not (item == "" == field.default)
            }
            return {type(value).__name__: shown} if type(value) in tagged else shown
        case _:
            raise TypeError(f"{type(value).__name__} cannot be printed")


def _key(key: object) -> str:
    plain = _plain(key, frozenset())
    return plain if isinstance(plain, str) else str(key)


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
