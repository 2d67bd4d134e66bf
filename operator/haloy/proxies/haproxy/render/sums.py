"""What many parts put into one map together, kept up to date part by part."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from haloy.model.revised import Revised, differing

Entries = Mapping[str, str]
_DIGEST = 64
"""Bytes. Digests of entries are added up; as many bits as these keep it from being worth anybody's while to find another sum."""


@dataclass(frozen=True, slots=True)
class Sum:
    """`entries` of all parts. `more`: by key how many parts have it beside the first. `mixed`: parts say different things of one
    key, of which the last one's counts; then nothing can be kept up to date."""

    entries: Revised[str, str]
    more: Mapping[str, int] = field(default_factory=dict)
    mixed: bool = False

    @classmethod
    def of(cls, parts: Iterable[Entries]) -> "Sum":
        entries: dict[str, str] = {}
        more: dict[str, int] = {}
        mixed = False
        for part in parts:
            for key, value in part.items():
                if key in entries:
                    more[key] = more.get(key, 0) + 1
                    mixed = mixed or entries[key] != value
                entries[key] = value
        return cls(Revised(entries), more, mixed)

    def replaced(self, gone: Iterable[Entries], come: Iterable[Entries]) -> "Sum | None":
        """With some parts instead of others. None: the parts must be gone through again."""
        less = Counter(key for part in gone for key in part)
        new = Counter[str]()
        values: dict[str, str] = {}
        for part in come:
            new.update(part.keys())
            if any(values.setdefault(key, value) != value for key, value in part.items()):
                return None
        changed: dict[str, str] = {}
        more: dict[str, int] = {}
        for key in less.keys() | new.keys():
            others = (self.more.get(key, 0) + 1 if key in self.entries else 0) - less[key]
            value = values.get(key)
            if self.mixed or (others and value is not None and value != self.entries[key]):
                return None
            more[key] = others + new[key] - 1
            if value is not None and self.entries.get(key) != value:
                changed[key] = value
        kept = {key: count for key, count in self.more.items() if key not in more} if more else self.more
        entries = self.entries.revised(changed, [key for key, count in more.items() if count < 0])
        return Sum(entries, {**kept, **{key: count for key, count in more.items() if count > 0}})

    def over(self, before: "Sum | None") -> "Sum":
        """This one, but with the very entries of `before` if they are equal."""
        if before is None or before.entries != self.entries:
            return self
        return Sum(before.entries, self.more, self.mixed)


@dataclass(frozen=True, slots=True)
class EntriesDigest:
    """The digest of a map, whatever the order of its entries."""

    entries: Entries
    value: int

    @classmethod
    def of(cls, entries: Entries, before: "EntriesDigest | None") -> "EntriesDigest":
        """`before`: what is known of the map as it was."""
        old, value = (before.entries, before.value) if before is not None else ({}, 0)
        for key in differing(old, entries):
            value += (_number(key, entries[key]) if key in entries else 0) - (
                _number(key, old[key]) if key in old else 0
            )
        return cls(entries, value % (1 << 8 * _DIGEST))

    @property
    def bytes(self) -> bytes:
        return self.value.to_bytes(_DIGEST, "big")


def _number(key: str, value: str) -> int:
    return int.from_bytes(blake2b(f"{key} {value}".encode(), digest_size=_DIGEST).digest(), "big")
