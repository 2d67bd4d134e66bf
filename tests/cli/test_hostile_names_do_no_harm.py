import json
import os
from pathlib import Path

import pytest

from tests.cli.command import haloy

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
