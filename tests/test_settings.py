"""Settings: one typed model behind flags, environment and file. (No patching: the environment is given to a subprocess.)"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from haloy.model.listener import Bind
from haloy.settings import Settings, SettingsError, parse_bind

PROGRAM = """
import json, sys
from pathlib import Path
from haloy.settings import Settings
flags = json.loads(sys.argv[1])
settings = Settings.load({"directory": "x", **flags}, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
print(json.dumps({"http": [str(bind) for bind in settings.http], "drain": settings.drain_timeout, "once": settings.once}))
"""


def load(flags: dict[str, object], environment: dict[str, str], *config: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(flags), *config],
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_flag_goes_before_the_variable_and_the_variable_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "haloy.yaml"
    config.write_text("http: 127.0.0.1:1\ndrain-timeout: 7s\nonce: true\n")
    environment = {"HALOY_HTTP": "127.0.0.1:2", "HALOY_DRAIN_TIMEOUT": "8s"}
    assert load({"http": "127.0.0.1:3"}, environment, str(config)) == {
        "http": ["127.0.0.1:3"],
        "drain": 8000,
        "once": True,
    }
    assert load({}, environment, str(config))["http"] == ["127.0.0.1:2"]
    assert load({}, {"HALOY_CONFIG": str(config)})["http"] == ["127.0.0.1:1"]


def test_binds_are_lists_of_both_families() -> None:
    assert Settings.load({"directory": "x", "http": "127.0.0.1:80, [::1]:80"}).http == (
        Bind("127.0.0.1", 80),
        Bind("::1", 80),
    )
    assert parse_bind(":80") == (Bind("0.0.0.0", 80), Bind("::", 80))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"http": "nonsense"}, "http: 'nonsense' is not ADDRESS:PORT"),
        ({"http": "example.com:80"}, "is not an IP address"),
        ({"http": "::1:80"}, "write IPv6 addresses in brackets"),
        ({"http": "127.0.0.1:70000"}, "is not ADDRESS:PORT"),
        ({"htp": "127.0.0.1:80"}, 'unknown setting "htp"; did you mean "http"?'),
        ({"drain_timeout": "soon"}, "drain-timeout: "),
        ({"trusted_proxies": "10.0.0.0/99"}, "trusted-proxies: "),
        ({"http": "127.0.0.1:8443"}, "127.0.0.1:8443 is given twice"),
        ({"spare_slots": -1}, "spare-slots: Input should be greater than or equal to 0, not -1"),
        ({"max_spare_slots": 0}, "max-spare-slots: Input should be greater than or equal to 1, not 0"),
        ({"max_spare_slots": 16_385}, "max-spare-slots: Input should be less than or equal to 16384, not 16385"),
        ({"spare_slots": "many"}, "spare-slots: "),
        ({"lua": "perhaps"}, "lua: "),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_expected(flags: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.load({"directory": "x", **flags})
    assert words in str(raised.value)


def test_the_public_ports_default_to_the_binds() -> None:
    fleet = Settings.load({"directory": "x", "http": "127.0.0.1:81", "https_public_port": 443}).fleet
    assert [(listener.name, listener.public_port) for listener in fleet.listeners] == [("http", 81), ("https", 443)]


def test_nameservers_have_an_address_and_perhaps_a_port() -> None:
    settings = Settings.load({"directory": "x", "nameservers": "10.0.0.2, 10.0.0.3:5353,fd00::2,[fd00::3]:54"})
    found = [(server.address, server.port) for server in settings.nameservers]
    assert found == [("10.0.0.2", 53), ("10.0.0.3", 5353), ("fd00::2", 53), ("fd00::3", 54)]
    for wrong in ("dns.example.com", ":53", "10.0.0.2:0"):
        with pytest.raises(SettingsError, match="nameservers"):
            Settings.load({"directory": "x", "nameservers": wrong})


def test_spare_slots_and_lua_have_defaults_and_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    default = Settings.load({"directory": "x"})
    assert (default.spare_slots, default.max_spare_slots, default.lua) == (128, 4096, True)
    off = Settings.load({"directory": "x", "spare_slots": 0, "lua": False})
    assert (off.spare_slots, off.lua) == (0, False)
    monkeypatch.setenv("HALOY_LUA", "false")
    monkeypatch.setenv("HALOY_MAX_SPARE_SLOTS", "16")
    said = Settings.load({"directory": "x"})
    assert (said.max_spare_slots, said.lua) == (16, False)
