"""What is wrong with an object, in words for the person who wrote it."""

import json
import reprlib
from dataclasses import dataclass
from datetime import date, time

from haloy.model.refs import ObjectRef

_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an object.

    `field` is the path as in the manifest, `spec.rules[0].matches[1].path.value`; empty: the object as a whole.
    `value` is what stands there, shortened; empty when it is not worth showing, and always for what may be secret.
    `message` says what is expected and how to mend it: after a value it goes on from there ("is not a duration; ..."),
    without one it is a sentence.
    """

    field: str
    value: str
    message: str

    def below(self, prefix: str) -> "Problem":
        """The same problem, its field being relative to `prefix` so far."""
        return Problem(join_path(prefix, self.field), self.value, self.message)

    def __str__(self) -> str:
        text = f"{self.value} {self.message}" if self.value else self.message
        return f"{self.field}: {text}" if self.field else text


class InvalidObject(Exception):
    """An object that cannot be used. `ref` is None when not even its kind and name can be told."""

    def __init__(self, ref: ObjectRef | None, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.ref = ref
        self.problems = problems


def join_path(prefix: str, field: str) -> str:
    """`spec` and `rules` make `spec.rules`; `spec.hosts` and `[0]` make `spec.hosts[0]`."""
    return f"{prefix}{'' if field.startswith('[') or not (prefix and field) else '.'}{field}"


def shown(value: object) -> str:
    """A value as it may stand in a message: one line, printable, at most about 80 characters, whatever a user put
    there."""
    match value:
        case bool() | int() | float():
            return (
                _cut(json.dumps(value))
                if not isinstance(value, int) or abs(value) < 10**_LONGEST
                else "a very large number"
            )
        case str():
            return json.dumps(
                value if len(value) <= _LONGEST else value[:_LONGEST] + "...", ensure_ascii=not value.isprintable()
            )
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return "a mapping"
        case None:
            return "null"
        case date() | time():
            return value.isoformat()
        case _:
            return _cut(reprlib.repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
