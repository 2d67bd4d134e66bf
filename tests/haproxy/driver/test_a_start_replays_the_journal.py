"""haloy and HAProxy end together right after changes: what comes up next serves what was on record."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.apply.journal import JOURNAL, read_journal
from haloy.proxies.haproxy.apply.record import INDEX, NEXT
from haloy.proxies.haproxy.events import Emptied, Event, Noted, Unusable
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import Upstream, upstreams
from tests.support.http_client import get
from tests.support.ports import free_port

HOSTS = [host("a.example", {"": (Target("web/shop"),)})]


@dataclass
class Installation:
    """What was current when haloy died is in `current`, with a journal of two changes of one server: to `two`, to `three`."""

    state: Path
    http: int
    members: tuple[Upstream, ...]
    events: list[Event] = field(default_factory=list)

    @property
    def current(self) -> Path:
        return (self.state / "haproxy" / "current").resolve()

    @property
    def journal(self) -> Path:
        return self.current / JOURNAL

    async def answers(self) -> str:
        async with haproxy(self.state, fleet(self.http), self.events):
            body = (await get(self.http, "a.example")).body.decode()
        names = {str(one.port): name for one, name in zip(self.members, ("one", "two", "three"), strict=True)}
        return names.get(body, body)

    def unusable(self) -> list[str]:
        return [event.generation for event in self.events if isinstance(event, Unusable)]


@asynccontextmanager
async def crashed(directory: Path) -> AsyncIterator[Installation]:
    http = free_port()
    async with upstreams(3) as members:
        made = Installation(directory, http, tuple(members))
        async with haproxy(directory, fleet(http)) as proxy:
            for number, member in enumerate(members):
                wanted = delivery(fleet(http), HOSTS, [cluster("shop", [local(member.port)])])
                outcome = await proxy.apply(wanted)
                assert isinstance(outcome, Applied), outcome
                assert bool(outcome.reload) is (number == 0), outcome
            shutil.copytree(made.current, directory / "copy")
        current = made.current
        shutil.rmtree(current)
        (directory / "copy").rename(current)
        assert len(read_journal(made.journal).values) >= 2
        yield made


async def test_changes_that_no_file_says_yet(tmp_path: Path) -> None:
    async with crashed(tmp_path) as installation:
        assert not any(
            f":{installation.members[2].port}" in path.read_text() for path in installation.current.glob("*.cfg")
        )
        assert await installation.answers() == "three"
        assert installation.journal.read_bytes() == b""
        assert await installation.answers() == "three", "and so they do when it comes up again"
        assert installation.unusable() == []


async def test_a_torn_last_line_never_happened(tmp_path: Path) -> None:
    async with crashed(tmp_path) as installation:
        installation.journal.write_bytes(installation.journal.read_bytes()[:-20])
        assert await installation.answers() == "two"
        assert installation.unusable() == []


async def test_damage_in_the_middle_ends_it(tmp_path: Path) -> None:
    async with crashed(tmp_path) as installation:
        content = bytearray(installation.journal.read_bytes())
        content[40] ^= 1
        installation.journal.write_bytes(content)
        assert await installation.answers() == "one"
        assert ["is damaged" in event.text for event in installation.events if isinstance(event, Noted)] == [True]


async def test_a_journal_that_was_lost_is_said(tmp_path: Path) -> None:
    async with crashed(tmp_path) as installation:
        installation.journal.unlink()
        assert await installation.answers() == "one", "what the record says, without the changes since"
        assert ["it is missing" in event.text for event in installation.events if isinstance(event, Noted)] == [True]
        installation.events.clear()
        assert await installation.answers() == "one"
        assert installation.events[0] == installation.events[-1], "said once; only the start is told"


async def test_a_journal_that_was_cut_short_is_said(tmp_path: Path) -> None:
    async with crashed(tmp_path) as installation:
        whole = installation.journal.read_bytes()
        installation.journal.write_bytes(whole[: len(whole) * 2 // 3])
        assert await installation.answers() in ("one", "two"), "up to the last whole line"
        assert ["is not whole" in event.text for event in installation.events if isinstance(event, Noted)] == [True]


def lose_the_index(current: Path) -> None:
    (current / INDEX).unlink()


def flip_the_index(current: Path) -> None:
    content = bytearray((current / INDEX).read_bytes())
    content[len(content) // 2] ^= 1
    (current / INDEX).write_bytes(content)


def truncate_a_record(current: Path) -> None:
    for path in current.glob("record/30-*"):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[:-1])


def flip_a_map(current: Path) -> None:
    for path in current.glob("maps/*.map"):
        content = path.read_bytes().replace(b"a.example", b"b.example")
        path.unlink()
        path.write_bytes(content)


def claim_a_newer_state(current: Path) -> None:
    (current / NEXT).write_bytes(b"damaged")


DAMAGES = [lose_the_index, flip_the_index, truncate_a_record, flip_a_map, claim_a_newer_state]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_files_of_several_states_are_not_served(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """The journal cannot be replayed and the files may be of several states; the generation before leads nowhere: 404, and
    an error says so."""
    async with crashed(tmp_path) as installation:
        damage(installation.current)
        name = installation.current.name
        async with haproxy(tmp_path, fleet(installation.http), installation.events) as proxy:
            assert (await get(installation.http, "a.example")).status == 404
            assert set(installation.unusable()) == {name}
            assert len([event for event in installation.events if isinstance(event, Emptied)]) == 1
            wanted = delivery(fleet(installation.http), HOSTS, [cluster("shop", [local(installation.members[0].port)])])
            assert isinstance(await proxy.apply(wanted), Applied)
        assert await installation.answers() == "one"


async def test_a_journal_that_cannot_be_written_into_the_files_is_not_served(tmp_path: Path) -> None:
    async with crashed(tmp_path) as installation:
        obstacle = installation.current / "record" / ".next.json.unfinished"
        obstacle.mkdir()
        name = installation.current.name
        async with haproxy(tmp_path, fleet(installation.http), installation.events):
            assert (await get(installation.http, "a.example")).status == 404
        assert installation.unusable()[0] == name
        assert "could not be written into its files" in str(installation.events[0])


async def test_without_a_journal_a_lost_index_is_no_loss(tmp_path: Path) -> None:
    """As after an update from a haloy that kept another record: its files are all of one state."""
    async with crashed(tmp_path) as installation:
        assert await installation.answers() == "three"
        lose_the_index(installation.current)
        assert await installation.answers() == "three"
        assert installation.unusable() == [installation.current.name]
