"""The last reloads, on disk, for `haloy reloads`: one JSON object a line, oldest first."""

import json
from datetime import datetime
from pathlib import Path

from haloy.model.refs import ObjectRef
from haloy.proxies.base import ReloadCause, ReloadReason, ReloadRecord
from haloy.proxies.haproxy.events import Reloaded

KEPT = 200


def record_of(event: Reloaded, at: datetime) -> ReloadRecord:
    """What is remembered of a reload."""
    alert = event.refusals[0].message if event.refusals else ""
    return ReloadRecord(at, event.reasons, event.generation, event.success, event.seconds, alert)


class ReloadLog:
    """The file `path`, kept to the last 200 attempts. Blocking."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: int | None = None
        self._torn = False

    def remember(self, record: ReloadRecord) -> str:
        """Append. Returns why that was not possible, "" if it was."""
        try:
            self.append(record)
        except (OSError, ValueError) as error:
            return f"the log of reloads could not be written: {error}"
        return ""

    def append(self, record: ReloadRecord) -> None:
        """Raises OSError; the lines that were there are unharmed."""
        try:
            self._append(record)
        except OSError:
            self._torn = True
            raise
        self._torn = False

    def _append(self, record: ReloadRecord) -> None:
        line = json.dumps(record.to_json(), separators=(",", ":"))
        if self._lines is None:
            self._lines = len(self._read_lines())
        if self._lines >= 2 * KEPT:
            kept = [*self._read_lines()[-KEPT + 1 :], line]
            unfinished = self._path.with_suffix(".unfinished")
            unfinished.write_text("".join(f"{text}\n" for text in kept), encoding="utf-8")
            unfinished.chmod(0o600)
            unfinished.replace(self._path)
            self._lines = len(kept)
            return
        self._path.touch(mode=0o600, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n" if self._torn else f"{line}\n")  # part of a line may be there
        self._lines += 1

    def read(self) -> tuple[ReloadRecord, ...]:
        """The last 200 attempts, oldest first. A line that a crash cut short or a disk damaged is left out."""
        records = []
        for line in self._read_lines()[-KEPT:]:
            try:
                records.append(_from_json(json.loads(line)))
            except (ValueError, KeyError, TypeError):
                continue
        return tuple(records)

    def _read_lines(self) -> list[str]:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []


def _from_json(data: dict[str, object]) -> ReloadRecord:
    """Raises ValueError, KeyError or TypeError for a line of another shape."""
    reasons = data["reasons"]
    if not isinstance(reasons, list):
        raise TypeError("reasons is not a list")
    return ReloadRecord(
        datetime.fromisoformat(str(data["at"])),
        tuple(
            ReloadReason(
                ReloadCause(reason["cause"]),
                None if reason["source"] is None else ObjectRef.parse(reason["source"]),
                str(reason["detail"]),
            )
            for reason in reasons
        ),
        str(data["generation"]),
        data["success"] is True,
        float(str(data["seconds"])),
        str(data["alert"]),
    )
