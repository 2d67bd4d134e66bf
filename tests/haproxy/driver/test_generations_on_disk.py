import contextlib
import stat
from pathlib import Path

import pytest

from haloy.proxies.haproxy.apply.generations import Generations


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    made = Generations(tmp_path / "haproxy")
    made.open()
    return made


def test_a_new_generation_links_what_did_not_change(generations: Generations) -> None:
    one = generations.create(1, {"a.cfg": b"a", "maps/x.map": b"x"}, None)
    two = generations.create(2, {"a.cfg": b"a", "maps/x.map": b"y"}, one)
    assert (one.path / "a.cfg").stat().st_ino == (two.path / "a.cfg").stat().st_ino
    assert (one.read("maps/x.map"), two.read("maps/x.map")) == (b"x", b"y")


def test_an_update_never_reaches_an_older_generation(generations: Generations) -> None:
    one = generations.create(1, {"a.cfg": b"a", "b.cfg": b"b"}, None)
    two = generations.create(2, {"a.cfg": b"a", "b.cfg": b"b"}, one)
    assert generations.update(two, {"a.cfg": b"new", "b.cfg": b"b", "certs/c.pem": b"c"}, gone=["absent"]) == (
        "a.cfg",
        "certs/c.pem",
    )
    assert (one.read("a.cfg"), two.read("a.cfg")) == (b"a", b"new")
    generations.update(two, {}, gone=["b.cfg"])
    assert generations.names(two) == ("a.cfg", "certs/c.pem")
    assert generations.names(one) == ("a.cfg", "b.cfg")


def test_nothing_is_readable_by_others(generations: Generations) -> None:
    one = generations.create(1, {"certs/a.pem": b"a"}, None)
    generations.update(one, {"ca/b.pem": b"b"})
    for path in generations.link.parent.rglob("*"):
        assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path


def test_the_link_names_the_current_one_and_pruning_keeps_it_and_the_one_before(generations: Generations) -> None:
    assert generations.current() is None
    made = [generations.create(number, {"a.cfg": b"a"}, None) for number in (1, 2, 3, 4, 5)]
    generations.activate(made[4])
    generations.activate(made[2])
    assert generations.current() == made[2]
    generations.prune(made[2])
    assert [generation.number for generation in generations.all()] == [3, 2]
    assert generations.reserve() == 4


def test_pruning_keeps_what_runs_whatever_the_link_says(generations: Generations) -> None:
    made = [generations.create(number, {"a.cfg": b"a"}, None) for number in (1, 2, 3, 4)]
    generations.activate(made[2])
    generations.prune(made[0])
    assert [generation.number for generation in generations.all()] == [3, 2, 1]


def test_what_a_crash_left_unfinished_is_cleared_away(generations: Generations) -> None:
    generations.create(1, {"a.cfg": b"a"}, None)
    root = generations.link.parent
    (root / "generations" / "000002.unfinished").mkdir()
    (root / "current.unfinished").symlink_to("nowhere")
    generations.open()
    assert [generation.name for generation in generations.all()] == ["000001"]
    assert not (root / "current.unfinished").is_symlink()


@pytest.mark.parametrize("name", ["../a", "/etc/a", "", "maps/../../a"])
def test_no_name_leads_out_of_the_directory(generations: Generations, name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        generations.create(1, {name: b""}, None)


def test_an_update_that_fails_changes_nothing(generations: Generations) -> None:
    one = generations.create(1, {"a.cfg": b"a", "b.cfg": b"b"}, None)
    obstacle = one.path / ".b.cfg.unfinished"
    obstacle.mkdir()
    with pytest.raises(OSError, match="directory"):
        generations.update(one, {"a.cfg": b"new", "b.cfg": b"new"})
    obstacle.rmdir()
    assert (one.read("a.cfg"), one.read("b.cfg")) == (b"a", b"b")
    assert generations.names(one) == ("a.cfg", "b.cfg")


def test_what_is_provisional_is_taken_back(generations: Generations) -> None:
    one = generations.create(1, {"certs/a.pem": b"a"}, None)
    with (
        contextlib.suppress(BlockingIOError),
        generations.provisionally(one, {"certs/a.pem": b"new", "ca/b.pem": b"b"}),
    ):
        assert (one.read("certs/a.pem"), one.read("ca/b.pem")) == (b"new", b"b")
        raise BlockingIOError
    assert generations.names(one) == ("certs/a.pem",)
    assert one.read("certs/a.pem") == b"a"
    with generations.provisionally(one, {"certs/a.pem": b"new", "ca/b.pem": b"b"}):
        pass
    assert generations.names(one) == ("ca/b.pem", "certs/a.pem")
    assert one.read("certs/a.pem") == b"new"


def test_what_is_known_to_be_the_same_is_linked_unless_its_size_says_otherwise(generations: Generations) -> None:
    one = generations.create(1, {"certs/a.pem": b"same", "certs/b.pem": b"torn"}, None)
    two = generations.create(2, {"certs/a.pem": b"same", "certs/b.pem": b"whole"}, one, {"certs/a.pem", "certs/b.pem"})
    assert (one.path / "certs/a.pem").stat().st_ino == (two.path / "certs/a.pem").stat().st_ino
    assert two.read("certs/b.pem") == b"whole"
