"""`goldens/<a sentence>.in.yaml` is a Model, `<a sentence>.out.cfg` what is made of it: pytest --update-goldens writes them.

Each also passes the real `haproxy -c` without a warning, with spare slots, with Lua and without.
"""

from pathlib import Path

import pytest

from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.names import bundle_file, certificate_file
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render.render import config_files, render
from haloy.proxies.haproxy.slots.layout import Pools
from tests.support.model_yaml import read_model
from tests.support.running_haproxy import check, fallback_pem, options, write_files

GOLDENS = Path(__file__).parent / "goldens"
INPUTS = sorted(GOLDENS.glob("*.in.yaml"))
SETTINGS = ("00-global.cfg", "10-defaults.cfg")
"""Shown in the smallest model only."""


def shown(artifacts: Artifacts, *, settings: bool) -> str:
    files = config_files(artifacts)
    names = [name for name in files if not name.endswith((".http", ".lua")) and (settings or name not in SETTINGS)]
    return "\n".join(f"#### {name}\n{files[name].decode()}" for name in names)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_the_golden_is_rendered_and_accepted(
    path: Path, update_goldens: bool, tmp_path: Path, haproxy_binary: Path
) -> None:
    wanted = read_model(path.read_text())
    artifacts = render(wanted, HaproxyOptions("/run/haloy/worker.sock", "/var/lib/haloy/state", pools=Pools(0)))
    text = shown(artifacts, settings=path.name.startswith("the smallest"))
    golden = path.with_name(path.name.replace(".in.yaml", ".out.cfg"))
    if update_goldens:
        golden.write_text(text)
    assert golden.read_text() == text

    pem = {certificate_file(one.name): fallback_pem() for one in wanted.certificates}
    pem |= {bundle_file(one.name, one.digest): fallback_pem() for one in wanted.bundles}
    pem["ca/system.pem"] = fallback_pem()
    settings = {"system_ca": "ca/system.pem", "agent": ("127.0.0.1", 9), "health_log": str(tmp_path / "health")}
    for lua in (True, False):
        folder = tmp_path / f"lua-{lua}"
        folder.mkdir()
        real = render(wanted, options(folder, **settings, lua=lua))
        assert check(haproxy_binary, write_files(folder, real, pem)) == ""


def test_there_are_goldens() -> None:
    assert INPUTS
