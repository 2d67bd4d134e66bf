"""git unlinks every file of the old branch before it writes those of the new one."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.sources.manifests import route, serving

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
COUNT = 60


async def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    command = ("git", "-C", str(folder), *identity, *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


def write(folder: Path, host: str) -> None:
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number}.yaml").write_text(route(f"r{number}", f"{host}{number}.example.com"))


async def test_branches_with_the_files_in_other_folders(tmp_path: Path) -> None:
    await git(tmp_path, "init", "-q", "-b", "a")
    write(tmp_path / "old", "a")
    await git(tmp_path, "add", ".")
    await git(tmp_path, "commit", "-qm", "a")
    await git(tmp_path, "checkout", "-qb", "b")
    await git(tmp_path, "mv", "old", "new")
    (tmp_path / "new" / "0.yaml").write_text(route("r0", "changed.example.com"))
    await git(tmp_path, "commit", "-qam", "b")
    async with serving(tmp_path) as running:
        await running.synced()
        watcher = asyncio.create_task(running.holds(lambda s: len(s.objects) == COUNT, 3))
        for branch, folder in (("a", "old"), ("b", "new"), ("a", "old")):
            await git(tmp_path, "checkout", "-q", branch)
            await running.until(
                lambda s, folder=folder: {place.file.partition("/")[0] for place in s.places.values()} == {folder},
                f"everything comes from {folder}",
            )
        await watcher
