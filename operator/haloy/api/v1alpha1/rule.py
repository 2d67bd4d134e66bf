"""Rules over several fields, each expressed once: as CEL for the API server and as a predicate for Python.

A class of the API lists its rules in `RULES`. The base class checks them when an object is read, `haloy.api.crd`
prints them as `x-kubernetes-validations`, and a test demands for each a rejected and an accepted example under both
readings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """`holds` is asked about a validated instance, `cel` about the same object as `self`, after defaults.

    `field` is the field to blame, relative to the object (`canonicalHost`); empty: the object itself. `id` is unique
    in the API.
    """

    id: str
    cel: str
    message: str
    holds: Callable[[Any], bool]
    field: str = ""

    def as_validation(self) -> dict[str, str]:
        """The rule as an entry of `x-kubernetes-validations`."""
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": self.message, **place}
