"""Commands of HAProxy's command line (CLI), built so that no value can end one command and begin another.

How HAProxy 2.8 reads a line, tried with the real one: words end at a space or tab, commands at `;` or a newline; a
backslash makes the next byte plain, whatever it is (there is no `\\n` for a newline); quotes, `#` and `$` mean nothing;
a last word that begins with `<<` announces a payload, lines up to an empty one. In a payload nothing is special.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from haloy.model.secret import SecretBytes

COMMAND_LIMIT = 16_128
"""Bytes of a command with its payload before HAProxy 3.4, at the default tune.bufsize of 16,384: 16,383 is the last
that works, and a longer one is not just refused: it was seen to crash the worker ("APPCTX is spinning ... aborting")
and the whole proxy with it. So a margin, and never a byte over it is sent."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SPECIAL = re.compile(r"""([\\ ;<'"#])""")
_SHORTEST_REDACTED = 8


class UnsafeCommand(ValueError):
    """A value that the CLI cannot carry: it would be read as something else than itself."""


class PayloadTooLarge(Exception):
    """The command does not fit HAProxy's buffer; nothing was sent. What it would have done needs a reload."""

    def __init__(self, command: str, size: int, limit: int) -> None:
        super().__init__(f"{command}: {size} bytes, HAProxy's command line takes at most {limit}")
        self.size = size
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `line` is escaped already; `str()` never shows the payload."""

    line: str
    payload: SecretBytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        if self.payload is None:
            return self.line
        return f"{self.line} <<[{len(self.payload.reveal())} bytes]"

    @property
    def read_only(self) -> bool:
        """Whether it may be asked twice."""
        return self.line.startswith(("show ", "get ", "help"))

    def encode(self, limit: int | None) -> bytes:
        """The bytes to send, newline and payload included. Raises PayloadTooLarge above `limit` (None: no limit)."""
        data = self.line.encode("utf-8", "surrogateescape")
        if self.payload is not None:
            data += b" <<\n" + self.payload.reveal() + b"\n"
        data += b"\n" if self.payload is None else b""
        if limit is not None and len(data) > limit:
            raise PayloadTooLarge(str(self), len(data), limit)
        return data

    def redact(self, answer: str) -> str:
        """`answer` without any line of the payload: HAProxy quotes what it does not understand."""
        if self.payload is None:
            return answer
        for line in self.payload.reveal().decode("utf-8", "replace").splitlines():
            if len(line) >= _SHORTEST_REDACTED:
                answer = answer.replace(line, "[redacted]")
        return answer


def command(*words: str, payload: str | bytes | SecretBytes | None = None) -> Command:
    """A command of these words, each exactly one argument whatever it holds, with an optional payload.

    Empty lines of the payload are left out, since one would end it; carriage returns at line ends too. Raises
    UnsafeCommand for an empty word and for control characters (a newline cannot be escaped at all).
    """
    if payload is None:
        return Command(" ".join(map(escape, words)))
    raw = payload.reveal() if isinstance(payload, SecretBytes) else payload
    data = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    if b"\0" in data:
        raise UnsafeCommand(f"the payload of {' '.join(words)!r} holds a NUL byte")
    lines = [line for line in (line.rstrip(b"\r") for line in data.split(b"\n")) if line]
    if not lines:
        raise UnsafeCommand(f"the payload of {' '.join(words)!r} is empty")
    return Command(" ".join(map(escape, words)), SecretBytes(b"\n".join(lines) + b"\n"))


def literal(line: str) -> Command:
    """A finished line without payload, as a person types it. Raises UnsafeCommand if it is more than one command."""
    if _CONTROL.search(line) or not line.strip():
        raise UnsafeCommand(f"{line!r} is not one command: it is empty or holds a control character")
    bare = re.sub(r"\\.", "", line)
    if ";" in bare or bare.endswith("\\"):
        raise UnsafeCommand(f"{line!r} is not one command: it holds an unescaped `;` or ends in a backslash")
    if bare.split()[-1:] and bare.split()[-1].startswith("<<"):
        raise UnsafeCommand(f"{line!r} announces a payload; build it with command(..., payload=...)")
    return Command(line)


def escape(word: str) -> str:
    """`word` as one argument of the CLI. Raises UnsafeCommand if it is empty or holds a control character."""
    if not word:
        raise UnsafeCommand("an empty word cannot be said on HAProxy's command line")
    if _CONTROL.search(word):
        raise UnsafeCommand(f"{word!r} holds a control character, which HAProxy's command line cannot carry")
    return _SPECIAL.sub(r"\\\1", word)


def map_payload(entries: Iterable[tuple[str, str]]) -> str:
    """`key value` lines for `add map`. Raises UnsafeCommand where a line would not be read back as it was meant.

    There is no escaping in a payload: a key ends at its first white space, and the value is the rest of the line
    without the blanks in front of it. `map_commands` cuts many entries into payloads that fit.
    """
    return "".join(f"{_map_line(key, value)}\n" for key, value in entries)


def map_commands(words: tuple[str, ...], entries: Iterable[tuple[str, str]], limit: int | None) -> list[Command]:
    """`add map` commands carrying all `entries` in as few payloads as fit; `words`: ("add", "map", "@3", "a.map").

    Raises UnsafeCommand as `map_payload`, PayloadTooLarge if a single entry does not fit.
    """
    room = (limit if limit is not None else 1 << 20) - len(" ".join(map(escape, words)).encode()) - len(b" <<\n\n")
    batches: list[list[str]] = []
    left = 0
    for key, value in entries:
        line = f"{_map_line(key, value)}\n"
        size = len(line.encode("utf-8", "surrogateescape"))
        if size > room:
            raise PayloadTooLarge(f"{' '.join(words)}, one entry", size, room)
        if size > left:
            batches.append([])
            left = room
        batches[-1].append(line)
        left -= size
    return [command(*words, payload="".join(lines)) for lines in batches]


def _map_line(key: str, value: str) -> str:
    if not key or " " in key or _CONTROL.search(key):
        raise UnsafeCommand(f"{key!r} cannot be a map key: it is empty or holds white space or control characters")
    if not value or value != value.strip(" ") or _CONTROL.search(value):
        raise UnsafeCommand(f"{value!r} cannot be a map value: it is empty, has outer blanks or control characters")
    return f"{key} {value}"
