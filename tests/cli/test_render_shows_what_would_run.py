import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import EXAMPLES, haloy
from tests.cli.manifests import backend, certificate_files, route, write
from tests.support.binary import haproxy

TO_SHOP = "rules:\n- backendRefs: [{name: shop}]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Route with a certificate, and its Backend."""
    folder = tmp_path / "routes"
    tls = f"hosts: [shop.test]\ntls: {{crtFile: tls.crt, keyFile: tls.key}}\n{TO_SHOP}"
    write(folder / "a.yaml", backend("shop"), route("shop", tls))
    certificate_files(folder, ["shop.test"])
    return folder


def test_every_slot_is_commented_with_its_backend_and_none_is_spare() -> None:
    shown = haloy("render", EXAMPLES / "canary").out
    headings = re.findall(r"^# Backend default/(\S+)\nbackend slot\.\S+$", shown, re.MULTILINE)
    assert sorted(headings) == ["shop", "shop-next"]
    assert len(re.findall(r"^backend slot\.", shown, re.MULTILINE)) == 2
    assert re.search(r"^ +# Backend default/shop spec.endpoints$", shown, re.MULTILINE)
    assert "# ===== maps/paths.map =====\n" in shown


def test_without_lua_every_block_is_commented_with_its_object(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("lua: false\n")
    shown = haloy("render", EXAMPLES / "canary", "--config", tmp_path / "settings.yaml").out
    assert "lua-load" not in shown
    assert re.search(r"^ +# Route default/shop spec.rules\[0\].filters\[0\]$", shown, re.MULTILINE)
    assert "http-after-response set-header x-version next" in shown


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
    checked = subprocess.run([haproxy(), "-c", "-f", out], capture_output=True, env={}, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr


def test_only_the_owner_may_read_what_is_written(folder: Path, tmp_path: Path) -> None:
    haloy("render", folder, "--out", tmp_path / "out")
    pem = list((tmp_path / "out" / "certs").glob("*.pem"))
    assert len(pem) == 3
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in pem)


def test_rendering_again_takes_away_what_is_gone_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    haloy("render", folder, "--out", out)
    (out / "mine.txt").write_text("mine")
    write(folder / "a.yaml", backend("shop"), route("shop", TO_SHOP))
    assert haloy("render", folder, "--out", out).code == 0
    assert {path.name for path in (out / "certs").glob("*.pem")} == {"default.pem", "fallback.pem"}
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
    assert re.search(r"^default/shop:0:[0-9a-f]{8} default/shop$", outcome.out, re.MULTILINE)
    assert "default/bad" not in outcome.out


def test_one_route_can_be_looked_at_and_its_programs_are_told_in_words() -> None:
    shown = haloy("render", EXAMPLES / "canary", "--object", "route/default/shop").out
    assert re.search(r"^# !\S+ response header 'x-version' is set to 'next'$", shown, re.MULTILINE)
    chain = re.search(
        r"^# (\?\S+) header 'x-canary' is 'always': rule (default/shop:testers:\S+)$", shown, re.MULTILINE
    )
    assert chain is not None
    assert f"\n{chain[1]} 1 header x-canary always rule {chain[2]}" in shown
    assert f"\nshop.localhost/ {chain[1]}\n" in shown
    assert re.search(rf"^{chain[2]} !\S+:default/shop-next$", shown, re.MULTILINE)
    weights = re.search(r"^default/shop:everybody:\S+ (%\S+)$", shown, re.MULTILINE)
    assert weights is not None
    assert f"\n{weights[1]} 10\n" in shown
    assert "balance roundrobin" not in shown


def test_one_backend_can_be_looked_at_in_its_slot() -> None:
    shown = haloy("render", EXAMPLES / "canary", "--object", "backend/default/shop-next").out
    slot = re.search(r"^# Backend default/shop-next\nbackend (\S+)$", shown, re.MULTILINE)
    assert slot is not None
    assert "balance roundrobin" in shown
    assert f"\ndefault/shop-next {slot[1]}\n" in shown
    assert f"\n{slot[1]} /healthz\n" in shown
    assert ":default/shop-next\n" in shown
    assert "default/shop " not in shown


def test_one_health_policy_is_what_it_makes_of_slots() -> None:
    shown = haloy("render", EXAMPLES / "canary", "--object", "healthpolicy/default/web").out
    assert shown.count("option httpchk") == 2
    assert shown.count(" /healthz\n") == 2


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
