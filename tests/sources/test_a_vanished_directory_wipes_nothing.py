"""The second look: what is missing for a moment stays in force, what stays away goes."""

import asyncio
import shutil
from pathlib import Path

from tests.sources.manifests import names, route, serving


async def test_a_directory_that_is_removed_and_made_again(tmp_path: Path) -> None:
    root = tmp_path / "routes"
    root.mkdir()
    for name in ("one", "two", "three"):
        (root / f"{name}.yaml").write_text(route(name))
    async with serving(root) as running:
        await running.synced()
        watcher = asyncio.create_task(running.holds(lambda s: len(s.objects) >= 3, 1.5))
        for _ in range(3):
            shutil.rmtree(root)
            await running.until(lambda s: "no such directory" in str(s.rejections), "the missing directory is reported")
            root.mkdir()
            for name in ("one", "two", "three"):
                (root / f"{name}.yaml").write_text(route(name))
            await running.until(lambda s: s.rejections == (), "all is well again")
        await watcher
        (root / "four.yaml").write_text(route("four"))
        await running.until(lambda s: len(s.objects) == 4, "the new directory is watched")


async def test_a_directory_that_stays_away_is_believed_on_the_second_look(tmp_path: Path) -> None:
    root = tmp_path / "routes"
    root.mkdir()
    (root / "a.yaml").write_text(route("one"))
    async with serving(root) as running:
        await running.synced()
        shutil.rmtree(root)
        await running.until(lambda s: s.rejections != (), "the missing directory is reported")
        await running.holds(lambda s: len(s.objects) == 1, 0.5)
        await running.until(lambda s: not s.objects, "the loss is believed")


async def test_without_a_directory_at_the_start_nothing_is_delivered(tmp_path: Path) -> None:
    root = tmp_path / "routes"
    async with serving(root) as running:
        snapshot = await running.until(lambda s: s.rejections != (), "the missing directory is reported")
        assert not snapshot.synced
        root.mkdir()
        (root / "a.yaml").write_text(route("one"))
        assert names(await running.until(lambda s: s.synced and bool(s.objects), "synced")) == ["route/default/one"]


async def test_a_mount_over_the_directory_is_looked_at_twice(tmp_path: Path) -> None:
    """Seen from outside, a mount is another inode at the same path; an empty one is a loss that no event announces."""
    root, other = tmp_path / "current", tmp_path / "other"
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.yaml").write_text(route("one"))
    other.mkdir()
    root.symlink_to("real")
    async with serving(root) as running:
        await running.synced()
        (tmp_path / "next").symlink_to("other")
        (tmp_path / "next").rename(root)
        await running.holds(lambda s: len(s.objects) == 1, 0.8)
        (other / "a.yaml").write_text(route("one"))
        await running.holds(lambda s: len(s.objects) == 1, 1)


async def test_while_git_holds_its_lock_no_loss_is_believed_at_once(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    root = tmp_path / "deploy"
    root.mkdir()
    (root / "a.yaml").write_text(route("one"))
    (root / "b.yaml").write_text(route("two"))
    async with serving(root) as running:
        await running.synced()
        (tmp_path / ".git" / "index.lock").touch()
        (root / "a.yaml").unlink()
        await running.holds(lambda s: len(s.objects) == 2, 0.5)
        (root / "c.yaml").write_text(route("one"))
        (tmp_path / ".git" / "index.lock").unlink()
        snapshot = await running.until(lambda s: "c.yaml" in str(s.places.values()), "the moved route")
        assert len(snapshot.objects) == 2


async def test_many_files_deleted_one_by_one_are_believed_without_a_second_look(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.yaml").write_text(route(f"r{number}"))
    async with serving(tmp_path) as running:
        await running.synced()
        for number in range(20):
            (tmp_path / f"{number}.yaml").unlink()
        await running.until(lambda s: len(s.objects) == 10, "20 are gone")
