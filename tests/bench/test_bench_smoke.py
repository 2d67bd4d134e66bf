"""A few hundred requests through real HAProxies: that the benchmark runs and prints, never how fast anything is."""

import json
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.peers import BASELINE, PROXIES
from bench.run import Measured, Plan, measure

TINY = ("--rounds", "2", "--requests", "200")


def test_the_table_shows_every_chosen_proxy_and_says_which_peer_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "figures.json"

    code = main([*TINY, "--only", "featureless", "--only", "nginx", "--peers", str(tmp_path), "--json", str(figures)])

    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line and not line.startswith(" ")}
    assert code == 0
    assert rows["handwritten"].split()[2:4] == ["1.00", "1.00-1.00"]
    assert "everything: the floor" in rows["featureless"]
    assert rows["nginx"].split()[1] == "missing"
    written = json.loads(figures.read_text())
    assert written["run"] == {"rounds": 2, "requests": 200, "connections": 32}
    assert written["proxies"]["featureless"]["us_per_request"] > 0
    assert "missing" in written["proxies"]["nginx"]


def test_the_baseline_logs_every_request_as_json_with_the_fields_of_the_comparison(tmp_path: Path) -> None:
    results = measure({BASELINE: PROXIES[BASELINE]}, Plan(rounds=1, requests=300), tmp_path, lambda text: None)

    baseline = results[BASELINE]
    assert isinstance(baseline, Measured)
    line = json.loads(baseline.log_line)
    assert line["status"] == 200
    assert line["host"] == "shop.example.com"
    assert line["path"] == "/products/42?ref=mail"
    assert line["timings"].keys() == {"request", "queue", "connect", "response", "total"}
    assert line["endpoint"].startswith("127.0.0.1:")
    assert len(line["id"]) == 36
