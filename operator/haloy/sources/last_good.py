"""The last valid documents of every file, on disk, so that a file broken while haloy was not running keeps its objects.

One SQLite file, because it commits a thousand files with one fsync and is whole after a power cut. It holds private keys: it
is readable by its owner only.
"""

import json
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from haloy.api.load import InvalidObject, load_object
from haloy.api.snapshot import Place
from haloy.model.refs import ObjectRef
from haloy.sources.manifest import ReadObject

_LOG = logging.getLogger(__name__)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS file (root TEXT, path TEXT, objects TEXT NOT NULL, PRIMARY KEY (root, path)) WITHOUT ROWID
"""

Objects = Mapping[ObjectRef, ReadObject]


class LastGood:
    """The valid objects of the files below `root`, in `folder`, which is made if need be (mode 0700)."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._file = folder / "last-good.sqlite3"
        self._root = str(root)

    def load(self) -> dict[str, Objects]:
        """By relative path. Never fails: what is missing, damaged or not valid any more is left out, with a warning."""
        if not self._file.exists():
            return {}
        try:
            with closing(self._connect()) as connection:
                rows = connection.execute("SELECT path, objects FROM file WHERE root = ?", (self._root,)).fetchall()
        except (sqlite3.Error, OSError) as error:
            _LOG.warning(
                "%s: cannot be read (%s), so no earlier versions of objects are known; it is made anew",
                self._file,
                error,
            )
            self._discard()
            return {}
        return {path: self._objects(path, text) for path, text in rows}

    def save(self, files: Mapping[str, Objects | None]) -> None:
        """Replace what is kept of these files (None: nothing any more), all or none, on the disk when it returns.

        Raises:
            OSError: the disk refuses.
        """
        rows = [(self._root, path, _text(objects.values())) for path, objects in files.items() if objects]
        gone = [(self._root, path) for path, objects in files.items() if not objects]
        try:
            with closing(self._connect()) as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO file VALUES (?, ?, ?)", rows)
                connection.executemany("DELETE FROM file WHERE root = ? AND path = ?", gone)
        except sqlite3.Error as error:
            raise OSError(f"{self._file}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.touch(mode=0o600)
        connection = sqlite3.connect(self._file, timeout=5)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_SCHEMA)
        return connection

    def _discard(self) -> None:
        try:
            self._file.unlink(missing_ok=True)
            self._file.with_name(self._file.name + "-journal").unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("%s: cannot be removed: %s", self._file, error)

    def _objects(self, path: str, text: str) -> Objects:
        objects: dict[ObjectRef, ReadObject] = {}
        try:
            for line, column, document in json.loads(text):
                item = load_object(document)
                objects[item.ref] = ReadObject(item, document, Place(path, int(line), int(column)))
        except (InvalidObject, ValueError, TypeError) as error:
            name = type(error).__name__
            _LOG.warning("%s: of %s an earlier version cannot be used any more (%s)", self._file, path, name)
        return objects


def _text(objects: Iterable[ReadObject]) -> str:
    entries: list[tuple[int, int, dict[str, Any]]] = [
        (item.place.line, item.place.column, item.document) for item in objects
    ]
    return json.dumps(entries)
