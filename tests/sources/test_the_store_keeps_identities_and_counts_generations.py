"""What translation relies on."""

import asyncio

from haloy.api.load import load_object
from haloy.api.snapshot import Place, Resolution
from haloy.clock import FakeClock
from haloy.sources.store import Store
from tests.sources.manifests import reading, ref, route_object

ONE = ref("Route", "one")


def test_an_equal_object_is_the_same_object() -> None:
    store = Store(FakeClock(), ["a"])
    store.replace("a", reading(route_object("one"), route_object("two")))
    first = store.snapshot()
    store.replace("a", reading(route_object("one"), route_object("two", "new.example.com")))
    second = store.snapshot()
    assert second.objects[ONE] is first.objects[ONE]
    assert second.objects[ref("Route", "two")] is not first.objects[ref("Route", "two")]
    assert first.objects[ref("Route", "two")].spec.hosts == ("two.example.com",)


def test_nothing_new_is_no_change() -> None:
    store = Store(FakeClock(), ["a"])
    store.replace("a", reading(route_object("one")))
    snapshot, version = store.snapshot(), store.version
    store.replace("a", reading(route_object("one")))
    store.upsert("a", route_object("one"), Place("one.yaml", 1, 1))
    store.remove("a", ref("Route", "none"))
    store.resolve({})
    store.label({})
    assert store.version == version
    assert store.snapshot() is snapshot


def test_generations_count_changes_outside_of_the_metadata() -> None:
    store = Store(FakeClock(), ["a"])

    def generation() -> int:
        return store.snapshot().objects[ONE].generation

    store.upsert("a", route_object("one"))
    assert generation() == 1
    store.upsert("a", route_object("one", "new.example.com"))
    assert generation() == 2
    labelled = {
        "apiVersion": "haloy.dev/v1alpha1",
        "kind": "Route",
        "metadata": {"name": "one", "labels": {"a": "b"}},
        "spec": {"hosts": ["new.example.com"], "rules": [{"backendRefs": [{"name": "one"}]}]},
    }
    store.upsert("a", load_object(labelled))
    assert generation() == 2
    assert store.snapshot().objects[ONE].metadata.labels == {"a": "b"}


def test_the_generation_of_a_secret_counts_its_content() -> None:
    def secret(text: str) -> object:
        return load_object(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca"}, "stringData": {"ca.crt": text}}
        )

    store = Store(FakeClock(), ["a"])
    for text in ("x", "x", "y"):
        store.upsert("a", secret(text))
    assert store.snapshot().objects[ref("Secret", "ca")].generation == 2


def test_a_generation_that_came_along_stands() -> None:
    item = route_object("one")
    numbered = item.model_copy(update={"metadata": item.metadata.model_copy(update={"generation": 7})})
    store = Store(FakeClock(), ["a"])
    store.upsert("a", numbered)
    assert store.snapshot().objects[ONE] is numbered


def test_synced_needs_every_source() -> None:
    store = Store(FakeClock(), ["a", "b"])
    store.upsert("a", route_object("one"))
    assert not store.snapshot().synced
    store.replace("a", reading())
    assert not store.snapshot().synced
    store.replace("b", reading())
    assert store.snapshot().synced


def test_of_two_sources_with_the_same_object_the_first_wins() -> None:
    store = Store(FakeClock(), ["a", "b"])
    store.replace("b", reading(route_object("one", "b.example.com")))
    store.replace("a", reading(route_object("one", "a.example.com")))
    snapshot = store.snapshot()
    assert snapshot.objects[ONE].spec.hosts == ("a.example.com",)
    assert len(snapshot.rejections) == 1
    store.remove("a", ONE)
    assert store.snapshot().objects[ONE].spec.hosts == ("b.example.com",)
    assert store.snapshot().rejections == ()


def test_a_snapshot_never_changes() -> None:
    store = Store(FakeClock(), ["a"])
    store.upsert("a", route_object("one"))
    snapshot = store.snapshot()
    store.resolve({"x.example.com": Resolution(("10.0.0.1",))})
    store.label({"web": {"team": "shop"}})
    store.remove("a", ONE)
    assert list(snapshot.objects) == [ONE]
    assert (snapshot.resolutions, snapshot.namespaces) == ({}, {})
    assert store.snapshot().namespaces == {"web": {"team": "shop"}}


async def test_no_change_is_missed_by_one_who_waits() -> None:
    store = Store(FakeClock(), ["a"])
    store.replace("a", reading())
    assert await store.changed(0) == 1
    waiting = asyncio.create_task(store.changed(1))
    await asyncio.sleep(0)
    store.upsert("a", route_object("one"))
    store.upsert("a", route_object("two"))
    assert await waiting == 3
