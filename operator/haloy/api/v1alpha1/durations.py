"""Durations of the API: strings in manifests (Gateway API, GEP-2257), milliseconds in Python."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from haloy.api.v1alpha1.patterns import DURATION
from haloy.api.v1alpha1.rule import Rule
from haloy.text import parse_duration

_NOT_A_DURATION = "is not a duration; write whole numbers with the units h, m, s, ms, for example 1m30s or 500ms"


@dataclass(frozen=True, slots=True)
class Between:
    """Marks an int as a duration: written as a string (Gateway API, GEP-2257), read as milliseconds, bounds
    inclusive."""

    low: str
    high: str

    def read(self, value: object) -> int:
        """Raises:
        ValueError: not a duration, or out of bounds.
        """
        if not isinstance(value, str):
            raise ValueError(_NOT_A_DURATION)
        try:
            millis = parse_duration(value)
        except ValueError as error:
            raise ValueError(_NOT_A_DURATION) from error
        if not parse_duration(self.low) <= millis <= parse_duration(self.high):
            raise ValueError(f"is out of bounds; write a duration from {self.low} to {self.high}")
        return millis

    def rule(self) -> Rule:
        """The bounds as CEL. Durations of the Gateway API are durations of CEL."""
        return Rule(
            id=f"duration-{self.low}-{self.high}",
            cel=f"duration(self) >= duration('{self.low}') && duration(self) <= duration('{self.high}')",
            message=f"must be a duration from {self.low} to {self.high}",
            holds=lambda value: parse_duration(self.low) <= parse_duration(value) <= parse_duration(self.high),
        )

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "minLength": 2,
            "maxLength": 32,
            "pattern": DURATION,
            "x-kubernetes-validations": [self.rule().as_validation()],
        }
