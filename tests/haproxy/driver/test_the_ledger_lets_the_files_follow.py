"""The ledger over the life of generations: what is noted, what follows, and what a new generation starts from."""

import asyncio
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.journal import JOURNAL
from haloy.proxies.haproxy.apply.ledger import Ledger
from haloy.proxies.haproxy.apply.record import INDEX, read_record, settled
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.events import Event
from haloy.proxies.haproxy.render.render import config_files
from tests.haproxy.driver.large import changed, large, target
from tests.haproxy.driver.values import server
from tests.support.small_haproxy import eventually

BEFORE = large(20, certificates=3, fragments=4)
AFTER = changed(BEFORE, 5, server(7), revision="r2")


@contextmanager
def no_writing() -> Iterator[None]:
    """Every write to a file of this process fails with EFBIG, as it would with ENOSPC."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    made = Generations(tmp_path)
    made.open()
    return made


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def ledger(generations: Generations, events: list[Event]) -> Ledger:
    return Ledger(generations, config_files, asyncio.sleep, events.append)


@pytest.fixture
def generation(ledger: Ledger) -> Generation:
    return ledger.create(target(BEFORE), None)


def says(generation: Generation, artifacts: Artifacts) -> bool:
    return all(generation.read(name) == content for name, content in config_files(artifacts).items())


def content(generation: Generation) -> dict[str, bytes]:
    paths = (path for path in generation.path.rglob("*") if path.is_file())
    return {str(path.relative_to(generation.path)): path.read_bytes() for path in paths}


async def test_a_new_generation_is_complete(generation: Generation) -> None:
    assert says(generation, BEFORE)
    assert read_record(generation) == BEFORE
    assert settled(generation)


async def test_the_fragments_follow_by_themselves(ledger: Ledger, generation: Generation) -> None:
    await ledger.note(generation, BEFORE, target(AFTER))
    assert read_record(generation) == AFTER
    fragments = {one.filename: text for one in AFTER.fragments for text in [config_files(AFTER)[one.filename]]}

    async def followed() -> bool:
        return all(generation.read(name) == text for name, text in fragments.items())

    assert not await followed()
    await eventually(followed, "the fragments are written")
    assert not settled(generation), "the maps are only in the journal"
    await ledger.close()


async def test_in_the_end_every_file_says_it(ledger: Ledger, generation: Generation) -> None:
    await ledger.note(generation, BEFORE, target(AFTER))
    await ledger.close()
    assert says(generation, AFTER)
    assert settled(generation)
    assert read_record(generation) == AFTER


async def test_what_came_and_went_is_gone_from_every_file(ledger: Ledger, generation: Generation) -> None:
    """The fragment has followed already when the change is taken back."""
    await ledger.note(generation, BEFORE, target(AFTER))
    fragment = "30-clusters-01.cfg"

    async def followed() -> bool:
        return generation.read(fragment) == config_files(AFTER)[fragment]

    await eventually(followed, "the fragment is written")
    await ledger.flush(generation, target(BEFORE))
    assert says(generation, BEFORE)
    assert read_record(generation) == BEFORE
    await ledger.close()


async def test_a_flush_that_was_cut_off_by_a_full_disk_is_made_up_for(ledger: Ledger, generation: Generation) -> None:
    obstacle = generation.path / ".30-clusters-01.cfg.unfinished"
    obstacle.mkdir()
    with pytest.raises(OSError, match="directory"):
        await ledger.flush(generation, target(AFTER))
    assert read_record(generation) == AFTER
    obstacle.rmdir()
    await ledger.flush(generation, target(BEFORE))
    assert says(generation, BEFORE)
    assert settled(generation)
    await ledger.close()


async def test_a_flush_lets_every_file_say_it_at_once(ledger: Ledger, generation: Generation) -> None:
    await ledger.flush(generation, target(AFTER))
    assert says(generation, AFTER)
    assert settled(generation)
    await ledger.close()


async def test_a_later_haloy_goes_on(
    ledger: Ledger, generation: Generation, generations: Generations, events: list[Event]
) -> None:
    await ledger.note(generation, BEFORE, target(AFTER))
    later = Ledger(generations, config_files, asyncio.sleep, events.append)
    third = changed(AFTER, 6, server(8), server(9), revision="r3")
    await later.note(generation, read_record(generation), target(third))
    assert read_record(generation) == third
    await later.close()
    assert says(generation, third)
    assert settled(generation)


async def test_a_new_generation_completes_the_one_before_and_is_linked_to_it(
    ledger: Ledger, generation: Generation
) -> None:
    await ledger.note(generation, BEFORE, target(AFTER))
    third = changed(AFTER, 6, server(8), revision="r3")
    new = await asyncio.to_thread(ledger.create, target(third), generation)
    assert says(generation, AFTER)
    assert settled(generation)
    assert says(new, third)
    assert read_record(new) == third
    unchanged = ["30-clusters-01.cfg", "certs/c1.pem"]
    assert [(new.path / name).stat().st_ino for name in unchanged] == [
        (generation.path / name).stat().st_ino for name in unchanged
    ]
    await ledger.note(new, third, target(changed(third, 7, server(1), revision="r4")))
    assert (new.path / JOURNAL).stat().st_nlink == 1
    assert read_record(generation) == AFTER
    await ledger.close()


async def test_a_full_disk_changes_nothing(ledger: Ledger, generation: Generation) -> None:
    """Neither a certificate nor the journal; what was written before the error is as it was."""
    before = content(generation)
    pem = {**BEFORE.pem_files, "certs/c1.pem": "renewed", "certs/new.pem": "new"}
    wanted = target(replace(AFTER, pem_files=pem), {"renewed": b"RENEWED", "new": b"NEW"})
    with no_writing(), pytest.raises(OSError, match="large"):
        await ledger.note(generation, BEFORE, wanted)
    assert content(generation) == before
    obstacle = generation.path / JOURNAL
    obstacle.unlink()
    obstacle.mkdir()
    with pytest.raises(OSError, match="directory"):
        await ledger.note(generation, BEFORE, wanted)
    obstacle.rmdir()
    obstacle.touch()
    assert content(generation) == before, "the certificates are put back"
    await ledger.note(generation, BEFORE, wanted)
    assert generation.read("certs/c1.pem") == b"RENEWED"
    assert read_record(generation) == wanted.artifacts
    await ledger.close()


async def test_the_key_of_a_certificate_that_went_is_deleted(ledger: Ledger, generation: Generation) -> None:
    path = "certs/c1.pem"
    less = {one: digest for one, digest in BEFORE.pem_files.items() if one != path}
    await ledger.note(generation, BEFORE, target(replace(BEFORE, pem_files=less, revision="r2")))

    async def deleted() -> bool:
        return generation.read(path) is None

    await eventually(deleted, "the key is gone")
    await ledger.note(generation, BEFORE, target(BEFORE))
    assert generation.read(path) is not None
    await ledger.close()
    assert read_record(generation) == BEFORE


async def test_a_damaged_certificate_file_is_written_again(
    ledger: Ledger, generation: Generation, generations: Generations
) -> None:
    (generation.path / "certs/c1.pem").unlink()
    (generation.path / "certs/c1.pem").write_bytes(b"damaged")
    later = Ledger(generations, config_files)
    assert later.repair(generation) == ""
    await later.note(generation, read_record(generation), target(BEFORE))
    assert generation.read("certs/c1.pem") == target(BEFORE).pem["certs/c1.pem"]
    assert read_record(generation) == BEFORE
    await later.close()


async def test_a_record_lost_while_haloy_runs_is_written_anew(
    ledger: Ledger, generation: Generation, generations: Generations
) -> None:
    (generation.path / INDEX).unlink()
    later = Ledger(generations, config_files)
    await later.note(generation, BEFORE, target(AFTER))
    assert read_record(generation) == AFTER
    assert says(generation, AFTER)
    await later.close()


async def test_what_cannot_be_written_at_the_end_is_said_and_stays_in_the_journal(
    ledger: Ledger, generation: Generation, events: list[Event]
) -> None:
    await ledger.note(generation, BEFORE, target(AFTER))
    with no_writing():
        await ledger.close()
    assert len(events) == 1
    assert read_record(generation) == AFTER
