"""HAProxy's own messages on its standard error, and what a check of the configuration said."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """As HAProxy prints it. Crash dumps and other bare lines count as ALERT."""

    ALERT = "alert"
    WARNING = "warning"
    NOTICE = "notice"
    DIAG = "diag"


@dataclass(frozen=True, slots=True)
class Alert:
    """One message. `file` and `line` point into the configuration; `pid` wrote it (0: not said)."""

    severity: Severity
    text: str
    file: Path | None = None
    line: int | None = None
    pid: int = 0

    def __str__(self) -> str:
        return self.text if self.file is None else f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The verdict of `haproxy -c`; `alerts` holds warnings too."""

    ok: bool
    alerts: tuple[Alert, ...]


_HEAD = re.compile(r"^\[(ALERT|WARNING|NOTICE|DIAG)\]\s+\((\d+)\) : (.*)$")
# Only at the beginning: what follows may quote a user's words, which must never be taken for a place. A file name with
# a colon or a bracket is not read, haloy's fragments have neither.
_PLACE = re.compile(
    r"^(?:config : )?(?:parsing |(?P<binding>Binding ))?\[(?P<file>[^\[\]:]+):(?P<line>\d+)\](?: ?:)? *(?P<text>.*)$"
)
_NOISE = re.compile(r"^(?:haproxy version is |path to executable is )")
_SUMMARY = re.compile(r"^(?:Error\(s\) found in configuration file|Fatal errors found in configuration)")


def parse_line(line: str, previous: Alert | None = None) -> Alert | None:
    """Read one line (without its newline). None: nothing worth a record.

    A line without a heading goes on with `previous` (HAProxy shows the faulty line and a caret below it): the result
    then is `previous` with the text grown.
    """
    head = _HEAD.match(line)
    if head is None:
        if not line.strip():
            return None
        return Alert(Severity.ALERT, line) if previous is None else replace(previous, text=f"{previous.text}\n{line}")
    severity, pid, rest = Severity(head[1].lower()), int(head[2]), head[3]
    if _NOISE.match(rest):
        return None
    place = _PLACE.match(rest)
    if place is not None:
        text = f"{place['binding'] or ''}{place['text']}"
        return Alert(severity, text, Path(place["file"]), int(place["line"]), pid)
    return Alert(severity, rest.removeprefix("config : "), pid=pid)


def parse_alerts(text: str) -> tuple[Alert, ...]:
    """Read a whole output: alerts and warnings, in order, without the summaries that only repeat them."""
    records: list[Alert] = []
    previous: Alert | None = None
    for line in text.splitlines():
        record = parse_line(line, previous)
        if record is None:
            continue
        if previous is not None and _HEAD.match(line) is None:
            records.pop()
        records.append(record)
        previous = record
    return worth_telling(records)


def worth_telling(records: Iterable[Alert]) -> tuple[Alert, ...]:
    """Only alerts and warnings; a summary only when there is nothing else."""
    serious = [record for record in records if record.severity in (Severity.ALERT, Severity.WARNING)]
    telling = [record for record in serious if not _SUMMARY.match(record.text)]
    return tuple(telling or serious)
