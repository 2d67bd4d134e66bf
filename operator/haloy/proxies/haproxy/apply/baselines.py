"""What a slot had counted when it became free: its next Cluster starts from there. HAProxy's counters start at 0 with each
process and cannot be set, so this is kept beside the generations for a haloy that takes a running HAProxy over."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from haloy.proxies.base import Traffic

_ROOM = 1_000
"""Entries of slots that were told before, beyond which the file is written anew."""


class Baselines:
    """By slot, for one worker (`worker`: its identity). Appended to, one JSON line for each batch; begun anew with each worker.

    A loss is no more than a metric that starts too high, so nothing is synced. Blocking, and small.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worker: str | None = None
        self._values: dict[str, Traffic] = {}
        self._appended = 0

    @property
    def values(self) -> Mapping[str, Traffic]:
        return self._values

    def open(self, worker: str) -> str:
        """What is known of this worker's slots. A damaged file is told and counts as empty. Returns what to tell, "" if nothing."""
        if worker == self._worker:
            return ""
        self._worker, self._values = worker, {}
        try:
            self._read(self._path.read_text(encoding="utf-8"), worker)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            self._values = {}
            return f"the counters of slots that had a Backend before start too high: {type(error).__name__}: {error}"
        return ""

    def note(self, counted: Mapping[str, Traffic]) -> str:
        """These slots are free. Returns why that could not be kept, "" if it was."""
        if not counted:
            return ""
        whole = not self._values or self._appended > _ROOM + 2 * len(self._values)
        self._values = {**self._values, **counted}
        said = self._values if whole else counted
        line = json.dumps({"worker": self._worker, "slots": {name: asdict(one) for name, one in said.items()}})
        self._appended = 0 if whole else self._appended + len(counted)
        try:
            with self._path.open("w" if whole else "a", encoding="utf-8") as file:
                file.write(f"{line}\n")
            self._path.chmod(0o600)
        except OSError as error:
            return f"the counters of slots that had a Backend before could not be kept: {error}"
        return ""

    def _read(self, text: str, worker: str) -> None:
        for line in text.splitlines():
            value = json.loads(line)
            if value["worker"] != worker:
                self._values = {}
                return
            self._values.update({name: Traffic(**one) for name, one in value["slots"].items()})
