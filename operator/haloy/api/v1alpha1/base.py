"""What every class of the API has in common: frozen, strict, camelCase, all problems at once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from haloy.api.problems import Problem, shown
from haloy.api.v1alpha1.durations import Between
from haloy.api.v1alpha1.patterns import LABEL, SUBDOMAIN
from haloy.api.v1alpha1.rule import Rule
from haloy.model.refs import ObjectRef
from haloy.text import format_duration

GROUP = "haloy.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

Name = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=SUBDOMAIN)]
"""The name of an object: a DNS-1123 subdomain."""
Namespace = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=LABEL)]

RULES_BROKEN = "haloy_rules_broken"
"""The type of the pydantic error that carries `Problem`s in its context, their fields relative to the error's place."""


def without_nulls(value: object) -> object:
    """A null is an absent field, as the API server has it (it prunes nulls before it fills in defaults)."""
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item is not None}
    return value


class ApiModel(BaseModel):
    """A part of an object. Nothing is converted: a number in quotes is not a number, as for the API server."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,
        hide_input_in_errors=True,
    )
    RULES: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: object) -> object:
        return without_nulls(value)

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        problems = [self._broken(rule) for rule in self.RULES if not rule.holds(self)]
        problems += self.own_problems()
        if problems:
            raise PydanticCustomError(RULES_BROKEN, "rules broken", {"problems": tuple(problems)})
        return self

    def _broken(self, rule: Rule) -> Problem:
        value = self._shown_at(rule.field)
        return Problem(rule.field, value, f"is not possible here: {rule.message}" if value else rule.message)

    def _shown_at(self, path: str) -> str:
        """The scalar at a field of this part as a manifest has it; empty if there is none, or if it is not a plain
        value."""
        found = [(name, field) for name, field in type(self).model_fields.items() if (field.alias or name) == path]
        for name, field in found:
            value = getattr(self, name)
            if any(isinstance(mark, Between) for mark in field.metadata):
                return shown(format_duration(value))
            return shown(value) if isinstance(value, str | int) else ""
        return ""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        if cls.RULES:
            schema["x-kubernetes-validations"] = [rule.as_validation() for rule in cls.RULES]
        return schema

    def own_problems(self) -> Iterable[Problem]:
        """What no CEL rule can find out. Fields are relative to this part."""
        return ()


class Metadata(BaseModel):
    """The parts of an object's metadata that mean something to haloy; the others are tolerated and forgotten."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )

    name: Name = Field(description="Name of the object, unique for its kind and namespace.", examples=["shop"])
    namespace: Namespace = "default"
    generation: Annotated[int, Field(ge=0)] = 0
    creation_timestamp: Annotated[AwareDatetime | None, Field(strict=False)] = None
    uid: Annotated[str, StringConstraints(max_length=128)] = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: object) -> object:
        return without_nulls(value)


class ApiObject(ApiModel):
    """A whole object. Its status is not read: nothing that haloy decides may depend on what it wrote there."""

    api_version: str
    kind: str
    metadata: Metadata = Field(description="Name and namespace.", examples=[{"name": "shop"}])

    @model_validator(mode="before")
    @classmethod
    def _drop_status(cls, value: Any) -> Any:
        return {key: item for key, item in value.items() if key != "status"} if isinstance(value, dict) else value

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.kind, self.metadata.namespace, self.metadata.name)

    @property
    def generation(self) -> int:
        return self.metadata.generation

    @property
    def created(self) -> datetime | None:
        """When the object was made; None for objects read from files, which carry no age."""
        return self.metadata.creation_timestamp
