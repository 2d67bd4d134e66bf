"""HAProxy's standard error, read as it comes from the named pipe and told record by record."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

from haloy.proxies.haproxy.process.alerts import Alert, parse_line
from haloy.proxies.haproxy.process.run_files import open_message_pipe

_AT_ONCE = 1 << 16
_KEPT = 200
_STOPPED = b" stopped (cumulated conns: "
"""In a worker's word about each of its sections when it ends, some thousand lines at every reload: they say nothing."""


class Messages:
    """Reads `pipe` while open, hands each record to `tell`, keeps the last ones in `recent`.

    `write_end` is the descriptor for HAProxy's standard error.
    """

    def __init__(self, pipe: Path, tell: Callable[[Alert], None]) -> None:
        self._tell = tell
        self._rest = b""
        self.recent: deque[Alert] = deque(maxlen=_KEPT)
        self._read_end, self.write_end = open_message_pipe(pipe)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._read_end, self._on_readable)

    def drain(self) -> None:
        """Read all that is there now, an unfinished last line included."""
        while self._on_readable():
            pass
        rest, self._rest = self._rest, b""
        self._take([rest])

    def close(self) -> None:
        self.drain()
        self._loop.remove_reader(self._read_end)
        os.close(self._read_end)
        os.close(self.write_end)

    def _on_readable(self) -> bool:
        try:
            data = os.read(self._read_end, _AT_ONCE)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._take(lines)
        return True

    def _take(self, lines: list[bytes]) -> None:
        """Lines that came together; one without a heading belongs to the record before it."""
        records: list[Alert] = []
        for line in lines:
            if _STOPPED in line:
                continue
            previous = records[-1] if records else None
            record = parse_line(line.decode("utf-8", "replace"), previous)
            if record is None:
                continue
            if previous is not None and record.text.startswith(f"{previous.text}\n") and record.pid == previous.pid:
                records.pop()
            records.append(record)
        for record in records:
            self.recent.append(record)
            self._tell(record)
