"""The journal of a generation: what changed since its record was last written as a whole.

One line for each transaction, `<checksum> <JSON>`, numbered from the record's number on, on the disk before HAProxy is told
anything. A last line that is not whole is a change that never happened. The file is the generation's own: no hard link to
it. It is there from the start, empty, so that one that is missing has been lost.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haloy.proxies.haproxy.apply.as_json import opened, sealed

JOURNAL = "record/journal"

SEQUENCE = "seq"


@dataclass(frozen=True, slots=True)
class Entries:
    """What a journal says. `values`: in order, each with its number under `seq`. `size`: bytes of that.

    `torn`: the last line was not written to its end. `damage`: why something before the last line does not count, else "".
    `missing`: there is no journal.
    """

    values: tuple[Mapping[str, Any], ...] = ()
    size: int = 0
    torn: bool = False
    damage: str = ""
    missing: bool = False

    @property
    def lost(self) -> str:
        """What of it does not count, in words, else ""."""
        if self.missing:
            return "it is missing"
        if self.torn:
            return "its last line is not whole, as if haloy had been killed while it was written"
        return self.damage

    @property
    def last(self) -> int:
        """The number of the last one, 0 if there is none."""
        return int(self.values[-1][SEQUENCE]) if self.values else 0


def read_journal(path: Path) -> Entries:
    """Up to the first line that is damaged or out of order. Raises OSError; a missing file says nothing."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Entries(missing=True)
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    if not lines[-1]:
        lines.pop()
    values: list[Mapping[str, Any]] = []
    size = 0
    for number, line in enumerate(lines, 1):
        try:
            value = opened(line)
            sequence = int(value[SEQUENCE])
        except (ValueError, KeyError, TypeError) as error:
            last = number == len(lines)
            damage = "" if last else f"line {number} of {len(lines)} is damaged: {error}"
            return Entries(tuple(values), size, last, damage)
        if values and sequence <= values[-1][SEQUENCE]:
            return Entries(tuple(values), size, False, f"line {number} of {len(lines)} is older than the one before")
        values.append(value)
        size += len(line)
    return Entries(tuple(values), size)


class Journal:
    """Appends. `size`: bytes that count, `last`: number of the last change, in the journal or, if it is empty, before it.

    Blocking; one thread at a time.
    """

    def __init__(self, path: Path, size: int, last: int) -> None:
        self._path = path
        self.size = size
        self.last = last

    def append(self, change: Mapping[str, Any]) -> None:
        """On the disk when it returns. Raises OSError, and the journal is what it was."""
        line = sealed({SEQUENCE: self.last + 1, **change})
        new = not self._path.exists()
        if new:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._write(descriptor, line)
            if new:
                _sync_folder(self._path.parent)
        except OSError:
            self._undo(descriptor, new)
            raise
        finally:
            os.close(descriptor)
        self.size += len(line)
        self.last += 1

    def forget(self, number: int) -> None:
        """Drop the changes up to `number`: the record says them. Raises OSError: they are all still there, then."""
        if number < self.last:
            rest = [value for value in read_journal(self._path).values if value[SEQUENCE] > number]
            content = b"".join(map(sealed, rest))
            unfinished = self._path.with_name(".journal.unfinished")
            try:
                self._replace(unfinished, content)
            except OSError:
                unfinished.unlink(missing_ok=True)
                raise
            self.size = len(content)
        else:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self.size = 0
        _sync_folder(self._path.parent)

    def _replace(self, unfinished: Path, content: bytes) -> None:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fdatasync(descriptor)
        unfinished.rename(self._path)

    def _write(self, descriptor: int, line: bytes) -> None:
        """Behind what counts: what a torn line left is cut off first."""
        if os.fstat(descriptor).st_size != self.size:
            os.ftruncate(descriptor, self.size)
        written = 0
        while written < len(line):
            written += os.pwrite(descriptor, line[written:], self.size + written)
        os.fdatasync(descriptor)

    def _undo(self, descriptor: int, new: bool) -> None:
        """After an error that is told. Where this fails too, the next append cuts off what is too much."""
        try:
            os.ftruncate(descriptor, self.size)
            if new:
                self._path.unlink()
        except OSError as error:
            raise OSError(error.errno, f"and the journal could not be put right: {error.strerror}") from error


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
