"""Lists whose items differ from each other: checked in Python here, by `x-kubernetes-list-type` at the API server."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from haloy.api.problems import Problem, shown
from haloy.api.v1alpha1.base import RULES_BROKEN


@dataclass(frozen=True, slots=True)
class ListSet:
    """Marks a list of strings in which no item is repeated; with `fold` case is ignored (not so at the API server)."""

    fold: bool = False

    def check(self, items: tuple[str, ...]) -> tuple[str, ...]:
        _refuse_repetitions((item.lower() if self.fold else item for item in items), items)
        return items

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"x-kubernetes-list-type": "set"}


@dataclass(frozen=True, slots=True)
class ListMap:
    """Marks a list of objects that differ in `keys` (attribute names); with `fold` case is ignored (not so at the API
    server).

    The keys are required fields, because the API server demands it.
    """

    keys: tuple[str, ...]
    fold: bool = False

    def check(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        _refuse_repetitions((self._key(item) for item in items), tuple(getattr(item, self.keys[0]) for item in items))
        return items

    def _key(self, item: Any) -> tuple[Hashable, ...]:
        values = (getattr(item, key) for key in self.keys)
        return tuple(value.lower() if self.fold and isinstance(value, str) else value for value in values)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        keys = [to_camel(key) for key in self.keys]
        return handler(schema) | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}


def _refuse_repetitions(keys: Iterable[Hashable], values: tuple[object, ...]) -> None:
    first: dict[Hashable, int] = {}
    problems: list[Problem] = []
    for index, key in enumerate(keys):
        if first.setdefault(key, index) != index:
            message = f"is the same as item {first[key]}, counted from 0; remove one of them"
            problems.append(Problem(f"[{index}]", shown(values[index]), message))
    if problems:
        raise PydanticCustomError(RULES_BROKEN, "rules broken", {"problems": tuple(problems)})
