"""Every kind of rule is measured beside the same written by hand: that it runs and prints, never how fast anything is."""

import json
from pathlib import Path

import pytest

from bench.kinds import KINDS
from bench.rules import main

TINY = ("--routes", "2", "--rounds", "1", "--requests", "200", "--settles", "0")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_served_by_both_and_compared(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "figures.json"

    code = main([*TINY, "--kind", kind, "--rendered", "--json", str(figures)])

    assert code == 0, capsys.readouterr().err
    table = capsys.readouterr().out.splitlines()
    assert table[-1].startswith(f"{kind}: {KINDS[kind].words}")
    (row,) = json.loads(figures.read_text())["rows"]
    assert (row["kind"], row["routes"], row["goal"]) == (kind, 2, KINDS[kind].goal)
    assert row["us_per_request"] > 0
    assert row["us_per_request_by_hand"] > 0
