"""Whatever there is besides: a change writes its line in the journal, and then the fragment that it touched."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from haloy.proxies.haproxy.apply.book import Book
from haloy.proxies.haproxy.apply.generations import Generations
from haloy.proxies.haproxy.apply.journal import JOURNAL
from haloy.proxies.haproxy.apply.ledger import Ledger
from haloy.proxies.haproxy.apply.record import RecordWriter, load, read_record
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.render.render import config_files
from tests.haproxy.driver.large import changed, large, target
from tests.haproxy.driver.values import server


@dataclass
class Disk:
    """A generation of `artifacts`, its book, and what was written since the last look."""

    book: Book
    artifacts: Artifacts
    seen: dict[str, tuple[int, int, int]]

    def written(self) -> dict[str, int]:
        """Bytes by the name of each file that is new, was replaced or has grown."""
        now = {}
        for path in self.book.generation.path.rglob("*"):
            status = path.stat()
            if path.is_file():
                name = str(path.relative_to(self.book.generation.path))
                now[name] = (status.st_ino, status.st_mtime_ns, status.st_size)
        found = {
            path: facts[2] - (self.seen[path][2] if path in self.seen and self.seen[path][0] == facts[0] else 0)
            for path, facts in now.items()
            if self.seen.get(path) != facts
        }
        self.seen = now
        return found


def disk(directory: Path, artifacts: Artifacts) -> Disk:
    generations = Generations(directory)
    generations.open()
    generation = Ledger(generations, config_files).create(target(artifacts), None)
    book = Book(generations, config_files, RecordWriter(), generation, load(generation), None, proven=True)
    book.fold()
    made = Disk(book, artifacts, {})
    made.written()
    return made


@pytest.mark.parametrize("clusters", [1_000, 10_000])
def test_a_route_and_its_backend_write_a_line_and_a_fragment(tmp_path: Path, clusters: int) -> None:
    made = disk(tmp_path, large(clusters, certificates=100))
    wanted = changed(made.artifacts, 5, server(7), revision="r2")
    made.book.note(target(wanted))
    (journal,) = made.written().items()
    assert journal[0] == JOURNAL
    assert journal[1] < 1_200
    made.book.settle()
    (fragment,) = made.written().items()
    assert fragment[0] == "30-clusters-05.cfg"
    assert fragment[1] < 65_536
    assert not made.book.unsettled
    assert read_record(made.book.generation) == wanted


def test_a_certificate_writes_its_file_and_a_line(tmp_path: Path) -> None:
    made = disk(tmp_path, large(100, certificates=1_000))
    path = "certs/c500.pem"
    wanted = replace(made.artifacts, revision="r2", pem_files={**made.artifacts.pem_files, path: "renewed"})
    made.book.note(target(wanted, {"renewed": b"PEM"}))
    written = made.written()
    assert written.keys() == {JOURNAL, path}
    assert written[JOURNAL] < 300
    assert not made.book.unsettled
    assert read_record(made.book.generation) == wanted


def test_a_line_of_the_list_of_certificates_writes_a_line(tmp_path: Path) -> None:
    made = disk(tmp_path, large(100, certificates=1_000))
    lines = made.artifacts.certificates
    wanted = replace(made.artifacts, certificates=(*lines[:500], *lines[501:]), revision="r2")
    made.book.note(target(wanted))
    assert made.written()[JOURNAL] < 300
    assert read_record(made.book.generation) == wanted


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    made = disk(tmp_path, large(100))
    made.book.note(target(replace(made.artifacts, maps=dict(made.artifacts.maps))))
    made.book.settle()
    made.book.fold()
    assert made.written() == {}


def test_when_the_journal_has_grown_everything_is_written_and_it_is_empty(tmp_path: Path) -> None:
    made = disk(tmp_path, large(100))
    wanted = made.artifacts
    for number in range(10):
        maps = {**wanted.maps, "maps/rules.map": {**wanted.maps["maps/rules.map"], f"r{number}": "x" * 120_000}}
        wanted = replace(wanted, maps=maps, revision=f"r{number}")
        made.book.note(target(wanted))
        if made.book.long:
            break
    assert made.book.long
    made.book.fold()
    assert made.book.folded
    written = made.written()
    assert {name for name in written if not name.startswith("record/")} == {"maps/rules.map"}
    assert (made.book.generation.path / JOURNAL).read_bytes() == b""
    assert read_record(made.book.generation) == wanted
