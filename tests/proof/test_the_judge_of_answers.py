"""The oracle of the load: it lets the old and the new answer pass while a change is under way, and nothing else."""

import time

import pytest

from tests.proof.load.history import History
from tests.proof.load.versions import Action, Ask, Kind, Seen, Version, right

OLD = Version("s", present=True, mark="1", a=("u0",))
NEW = Version("s", present=True, mark="2", a=("u1",))
ASK = Ask("s.test", "/p0")


def by(version: Version, upstream: str, asked: Version | None = None) -> Seen:
    return Seen(200, upstream, (asked or version).tag, version.tag, "/p0/x")


def judged(seen: Seen, *, over: bool, sent_before: bool = False, closing: bool = False) -> bool:
    """`over`: the new version has been seen; the request was sent after that unless `sent_before`, on an older connection."""
    history, began = History(), time.monotonic()
    history.begin(OLD)
    history.begin(NEW)
    if over:
        history.seen(NEW)
    sent = began if sent_before else time.monotonic()
    history.judge("test", ASK, seen, sent, began, closing)
    return not history.failures


@pytest.mark.parametrize("over", [False, True])
def test_the_new_answer_is_right(over: bool) -> None:
    assert judged(by(NEW, "u1"), over=over)


def test_the_old_answer_is_right_while_the_change_is_under_way_and_for_what_was_sent_then() -> None:
    assert judged(by(OLD, "u0"), over=False)
    assert judged(by(OLD, "u0"), over=True, sent_before=True)


def test_the_old_answer_is_wrong_afterwards_unless_an_old_connection_ends_with_it() -> None:
    assert not judged(by(OLD, "u0"), over=True)
    assert judged(by(OLD, "u0"), over=True, closing=True)


@pytest.mark.parametrize(
    "mixed",
    [
        by(NEW, "u0"),
        by(OLD, "u1"),
        by(NEW, "u1", asked=OLD),
        by(OLD, "u0", asked=NEW),
        Seen(404),
        Seen(503),
        Seen(200, "u0"),
    ],
)
def test_a_mix_of_both_is_wrong_at_any_time(mixed: Seen) -> None:
    assert not judged(mixed, over=False)
    assert not judged(mixed, over=True, sent_before=True, closing=True)


def test_the_reference_knows_every_part_of_a_version() -> None:
    canary = Ask("s.test", "/p0", env="canary")
    assert right(Version("s"), ASK).status == 404
    assert right(OLD, Ask("s.test", "/p1")).status == 404
    assert right(Version("s", present=True, kind=Kind.HEADER), canary).upstreams == {"u3"}
    assert right(Version("s", present=True), canary).upstreams == {"u0"}
    assert right(Version("s", present=True, weights=(1, 1)), ASK).upstreams == {"u0", "u3"}
    assert right(Version("s", present=True, action=Action.REDIRECT), ASK).answered == "/to/s.0"
