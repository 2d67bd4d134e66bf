"""Whatever way a file is saved, its objects are in the Store soon after."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.sources.manifests import backend, hosts, join, names, ref, route, serving


async def test_what_is_there_at_the_start_is_read(tmp_path: Path) -> None:
    (tmp_path / "sub" / "deeper").mkdir(parents=True)
    (tmp_path / "a.yaml").write_text(join(route("one"), backend("one")))
    (tmp_path / "sub" / "b.yml").write_text(route("two"))
    (tmp_path / "sub" / "deeper" / "c.json").write_text(
        '{"apiVersion": "haloy.dev/v1alpha1", "kind": "Backend", "metadata": {"name": "three"},'
        ' "spec": {"endpoints": [{"address": "10.0.0.9", "port": 80}]}}'
    )
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.yaml").write_text(route("hidden"))
    (tmp_path / "notes.txt").write_text(route("text"))
    async with serving(tmp_path) as running:
        snapshot = await running.synced()
    assert names(snapshot) == ["backend/default/one", "backend/default/three", "route/default/one", "route/default/two"]
    assert snapshot.rejections == ()
    assert str(snapshot.places[ref("Backend", "one")]) == "a.yaml:9:1"


async def test_writing_in_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(route("one"))
    async with serving(tmp_path) as running:
        await running.synced()
        (tmp_path / "a.yaml").write_text(route("one", "new.example.com"))
        await running.until(lambda s: hosts(s, "one") == ("new.example.com",), "the new host")


async def test_an_editor_that_writes_a_new_file_and_renames_it(tmp_path: Path) -> None:
    target = tmp_path / "a.yaml"
    target.write_text(route("one"))
    async with serving(tmp_path) as running:
        await running.synced()
        for number in range(5):
            (tmp_path / ".a.yaml.swp").write_text(route("one", f"h{number}.example.com"))
            (tmp_path / ".a.yaml.swp").rename(target)
            await running.until(lambda s, n=number: hosts(s, "one") == (f"h{n}.example.com",), f"host {number}")


async def test_an_editor_that_moves_the_old_file_away_first_never_takes_the_route_down(tmp_path: Path) -> None:
    target = tmp_path / "a.yaml"
    target.write_text(route("one"))
    async with serving(tmp_path) as running:
        await running.synced()
        watcher = asyncio.create_task(running.holds(lambda s: ref("Route", "one") in s.objects, 1.5))
        for number in range(5):
            target.rename(tmp_path / "a.yaml~")
            await asyncio.sleep(0.03)
            target.write_text(route("one", f"h{number}.example.com"))
            await running.until(lambda s, n=number: hosts(s, "one") == (f"h{n}.example.com",), f"host {number}")
        await watcher


async def test_truncating_before_writing_never_takes_the_route_down(tmp_path: Path) -> None:
    target = tmp_path / "a.yaml"
    target.write_text(join(route("one"), route("two")))
    async with serving(tmp_path) as running:
        await running.synced()
        watcher = asyncio.create_task(running.holds(lambda s: len(s.objects) == 2, 1))
        for _ in range(5):
            target.write_text("")
            await asyncio.sleep(0.03)
            target.write_text(join(route("one"), route("two")))
            await asyncio.sleep(0.1)
        await watcher


async def test_a_deleted_file_takes_its_objects_along(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(route("one"))
    (tmp_path / "b.yaml").write_text(route("two"))
    async with serving(tmp_path) as running:
        await running.synced()
        (tmp_path / "a.yaml").unlink()
        await running.until(lambda s: names(s) == ["route/default/two"], "one is gone")
        (tmp_path / "b.yaml").unlink()
        await running.until(lambda s: not s.objects, "two is gone")


async def test_a_new_directory_with_files_is_noticed(tmp_path: Path) -> None:
    async with serving(tmp_path) as running:
        await running.synced()
        (tmp_path / "x" / "y").mkdir(parents=True)
        (tmp_path / "x" / "y" / "a.yaml").write_text(route("one"))
        await running.until(lambda s: names(s) == ["route/default/one"], "one")
        (tmp_path / "x" / "y" / "a.yaml").write_text(route("one", "new.example.com"))
        await running.until(lambda s: hosts(s, "one") == ("new.example.com",), "the new host")


async def test_a_mounted_config_map_is_swapped_at_once(tmp_path: Path) -> None:
    """Kubernetes writes a hidden directory, and moves one symbolic link over another."""
    (tmp_path / "..v0").mkdir()
    (tmp_path / "..v0" / "a.yaml").write_text(route("one"))
    (tmp_path / "..data").symlink_to("..v0")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    async with serving(tmp_path) as running:
        await running.synced()
        watcher = asyncio.create_task(running.holds(lambda s: len(s.objects) == 1, 1))
        for number in range(1, 4):
            (tmp_path / f"..v{number}").mkdir()
            (tmp_path / f"..v{number}" / "a.yaml").write_text(route("one", f"h{number}.example.com"))
            (tmp_path / "..new").symlink_to(f"..v{number}")
            (tmp_path / "..new").rename(tmp_path / "..data")
            (tmp_path / f"..v{number - 1}" / "a.yaml").unlink()
            (tmp_path / f"..v{number - 1}").rmdir()
            await running.until(lambda s, n=number: hosts(s, "one") == (f"h{n}.example.com",), f"host {number}")
        await watcher


async def test_a_root_that_is_a_link_may_be_pointed_elsewhere(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"release{number}").mkdir()
        (tmp_path / f"release{number}" / "a.yaml").write_text(route("one", f"h{number}.example.com"))
    current = tmp_path / "current"
    current.symlink_to("release0")
    async with serving(current) as running:
        await running.synced()
        for number in range(1, 4):
            (tmp_path / "next").symlink_to(f"release{number}")
            (tmp_path / "next").rename(current)
            await running.until(lambda s, n=number: hosts(s, "one") == (f"h{n}.example.com",), f"release {number}")
        (tmp_path / "release3" / "a.yaml").write_text(route("one", "edited.example.com"))
        await running.until(lambda s: hosts(s, "one") == ("edited.example.com",), "an edit in the new target")


async def test_a_linked_file_is_followed_to_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "routes").mkdir()
    (tmp_path / "elsewhere" / "real").write_text(route("one"))
    (tmp_path / "routes" / "a.yaml").symlink_to(tmp_path / "elsewhere" / "real")
    async with serving(tmp_path / "routes") as running:
        await running.synced()
        (tmp_path / "elsewhere" / "real").write_text(route("one", "new.example.com"))
        await running.until(lambda s: hosts(s, "one") == ("new.example.com",), "the new host")


async def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to("self")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "z.yaml").write_text(route("one"))
    async with serving(tmp_path) as running:
        snapshot = await running.synced()
    assert names(snapshot) == ["route/default/one"]
    assert [rejection.place.file for rejection in snapshot.rejections] == ["loop.yaml"]


@pytest.mark.parametrize("write", [os.mkfifo, lambda path: Path(path).mkdir()])
async def test_what_is_called_a_manifest_and_is_none_does_no_harm(tmp_path: Path, write) -> None:
    write(tmp_path / "pipe.yaml")
    (tmp_path / "a.yaml").write_text(route("one"))
    async with serving(tmp_path) as running:
        assert names(await running.synced()) == ["route/default/one"]


async def test_resync_without_a_change_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(route("one"))
    async with serving(tmp_path) as running:
        snapshot = await running.synced()
        running.source.resync()
        await running.holds(lambda s: s is snapshot, 0.5)
