"""A handful of objects through a real `haloy serve`: that every kind of change is timed and told, never how fast it is."""

import json
from pathlib import Path

import pytest

from bench import scale


def test_every_kind_of_single_change_is_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "figures.json"
    words = ("new Route", "check's path", "deleted Route", "new Backend")

    code = scale.main(
        ["--small", "0", "--large", "0", "--one-host", "40", "--changes", "1", "--settles", "0"]
        + [f"--only={word}" for word in words]
        + ["--json", str(figures)]
    )

    shown = capsys.readouterr()
    assert code == 0, shown.err
    told = {figure["name"]: figure for figure in json.loads(figures.read_text())["figures"]}
    assert all(any(word in name for name in told) for word in words)
    assert all(name in shown.out for name in told)
    assert all(figure["value"] > 0 for name, figure in told.items() if "saved to live" in name)
