"""The rule itself, on a clock that stands still."""

import pytest

from haloy.api.snapshot import Object
from haloy.clock import FakeClock
from haloy.sources.store import Store
from tests.sources.manifests import reading, ref, route_object


def many(count: int) -> list[Object]:
    return [route_object(f"r{number}") for number in range(count)]


@pytest.mark.parametrize(
    ("before", "after", "held"), [(21, 10, True), (21, 11, False), (22, 11, False), (20, 0, False), (40, 0, True)]
)
def test_more_than_half_of_more_than_twenty(before: int, after: int, held: bool) -> None:
    clock = FakeClock()
    store = Store(clock, ["list"])
    store.replace("list", reading(*many(before)))
    again = store.replace("list", reading(*many(after)))
    assert (again, len(store.snapshot().objects)) == ((1.0, before) if held else (None, after))


def test_a_second_reading_is_believed_after_a_second_and_not_before() -> None:
    clock = FakeClock()
    store = Store(clock, ["list"])
    store.replace("list", reading(*many(30)))
    assert store.replace("list", reading()) == 1
    clock.advance(0.75)
    assert store.replace("list", reading()) == 0.25
    assert len(store.snapshot().objects) == 30
    clock.advance(0.25)
    assert store.replace("list", reading()) is None
    assert store.snapshot().objects == {}


def test_what_came_back_in_between_starts_from_the_beginning() -> None:
    clock = FakeClock()
    store = Store(clock, ["list"])
    store.replace("list", reading(*many(30)))
    store.replace("list", reading())
    clock.advance(0.9)
    assert store.replace("list", reading(*many(30))) is None
    clock.advance(0.2)
    assert store.replace("list", reading()) == 1


def test_announced_deletions_are_believed_at_once() -> None:
    store = Store(FakeClock(), ["list"])
    objects = many(30)
    store.replace("list", reading(*objects))
    assert store.replace("list", reading(deleted=frozenset(item.ref for item in objects))) is None
    assert store.snapshot().objects == {}


def test_news_does_not_wait_for_the_loss_to_be_believed() -> None:
    store = Store(FakeClock(), ["list"])
    store.replace("list", reading(*many(30)))
    store.replace("list", reading(route_object("new")))
    assert ref("Route", "new") in store.snapshot().objects
    assert len(store.snapshot().objects) == 31


def test_a_doubtful_reading_loses_nothing_at_once_however_little_it_is() -> None:
    clock = FakeClock()
    store = Store(clock, ["list"])
    store.replace("list", reading(*many(2)))
    assert store.replace("list", reading(doubtful=True)) == 1
    clock.advance(1)
    assert store.replace("list", reading(doubtful=True)) is None
    assert store.snapshot().objects == {}
