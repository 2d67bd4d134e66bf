import asyncio
import json
import os
from pathlib import Path

import pytest

from tests.cli.command import haloy
from tests.cli.manifests import route
from tests.cli.running import admin_port

RULE = "rules: [{filters: [{type: DirectResponse, directResponse: {status: 200}}]}]"
HOSTILE = (b"\x1b[2J.yaml", b"a\nhaloy: all is well.yaml", b"\xff\xfe.yaml", "\u202e.yaml".encode(), b"%s{0}[red].yaml")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_files_name_is_shown_without_effect(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_text("a: [")
    outcome = haloy("lint", ".", cwd=tmp_path)
    assert outcome.code == 1
    assert outcome.out.count("\n") == outcome.out.count("HLY0101")
    assert all(line.isprintable() for line in outcome.out.splitlines())
    for output in ("json", "sarif"):
        assert json.loads(haloy("lint", ".", "-o", output, cwd=tmp_path).out)


def test_a_path_on_the_command_line_is_shown_without_effect(tmp_path: Path) -> None:
    outcome = haloy("lint", "\x1b[2J\nmissing", cwd=tmp_path)
    assert outcome.code == 2
    assert outcome.err == "haloy: \\x1b[2J\\nmissing cannot be read: No such file or directory\n"


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_running_haloy_shows_it_without_effect_too(tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / "objects"
    folder.mkdir()
    (folder / os.fsdecode(name)).write_text("a: [")
    (folder / os.fsdecode(b"good-" + name)).write_text(route("shop", RULE))
    async with admin_port([folder], tmp_path / "state") as admin:
        status = await asyncio.to_thread(haloy, "status", "--admin", admin)
        explained = await asyncio.to_thread(haloy, "explain", "route/default/shop", "--live", "--admin", admin)
    assert (status.code, explained.code) == (1, 0)
    lines = [*status.out.splitlines(), *explained.out.splitlines()]
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("haloy: all is well") for line in lines)
    assert sum(".yaml" in line for line in status.out.splitlines()) == 1
