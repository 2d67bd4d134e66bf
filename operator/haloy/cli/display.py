"""What `haloy serve` shows: a table that stays live on a terminal, plain lines elsewhere."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.logging import RichHandler
from rich.table import Table
from rich.text import Text

_STYLES = {"True": "green", "False": "red", "Unknown": "yellow"}


def condition(item: Mapping[str, Any], type: str) -> Mapping[str, Any]:
    """The condition of that type of an object of `/v1/status`; empty if it has none."""
    return next((found for found in item["status"]["conditions"] if found["type"] == type), {})


def name(item: Mapping[str, Any]) -> str:
    metadata = item["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"


def route_table(status: Mapping[str, Any], urls: Mapping[str, str]) -> Table:
    """The Routes of `/v1/status` with their state; `urls` by Route name."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("ROUTE", "READY", "HOSTS", "BACKENDS", *(["URL"] if urls else []), "MESSAGE"):
        table.add_column(heading, overflow="fold")
    for item in status["objects"]:
        if item["kind"] != "Route":
            continue
        ready = condition(item, "Ready")
        state = ready.get("status", "Unknown")
        healthy = condition(item, "Healthy")
        message = ready.get("message", "") if state != "True" or ready.get("reason") != "Ready" else ""
        if not message and healthy.get("reason") != "AllHealthy":
            message = healthy.get("message", "")
        table.add_row(
            Text(name(item)),
            Text(state, style=_STYLES.get(state, "")),
            Text(item["status"].get("hosts") or "*"),
            Text(item["status"].get("backends", "")),
            *([Text(urls.get(name(item), ""))] if urls else []),
            Text(message),
        )
    return table


def problem_lines(status: Mapping[str, Any]) -> list[str]:
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
            self._console.print(Text(line), soft_wrap=True)

    def update(self, status: Mapping[str, Any], urls: Mapping[str, str]) -> None:
        if not self._told:
            self.finish(status, urls)

    def finish(self, status: Mapping[str, Any], urls: Mapping[str, str]) -> None:
        self._told = True
        for item in status["objects"]:
            ready = condition(item, "Ready")
            kind = item["kind"].lower()
            url = urls.get(name(item), "") if item["kind"] == "Route" else ""
            fields = [f"{kind}/{name(item)}", f"Ready={ready.get('status', 'Unknown')}", url, ready.get("message", "")]
            self._console.print(Text(" ".join(field for field in fields if field)), soft_wrap=True)
        for line in problem_lines(status):
            self._console.print(Text(line), soft_wrap=True)

    def stop(self) -> None:
        """Nothing is held."""


class LiveDisplay:
    """A table at the foot of the terminal, log lines above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._banner: Sequence[str] = ()
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def handler(self) -> logging.Handler | None:
        return RichHandler(console=self._console, show_path=False, markup=False, log_time_format="[%H:%M:%S]")

    def start(self, banner: Sequence[str]) -> None:
        self._banner = banner
        self._live.start()

    def update(self, status: Mapping[str, Any], urls: Mapping[str, str]) -> None:
        parts: list[RenderableType] = [Text(), route_table(status, urls)]
        parts += [Text(line, style="red") for line in problem_lines(status)]
        parts += [Text(), *(Text(line, style="dim") for line in self._banner)]
        self._live.update(Group(*parts), refresh=True)

    def finish(self, status: Mapping[str, Any], urls: Mapping[str, str]) -> None:
        self.update(status, urls)

    def stop(self) -> None:
        self._live.stop()


def choose(console: Console, once: bool, json_log: bool) -> PlainDisplay | LiveDisplay:
    return LiveDisplay(console) if console.is_terminal and not once and not json_log else PlainDisplay(console)
