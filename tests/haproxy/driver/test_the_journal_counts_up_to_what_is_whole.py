import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from haloy.proxies.haproxy.apply.journal import Journal, read_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record" / "journal"


@pytest.fixture
def journal(path: Path) -> Journal:
    made = Journal(path, 0, 0)
    for name in ("a", "b", "c"):
        made.append({"revision": name})
    return made


def revisions(path: Path) -> list[object]:
    return [value["revision"] for value in read_journal(path).values]


def reopened(path: Path) -> Journal:
    found = read_journal(path)
    return Journal(path, found.size, found.last)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes, as on a disk that is full."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_no_file_says_nothing_and_is_missed(path: Path) -> None:
    found = read_journal(path)
    assert (found.values, found.missing, found.lost) == ((), True, "it is missing")


def test_what_was_appended_is_read(path: Path, journal: Journal) -> None:
    assert revisions(path) == ["a", "b", "c"]
    assert read_journal(path).size == journal.size == path.stat().st_size
    assert path.stat().st_mode & 0o077 == 0


def test_a_torn_last_line_never_happened(path: Path, journal: Journal) -> None:
    whole = path.read_bytes()
    second = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for length in range(second, len(whole)):
        path.write_bytes(whole[:length])
        found = read_journal(path)
        assert (len(found.values), found.torn, found.damage) == (2, length > second, "")
        reopened(path).append({"revision": "d"})
        assert revisions(path) == ["a", "b", "d"]


def test_garbage_at_the_end_never_happened(path: Path, journal: Journal) -> None:
    path.write_bytes(path.read_bytes() + b"\r\xff\r\x00" + os.urandom(5).replace(b"\n", b""))
    assert revisions(path) == ["a", "b", "c"]
    reopened(path).append({"revision": "d"})
    assert revisions(path) == ["a", "b", "c", "d"]


def test_damage_in_the_middle_is_said(path: Path, journal: Journal) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"\n") + 30] ^= 1
    path.write_bytes(content)
    assert revisions(path) == ["a"]
    assert read_journal(path).damage == "line 2 of 3 is damaged: the checksum is wrong"


def test_a_line_that_comes_twice_is_said(path: Path, journal: Journal) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[0]]))
    assert read_journal(path).damage == "line 4 of 4 is older than the one before"


def test_the_record_takes_over_what_it_says(path: Path, journal: Journal) -> None:
    journal.forget(2)
    assert revisions(path) == ["c"]
    journal.append({"revision": "d"})
    assert [value["seq"] for value in read_journal(path).values] == [3, 4]
    journal.forget(4)
    assert path.read_bytes() == b""
    journal.append({"revision": "e"})
    assert [value["seq"] for value in read_journal(path).values] == [5]


@pytest.mark.parametrize("room", [0, 10, 400])
def test_a_full_disk_leaves_it_as_it_was(path: Path, journal: Journal, room: int) -> None:
    before = path.read_bytes()
    with room_for(room), pytest.raises(OSError, match="large"):
        journal.append({"revision": "d", "much": "x" * 1000})
    assert path.read_bytes() == before
    journal.append({"revision": "e"})
    assert revisions(path) == ["a", "b", "c", "e"]


def test_a_full_disk_leaves_no_empty_file(path: Path) -> None:
    with room_for(0), pytest.raises(OSError, match="large"):
        Journal(path, 0, 0).append({"revision": "a"})
    assert not path.exists()
