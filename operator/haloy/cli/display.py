"""What `haloy serve` shows: a table that stays live on a terminal, plain lines elsewhere."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.logging import RichHandler
from rich.table import Table
from rich.text import Text

from haloy.cli.output import one_line

Look = Callable[[], tuple[Mapping[str, Any], Mapping[str, str]]]
"""`/v1/status` and a URL by Route name as they are now; made only when it is called."""

PLAIN_LINES = 50
"""Objects that plain output lists at the start."""
_STYLES = {"True": "green", "False": "red", "Unknown": "yellow"}


def condition(item: Mapping[str, Any], type: str) -> Mapping[str, Any]:
    """The condition of that type of an object of `/v1/status`; empty if it has none."""
    return next((found for found in item["status"]["conditions"] if found["type"] == type), {})


def name(item: Mapping[str, Any]) -> str:
    """`namespace/name` of an object of `/v1/status`."""
    metadata = item["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"


def shortlist(items: Sequence[Mapping[str, Any]], limit: int) -> Sequence[Mapping[str, Any]]:
    """All, or, of more than `limit`, those that need somebody's attention before those that are ready."""
    if len(items) <= limit:
        return items
    return sorted(items, key=lambda item: condition(item, "Ready").get("status") == "True")[: max(limit, 0)]


def routes(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The Routes among the objects of `/v1/status`, in its order."""
    return [item for item in status["objects"] if item["kind"] == "Route"]


def route_table(items: Iterable[Mapping[str, Any]], urls: Mapping[str, str]) -> Table:
    """Routes of `/v1/status` with their state; `urls` by Route name."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("ROUTE", "READY", "HOSTS", "BACKENDS", *(["URL"] if urls else []), "MESSAGE"):
        table.add_column(heading, overflow="fold")
    for item in items:
        ready = condition(item, "Ready")
        state = ready.get("status", "Unknown")
        table.add_row(
            one_line(name(item)),
            one_line(state, _STYLES.get(state, "")),
            one_line(item["status"].get("hosts") or "*"),
            one_line(item["status"].get("backends", "")),
            *([one_line(urls.get(name(item), ""))] if urls else []),
            one_line(message_of(item)),
        )
    return table


def message_of(item: Mapping[str, Any]) -> str:
    """Why an object of `/v1/status` is not ready, or else why not all of it is healthy; empty when all is well."""
    ready, healthy = condition(item, "Ready"), condition(item, "Healthy")
    if ready.get("message") and (ready.get("status") != "True" or ready.get("reason") != "Ready"):
        return str(ready["message"])
    return str(healthy.get("message", "")) if healthy.get("reason") != "AllHealthy" else ""


def problem_lines(status: Mapping[str, Any]) -> list[str]:
    """One line for each file or object that could not be read: its place and all that is wrong with it."""
    return [f"{problem['place']}: {' '.join(problem['messages'])}" for problem in status["problems"]]


class PlainDisplay:
    """Lines: what is served once it is known; from then on the log tells every change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = False

    def handler(self) -> logging.Handler | None:
        return None

    def start(self, banner: Sequence[str]) -> None:
        for line in banner:
            self._console.print(one_line(line), soft_wrap=True)

    def update(self, look: Look) -> None:
        if not self._told:
            status, urls = look()
            shown = shortlist(status["objects"], PLAIN_LINES)
            self._tell(shown, status, urls)
            if more := len(status["objects"]) - len(shown):
                self._console.print(Text(f"and {more} more objects, see haloy status"), soft_wrap=True)

    def finish(self, look: Look) -> None:
        status, urls = look()
        self._tell(status["objects"], status, urls)

    def _tell(self, items: Iterable[Mapping[str, Any]], status: Mapping[str, Any], urls: Mapping[str, str]) -> None:
        self._told = True
        for item in items:
            ready = condition(item, "Ready")
            kind = item["kind"].lower()
            url = urls.get(name(item), "") if item["kind"] == "Route" else ""
            fields = [f"{kind}/{name(item)}", f"Ready={ready.get('status', 'Unknown')}", url, ready.get("message", "")]
            self._console.print(one_line(" ".join(field for field in fields if field)), soft_wrap=True)
        for line in problem_lines(status):
            self._console.print(one_line(line), soft_wrap=True)

    def stop(self) -> None:
        """Nothing is held."""


class LiveDisplay:
    """A table at the foot of the terminal, log lines above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._banner: Sequence[str] = ()
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def handler(self) -> logging.Handler | None:
        handler = RichHandler(console=self._console, show_path=False, markup=False, log_time_format="%H:%M:%S")
        handler.setFormatter(logging.Formatter("%(message)s"))
        return handler

    def start(self, banner: Sequence[str]) -> None:
        self._banner = banner
        self._live.start()

    def update(self, look: Look) -> None:
        status, urls = look()
        problems = problem_lines(status)
        every = routes(status)
        shown = shortlist(every, max(self._console.height - len(problems) - len(self._banner) - 5, 5))
        parts: list[RenderableType] = [Text(), route_table(shown, urls)]
        if more := len(every) - len(shown):
            parts.append(Text(f"and {more} more Routes, see haloy status", style="dim"))
        parts += [one_line(line, "red") for line in problems]
        parts += [Text(), *(one_line(line, "dim") for line in self._banner)]
        self._live.update(Group(*parts), refresh=True)

    def finish(self, look: Look) -> None:
        self.update(look)

    def stop(self) -> None:
        self._live.stop()


def choose(console: Console, once: bool, json_log: bool) -> PlainDisplay | LiveDisplay:
    """The live table for a person at a terminal who stays; lines for pipes, files, `--once` and logs in JSON."""
    return LiveDisplay(console) if console.is_terminal and not once and not json_log else PlainDisplay(console)
