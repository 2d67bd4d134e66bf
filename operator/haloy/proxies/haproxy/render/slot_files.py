"""Which slots share a configuration file. Pure.

HAProxy names all of its files to itself when it reloads, in 128 KiB at most (`process/file_names.py`), so there must be few; a
change writes the file of its slot, so none may be large. A slot more, or another profile, touches the files around it and no
others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from haloy.proxies.haproxy.slots.layout import Layout, slot_name

BOUND = 32 * 1024
"""Bytes of a file without servers. With those of ordinary Backends, two or three each, it stays below 64 kB."""

_HEADING = len("backend slot.0123456789abcdef.1234\n\n")


@dataclass(frozen=True, slots=True)
class SlotFiles:
    """`slots`: by file the slots in it, in order. `file`: by slot."""

    slots: Mapping[str, tuple[str, ...]]
    file: Mapping[str, str]

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """A profile with many slots has files of its own, those with few share some by the beginning of their ids."""
        slots: dict[str, tuple[str, ...]] = {}
        few: list[str] = []
        for profile, count in layout.slots.items():
            if count * _size(layout, profile) <= BOUND // 2:
                few.append(profile)
                continue
            together = max(1, BOUND // _size(layout, profile))
            for number in range(-(-count // together)):
                some = range(number * together, min((number + 1) * together, count))
                slots[f"30-slots-{profile}-{number:02d}.cfg"] = _names(profile, some)
        for bits, profiles in _shared(layout, few, ""):
            name = f"30-slots-shared-{bits}.cfg" if bits else "30-slots-shared.cfg"
            slots[name] = tuple(slot for one in profiles for slot in _names(one, range(layout.slots[one])))
        return cls(slots, {slot: name for name, some in slots.items() for slot in some})


def _size(layout: Layout, profile: str) -> int:
    """Of one slot without servers."""
    return _HEADING + len(layout.profiles[profile].text)


def _names(profile: str, some: Iterable[int]) -> tuple[str, ...]:
    return tuple(slot_name(profile, number) for number in some)


def _shared(layout: Layout, profiles: Sequence[str], bits: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Profiles whose ids begin with the same `bits`, divided by one bit more wherever a file would be too large."""
    if not profiles:
        return
    if sum(layout.slots[one] * _size(layout, one) for one in profiles) <= BOUND:
        yield bits, profiles
        return
    for bit in "01":
        yield from _shared(layout, [one for one in profiles if _bit(one, len(bits)) == bit], bits + bit)


def _bit(profile: str, number: int) -> str:
    return f"{int(profile, 16):064b}"[number]
