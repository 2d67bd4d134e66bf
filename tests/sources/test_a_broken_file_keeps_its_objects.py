"""Errors are reported with file, line and column; what was valid before stays in force, over a restart too."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from haloy.sources.yaml_documents import MAX_BYTES
from tests.sources.manifests import Running, backend, hosts, join, names, ref, route, serving

BROKEN = route("one") + "  bad: [\n"


async def saved(state: Path, count: int) -> None:
    """Wait until the last valid objects of `count` files are on the disk."""
    file = state / "objects" / "last-good.sqlite3"
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        if file.exists():
            with closing(sqlite3.connect(file)) as connection:
                try:
                    if connection.execute("SELECT count(*) FROM file").fetchone()[0] == count:
                        return
                except sqlite3.OperationalError:
                    pass
        assert asyncio.get_running_loop().time() < deadline, f"{count} files not saved"
        await asyncio.sleep(0.02)


async def rejected(running: Running) -> str:
    snapshot = await running.until(lambda s: s.rejections != (), "a rejection")
    assert len(snapshot.rejections) == 1
    return (
        f"{snapshot.rejections[0].place} kept={snapshot.rejections[0].kept} {' '.join(snapshot.rejections[0].problems)}"
    )


async def test_a_syntax_error_keeps_all_objects_of_the_file_and_says_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(join(route("one"), backend("one")))
    async with serving(tmp_path) as running:
        before = await running.synced()
        (tmp_path / "a.yaml").write_text(BROKEN)
        assert (await rejected(running)).startswith("a.yaml:9:1 kept=True not valid YAML: while parsing")
        after = running.store.snapshot()
        assert {r: id(item) for r, item in after.objects.items()} == {r: id(item) for r, item in before.objects.items()}
        (tmp_path / "a.yaml").write_text(route("one"))
        snapshot = await running.until(lambda s: s.rejections == (), "no rejection")
        assert ref("Route", "one") in snapshot.objects


async def test_a_document_that_breaks_the_schema_keeps_its_last_version_and_the_others_proceed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(join(route("one"), route("two")))
    async with serving(tmp_path) as running:
        await running.synced()
        (tmp_path / "a.yaml").write_text(join(route("one").replace("hosts", "hots"), route("two", "new.example.com")))
        text = await rejected(running)
        assert text == 'a.yaml:5:9 kept=True spec.hots: unknown field "hots"; did you mean "hosts"?'
        snapshot = running.store.snapshot()
        assert (hosts(snapshot, "one"), hosts(snapshot, "two")) == (("one.example.com",), ("new.example.com",))


async def test_without_an_earlier_version_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BROKEN)
    (tmp_path / "b.yaml").write_text(route("two"))
    async with serving(tmp_path) as running:
        assert names(await running.synced()) == ["route/default/two"]
        assert (await rejected(running)).startswith("a.yaml:9:1 kept=False")


@pytest.mark.parametrize("known", [False, True], ids=["never-valid", "valid-before"])
@pytest.mark.parametrize("end", ["deleted", "renamed", "mended"])
async def test_what_is_said_of_a_file_ends_with_it(tmp_path: Path, known: bool, end: str) -> None:
    path = tmp_path / "a.yaml"
    (tmp_path / "b.yaml").write_text(route("two"))
    if known:
        path.write_text(route("one"))
    async with serving(tmp_path) as running:
        await running.synced()
        path.write_text(BROKEN)
        assert f"kept={known}" in await rejected(running)
        match end:
            case "deleted":
                path.unlink()
            case "renamed":
                path.rename(tmp_path / "a.yaml.orig")
            case "mended":
                path.write_text(route("one"))
        left = {"two", "one"} if end == "mended" else {"two"}
        await running.until(
            lambda s: s.rejections == () and {r.name for r in s.objects} == left, "no rejection, and what is left"
        )


async def test_a_restart_with_a_broken_file_keeps_its_objects(tmp_path: Path) -> None:
    routes, state = tmp_path / "routes", tmp_path / "state"
    routes.mkdir()
    (routes / "a.yaml").write_text(join(route("one"), backend("one")))
    (routes / "b.yaml").write_text(route("two"))
    async with serving(routes, state) as running:
        await running.synced()
        await saved(state, 2)
    (routes / "a.yaml").write_text(BROKEN)
    (routes / "b.yaml").unlink()
    async with serving(routes, state) as running:
        snapshot = await running.synced()
        assert names(snapshot) == ["backend/default/one", "route/default/one"]
        assert str(snapshot.places[ref("Backend", "one")]) == "a.yaml:9:1"
        assert (await rejected(running)).startswith("a.yaml:9:1 kept=True")
        await saved(state, 1)
    assert (state / "objects").stat().st_mode & 0o777 == 0o700
    assert (state / "objects" / "last-good.sqlite3").stat().st_mode & 0o777 == 0o600


async def test_damaged_saved_state_is_no_obstacle(tmp_path: Path) -> None:
    routes, state = tmp_path / "routes", tmp_path / "state"
    routes.mkdir()
    (routes / "a.yaml").write_text(route("one"))
    (state / "objects").mkdir(parents=True)
    (state / "objects" / "last-good.sqlite3").write_bytes(b"not a database, " * 1000)
    async with serving(routes, state) as running:
        assert names(await running.synced()) == ["route/default/one"]
        await saved(state, 1)


async def test_saved_state_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(route("one"))
    (tmp_path / "state").write_text("a file where a folder should be")
    async with serving(tmp_path, tmp_path / "state") as running:
        assert names(await running.synced()) == ["route/default/one"]
        (tmp_path / "a.yaml").write_text(route("two"))
        await running.until(lambda s: names(s) == ["route/default/two"], "the new one")


async def test_a_file_that_became_unreadable_keeps_its_objects(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(route("one"))
    async with serving(tmp_path) as running:
        before = await running.synced()
        with (tmp_path / "a.yaml").open("ab") as file:
            file.truncate(MAX_BYTES + 1)
        assert await rejected(running) == "a.yaml kept=True cannot be read: the file is larger than 8 MiB; split it"
        assert running.store.snapshot().objects == before.objects
        (tmp_path / "a.yaml").unlink()
        (tmp_path / "a.yaml").symlink_to("nowhere")
        await running.until(lambda s: "symbolic link" in str(s.rejections), "the dangling link")
        assert running.store.snapshot().objects == before.objects


async def test_the_first_of_two_files_with_the_same_object_wins(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(route("one", "b.example.com"))
    (tmp_path / "c.yaml").write_text(route("one", "c.example.com"))
    async with serving(tmp_path) as running:
        snapshot = await running.synced()
        assert hosts(snapshot, "one") == ("b.example.com",)
        assert await rejected(running) == (
            "c.yaml:1:1 kept=False Route default/one is written twice: here and in b.yaml:1:1, which wins. "
            "Rename one of them, or remove it."
        )
        (tmp_path / "a.yaml").write_text(route("one", "a.example.com"))
        snapshot = await running.until(lambda s: hosts(s, "one") == ("a.example.com",), "a wins")
        assert len(snapshot.rejections) == 2
