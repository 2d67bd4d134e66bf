"""Typed readings of what `show ...` prints. Pure; each raises ValueError if the text has another shape."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StatRow:
    """One row of `show stat`: a frontend, a backend or a server. Columns by HAProxy's own names."""

    columns: Mapping[str, int] = field(repr=False)
    values: tuple[str, ...]

    def text(self, column: str) -> str:
        """The value as printed; "" also for a column that this version does not have."""
        index = self.columns.get(column)
        return "" if index is None or index >= len(self.values) else self.values[index]

    def number(self, column: str) -> int:
        """The value as an integer, 0 where HAProxy prints none."""
        return int(self.text(column) or 0)

    @property
    def proxy(self) -> str:
        return self.text("pxname")

    @property
    def server(self) -> str:
        """The server's name; FRONTEND or BACKEND in a row about the proxy as a whole."""
        return self.text("svname")

    @property
    def status(self) -> str:
        """UP, DOWN, `UP 1/3`, `DOWN 1/2`, NOLB, MAINT, DRAIN, `no check`, OPEN, ..."""
        return self.text("status")

    @property
    def check_status(self) -> str:
        """L4OK, L7STS, ...; `* ` in front while a check runs; INI before any result; "" without check."""
        return self.text("check_status")


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One entry; `reference` is usable as `#reference` in place of the key."""

    reference: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class CertificateNames:
    """The files HAProxy holds, and the one with an open transaction (there is at most one)."""

    names: tuple[str, ...]
    transaction: str | None


@dataclass(frozen=True, slots=True)
class CrtListEntry:
    """One line of a crt-list; `del ssl crt-list LIST path:line` removes it.

    `options` as printed: HAProxy overwrites parts of an alpn list in its own memory, so they cannot be read back.
    """

    path: str
    line: int
    options: str
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A stick table. `entries` only where one table was asked for: its columns by name (key, use, exp, ...)."""

    name: str
    type: str
    size: int
    used: int
    entries: tuple[Mapping[str, str], ...] = ()


def parse_info(text: str) -> dict[str, str]:
    """`show info`."""
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def parse_stat(text: str) -> tuple[StatRow, ...]:
    """`show stat [<proxy> <type> <server>]`, in CSV (a third of the size of `json`, read by C code)."""
    lines = text.removeprefix("# ").splitlines()
    reader = csv.reader(lines)
    try:
        columns = {name: index for index, name in enumerate(next(reader, [])) if name}
        if "pxname" not in columns:
            raise ValueError(f"not a `show stat`: {text[:100]!r}")
        return tuple(StatRow(columns, tuple(row)) for row in reader if row)
    except csv.Error as error:
        raise ValueError(f"not a `show stat` ({error}): {text[:100]!r}") from error


def parse_map_entries(text: str) -> tuple[MapEntry, ...]:
    """`show map <name>`. Keys hold no blanks (`map_payload` sees to it), or key and value run together."""
    entries = [line.split(" ", 2) for line in text.splitlines() if line]
    if any(len(parts) < 2 for parts in entries):
        raise ValueError(f"not a `show map`: {text[:100]!r}")
    return tuple(MapEntry(parts[0], parts[1], parts[2] if len(parts) > 2 else "") for parts in entries)


def parse_map(text: str) -> dict[str, str]:
    """`show map <name>` as a dictionary. Of two entries with one key the first counts, as it does in a look-up."""
    result: dict[str, str] = {}
    for entry in parse_map_entries(text):
        result.setdefault(entry.key, entry.value)
    return result


def parse_certificate_names(text: str) -> CertificateNames:
    """`show ssl cert` or `show ssl ca-file`."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    open_ones = [line.removeprefix("*") for line in lines if line.startswith("*")]
    names = (line.split(" - ")[0] for line in lines if not line.startswith("*"))
    return CertificateNames(tuple(names), open_ones[0] if open_ones else None)


def parse_crt_list(text: str) -> tuple[CrtListEntry, ...]:
    """`show ssl crt-list -n <list>`."""
    found = (re.fullmatch(r"(\S+):(\d+)(?: \[(.*?)\])?(.*)", line) for line in text.splitlines() if line[:1] not in "#")
    return tuple(
        CrtListEntry(match[1], int(match[2]), match[3] or "", tuple(match[4].split())) for match in found if match
    )


def parse_tables(text: str) -> tuple[Table, ...]:
    """`show table [<name>]`."""
    tables: list[Table] = []
    for line in text.splitlines():
        head = re.fullmatch(r"# table: (.+), type: (\S+), size:(\d+), used:(\d+).*", line)
        if head is not None:
            tables.append(Table(head[1], head[2], int(head[3]), int(head[4])))
        elif line.startswith("0x") and tables:
            last = tables[-1]
            tables[-1] = Table(last.name, last.type, last.size, last.used, (*last.entries, _table_entry(line)))
    return tuple(tables)


def parse_variable(text: str) -> str:
    """The value in the answer to `get var`, which prints a string as `name: type=str value=<...>`."""
    match = re.fullmatch(r"\S+: type=\S+ value=<(.*)>", text.strip(), re.DOTALL)
    if match is None:
        raise ValueError(f"not a `get var`: {text[:100]!r}")
    return match[1]


def _table_entry(line: str) -> dict[str, str]:
    match = re.fullmatch(r"0x[0-9a-f]+: key=(.*?) (use=\d+ .*)", line.strip())
    if match is None:
        raise ValueError(f"not an entry of a stick table: {line[:100]!r}")
    return {"key": match[1]} | dict(pair.split("=", 1) for pair in match[2].split() if "=" in pair)
