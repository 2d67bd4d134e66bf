"""Only the files that were announced are read again; what the Store then holds is what a reading of everything gives."""

import random
import time
from pathlib import Path

import pytest

from haloy.clock import SystemClock
from haloy.sources.directory import SETTLE, Directory
from haloy.sources.store import Store
from tests.sources.manifests import backend, join, route

NAMES = ["a", "b", "c"]
FILES = ["one.yaml", "two.yaml", "three.yml", "deep/four.yaml"]


class World:
    """A directory, with one reader that is told what changes."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root, self.chance, self.clock = root, chance, SystemClock()
        (root / "deep").mkdir(parents=True)
        self.directory = Directory(root, self.clock, {})
        self.store = Store(self.clock, ["files"])
        self.unlinked: set[str] = set()
        self.deliver(None)

    def write(self) -> str:
        path = self.root / self.chance.choice(FILES)
        kind = self.chance.random()
        if kind < 0.15 and path.exists():
            path.unlink()
            self.unlinked.add(str(path))
            return str(path)
        documents = [self.document() for _ in range(self.chance.randrange(1, 3))]
        text = join(*documents) if kind < 0.9 else "kind: [broken"
        beside = path.with_name(f".{path.name}")
        beside.write_text(text)
        beside.replace(path)
        return str(path)

    def document(self) -> str:
        make, name = self.chance.choice([route, backend]), self.chance.choice(NAMES)
        return make(name, self.chance.choice(["10.0.0.7", "10.0.0.8"])) if make is backend else make(name)

    def deliver(self, touched: set[str] | None) -> None:
        """Until nothing is held back any more."""
        while True:
            reading = self.directory.read(self.unlinked, touched=touched)
            again = self.store.replace("files", reading.reading)
            if again is None:
                self.directory.forget()
                self.unlinked.clear()
                return
            time.sleep(SETTLE / 4)
            touched = set() if touched is not None and again <= SETTLE else None


@pytest.mark.parametrize("seed", range(8))
def test_reading_some_files_equals_reading_all(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path / "objects", random.Random(seed))
    for _ in range(25):
        world.deliver({world.write() for _ in range(world.chance.randrange(1, 3))})
        found = world.store.snapshot()
        world.deliver(None)
        assert world.store.snapshot() is found, "looking over everything finds nothing else"


def test_only_the_announced_file_is_looked_at(tmp_path: Path) -> None:
    world = World(tmp_path / "objects", random.Random(0))
    for name in NAMES:
        (world.root / f"{name}.yaml").write_text(route(name))
    world.deliver(None)
    time.sleep(0.15)  # From then on their time stamps say for certain whether they changed.
    world.deliver(None)
    (world.root / "a.yaml").write_text(route("a", "changed.example.com"))
    (world.root / "b.yaml").write_text(route("b", "changed.example.com"))
    reading = world.directory.read(touched={str(world.root / "a.yaml")}).reading
    assert [ref.name for ref in reading.objects] == ["a"]


def test_a_deletion_that_was_announced_is_one_file_to_look_at(tmp_path: Path) -> None:
    world = World(tmp_path / "objects", random.Random(0))
    for name in NAMES:
        (world.root / f"{name}.yaml").write_text(route(name))
    world.deliver(None)
    time.sleep(0.15)  # From then on their time stamps say for certain whether they changed.
    world.deliver(None)
    (world.root / "b.yaml").write_text(route("b", "changed.example.com"))
    gone = str(world.root / "a.yaml")
    Path(gone).unlink()
    world.unlinked.add(gone)
    world.deliver({gone})
    found = {ref.name: item for ref, item in world.store.snapshot().objects.items()}
    assert found.keys() == {"b", "c"}
    assert "changed.example.com" not in str(found["b"])


def test_a_survey_finds_what_nobody_announced_and_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path / "objects", random.Random(0))
    for name in NAMES:
        (world.root / f"{name}.yaml").write_text(route(name))
    world.deliver(None)
    assert world.directory.survey() == set()
    (world.root / "a.yaml").write_text(route("a", "changed.example.com"))
    (world.root / "b.yaml").unlink()
    (world.root / "d.yaml").write_text(route("d"))
    found = world.directory.survey()
    assert found == {str(world.root / f"{name}.yaml") for name in "abd"}
    world.deliver(found)
    assert {ref.name for ref in world.store.snapshot().objects} == {"a", "c", "d"}
    (world.root / "new").mkdir()
    assert world.directory.survey() is None


@pytest.mark.parametrize("name", ["new", "new.yaml"])
def test_a_new_folder_is_found_whatever_its_name(tmp_path: Path, name: str) -> None:
    directory = Directory(tmp_path, SystemClock(), {})
    directory.read()
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.yaml").write_text(route("a"))
    reading = directory.read(touched={str(tmp_path / name)}).reading
    assert [ref.name for ref in reading.objects] == ["a"]


def test_a_link_is_followed_as_ever(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "real.yaml").write_text(route("a"))
    directory = Directory(tmp_path / "objects", SystemClock(), {})
    directory.read()
    (tmp_path / "objects" / "link.yaml").symlink_to(tmp_path / "real.yaml")
    found = directory.read(touched={str(tmp_path / "objects" / "link.yaml")})
    assert [ref.name for ref in found.reading.objects] == ["a"]
    assert str(tmp_path) in found.directories
