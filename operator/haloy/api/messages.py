"""pydantic's errors in the words of the person who wrote the manifest."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from haloy.api.problems import Problem, join_path, shown
from haloy.api.v1alpha1.base import RULES_BROKEN
from haloy.api.v1alpha1.patterns import HELP
from haloy.text import did_you_mean

Location = Sequence[int | str]
_KEY = "[key]"
"""What pydantic appends to a location when it is the key of a mapping that is wrong."""


def problems_of(model: type[BaseModel], errors: Iterable[ErrorDetails]) -> tuple[Problem, ...]:
    """All that is wrong with an object of kind `model`, one or more problems per error."""
    return tuple(problem for error in errors for problem in _problems(model, error))


def path_of(location: Location) -> str:
    """`("spec", "rules", 0, "name")` as `spec.rules[0].name`; keys that are no plain words are quoted."""
    text = ""
    for step in location[:-1] if location and location[-1] == _KEY else location:
        if isinstance(step, int):
            text = f"{text}[{step}]"
        elif step.isidentifier():
            text = join_path(text, step)
        else:
            text = f"{text}[{shown(step)}]"
    return text


def unknown_field(path: str, name: object, known: Iterable[str]) -> Problem:
    """`name` is not one of the fields `known` of the object at `path`."""
    options = sorted(known)
    if "on" in options and name in ("true", True):
        return Problem(path, "", 'unknown field "true": to YAML a bare on means true; write "on" in quotes')
    meant = did_you_mean(name, options) if isinstance(name, str) else None
    remedy = (
        f'; did you mean "{meant}"?'
        if meant
        else f"; known here: {', '.join(options)}"
        if options
        else "; no field is known here"
    )
    return Problem(path, "", f"unknown field {shown(name)}{remedy}")


def one_of(options: Sequence[object], value: object) -> str:
    """Continues after a value that is none of `options`."""
    meant = (
        did_you_mean(value, [option for option in options if isinstance(option, str)])
        if isinstance(value, str)
        else None
    )
    text = f"is not one of {', '.join(json.dumps(option) for option in options)}"
    if not isinstance(value, str) and str(value) in options:
        return f'{text}; write it in quotes: "{value}"'
    return f'{text}; did you mean "{meant}"?' if meant else f"{text}; write one of these"


def _problems(model: type[BaseModel], error: ErrorDetails) -> tuple[Problem, ...]:
    location, value, context = error["loc"], error.get("input"), error.get("ctx", {})
    path = path_of(location)
    match error["type"]:
        case kind if kind == RULES_BROKEN:
            broken: tuple[Problem, ...] = context["problems"]
            return tuple(problem.below(path) for problem in broken)
        case "extra_forbidden":
            return (unknown_field(path, location[-1], _fields(_part(model, location[:-1]))),)
        case "invalid_key":
            return (unknown_field(path_of(location[:-1]), value, _fields(_part(model, location[:-1]))),)
        case "missing":
            return (_missing(path, model, location),)
        case "too_short" if isinstance(value, list) and len(value) >= context["min_length"]:
            return ()  # The list is long enough; its invalid items, reported on their own, do not count for pydantic.
        case "literal_error":
            return (Problem(path, shown(value), one_of(_options(model, location), value)),)
        case kind:
            return (Problem(path, shown(value), _words(kind, context)),)


def _words(kind: str, context: dict[str, Any]) -> str:
    """Continues after the value."""
    match kind:
        case "value_error":
            return str(context["error"])
        case "string_type":
            return "is not text; write it in quotes"
        case "int_type" | "int_parsing" | "int_from_float":
            return "is not a whole number; write digits without quotes"
        case "bool_type":
            return "is neither true nor false; write one of them, without quotes"
        case "tuple_type" | "list_type":
            return "is not a list; write each item on a line of its own, with a - before it"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "is not a mapping; write field: value, one to a line"
        case "greater_than_equal":
            return f"is too low; the lowest value is {context['ge']}"
        case "less_than_equal":
            return f"is too high; the highest value is {context['le']}"
        case "string_too_short":
            return f"is too short; write at least {_count(context['min_length'], 'character')}"
        case "string_too_long":
            return f"is too long; at most {_count(context['max_length'], 'character')} are allowed"
        case "too_short":
            return f"has too few items; write at least {context['min_length']}"
        case "too_long":
            return f"has too many items; at most {context['max_length']} are allowed"
        case "string_pattern_mismatch":
            return HELP.get(context["pattern"], f"does not match {context['pattern']}")
        case "string_unicode":
            return "is not valid Unicode text; save the file as UTF-8"
        case kind if kind.startswith(("datetime_", "timezone_")):
            return "is not a point in time; write for example 2026-01-31T12:00:00Z"
        case _:
            return "is not possible here; compare it with the example in the reference of this kind"


def _missing(path: str, model: type[BaseModel], location: Location) -> Problem:
    field = _field(model, location)
    meaning = f": {field.description}" if field is not None and field.description else "."
    example = f" Example: {json.dumps(field.examples[0])}." if field is not None and field.examples else ""
    return Problem(path, "", f'required field "{location[-1]}" is missing{meaning}{example}')


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _options(model: type[BaseModel], location: Location) -> tuple[object, ...]:
    """The values of the Literal at the end of `location`."""
    field = _field(model, [step for step in location if isinstance(step, str)])
    return () if field is None else tuple(_literals(field.annotation))


def _literals(annotation: Any) -> Iterable[object]:
    for part in get_args(annotation):
        if isinstance(part, str | int):
            yield part
        else:
            yield from _literals(part)


def _fields(model: type[BaseModel] | None) -> list[str]:
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def _field(model: type[BaseModel], location: Location) -> FieldInfo | None:
    parent = _part(model, location[:-1])
    if parent is None:
        return None
    return next((field for name, field in parent.model_fields.items() if (field.alias or name) == location[-1]), None)


def _part(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The class of the part at `location`; None if that is not a part with fields."""
    part: type[BaseModel] | None = model
    for step in location:
        if isinstance(step, str) and part is not None:
            field = _field(part, [step])
            part = None if field is None else next(_classes(field.annotation), None)
    return part


def _classes(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _classes(argument)
