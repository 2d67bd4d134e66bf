import re
import subprocess
from pathlib import Path

import pytest

from haloy.proxies.haproxy.process.binary import find_binary
from tests.cli.command import EXAMPLES, haloy
from tests.cli.manifests import backend, certificate_files, route, write

TO_SHOP = "rules:\n- backendRefs: [{name: shop}]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Route with a certificate, and its Backend."""
    folder = tmp_path / "routes"
    tls = f"hosts: [shop.test]\ntls: {{crtFile: tls.crt, keyFile: tls.key}}\n{TO_SHOP}"
    write(folder / "a.yaml", backend("shop"), route("shop", tls))
    certificate_files(folder, ["shop.test"])
    return folder


def test_every_block_is_commented_with_its_object() -> None:
    shown = haloy("render", EXAMPLES / "canary").out
    for source in (
        "Backend default/shop spec.sessionAffinity",
        "HealthPolicy default/web spec.http",
        "Route default/shop spec.rules[0].filters[0]",
    ):
        assert re.search(rf"^ +# {re.escape(source)}$", shown, re.MULTILINE), source
    assert "# ===== maps/paths.map =====\n" in shown


def test_keys_are_never_printed(folder: Path) -> None:
    outcome = haloy("render", folder)
    assert outcome.code == 0
    assert re.search(r"^# ===== certs/default_shop\S+\.pem: not printed, sha256 [0-9a-f]{64} =====$", outcome.out, re.M)
    assert "PRIVATE" not in outcome.out
    assert "CERTIFICATE-----" not in outcome.out


def test_the_directory_is_one_that_haproxy_accepts(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = haloy("render", folder, "--out", out)
    assert outcome.code == 0
    assert outcome.out.startswith(f"{out}: ")
    checked = subprocess.run([find_binary(None), "-c", "-f", out], capture_output=True, env={}, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr


def test_only_the_owner_may_read_what_is_written(folder: Path, tmp_path: Path) -> None:
    haloy("render", folder, "--out", tmp_path / "out")
    pem = list((tmp_path / "out" / "certs").glob("*.pem"))
    assert len(pem) == 2
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in pem)


def test_rendering_again_takes_away_what_is_gone_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    haloy("render", folder, "--out", out)
    (out / "mine.txt").write_text("mine")
    write(folder / "a.yaml", backend("shop"), route("shop", TO_SHOP))
    assert haloy("render", folder, "--out", out).code == 0
    assert [path.name for path in (out / "certs").glob("*.pem")] == ["fallback.pem"]
    assert (out / "mine.txt").read_text() == "mine"


def test_a_directory_with_other_things_in_it_is_not_written_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "haproxy.cfg").write_text("global\n")
    outcome = haloy("render", folder, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "holds other things" in outcome.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["haproxy.cfg"]


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_place_that_cannot_be_written_to_is_said(folder: Path, tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("")
    outcome = haloy("render", folder, "--out", tmp_path / out)
    assert outcome.code == 2
    assert "Not a directory" in outcome.err or "is not a directory" in outcome.err


def test_what_is_left_out_is_said_and_the_rest_is_rendered(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", backend("shop"), route("bad", "rules: []"), route("shop", TO_SHOP))
    outcome = haloy("render", "a.yaml", cwd=tmp_path)
    assert outcome.code == 1
    assert outcome.err.startswith("haloy: left out: a.yaml:")
    assert "default/shop:0 " in outcome.out
    assert "default/bad" not in outcome.out


def test_one_object_can_be_looked_at() -> None:
    shown = haloy("render", EXAMPLES / "canary", "--object", "route/default/shop").out
    assert "http-after-response set-header x-version next" in shown
    assert "default/shop:testers cluster.default.shop-next" in shown
    assert re.search(r"^shop\.localhost/ ", shown, re.MULTILINE)
    assert "balance roundrobin" not in shown


def test_an_object_that_is_not_there_is_said() -> None:
    outcome = haloy("render", EXAMPLES / "canary", "--object", "route/default/none")
    assert outcome.code == 1
    assert "there is no route/default/none" in outcome.err


def test_names_are_resolved_unless_told_not_to(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", backend("shop", "localhost"), route("shop", TO_SHOP))
    assert " 127.0.0.1:9001 " in haloy("render", "a.yaml", cwd=tmp_path).out
    assert " [2001:db8::1]:9001 " in haloy("render", "a.yaml", "--no-resolve", cwd=tmp_path).out


def test_settings_shape_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("http: 127.0.0.1:8181\n")
    shown = haloy("render", EXAMPLES / "canary", "--config", tmp_path / "settings.yaml").out
    assert "bind 127.0.0.1:8181\n" in shown
