"""HAProxy 2.6.12, which Debian 12 has: refused in words that say what was found, what is needed and what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from haloy.proxies.haproxy.process import binary
from haloy.proxies.haproxy.process.binary import BinaryError
from tests.support.ports import free_port

OLD = "HALOY_TEST_OLD_HAPROXY"
"""The path of the real one: `make haproxy3 SUITE=bookworm` gets it."""
SAYS = """\
HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/
Status: long-term supported branch - will stop receiving fixes around Q2 2027.
Built with OpenSSL version : OpenSSL 3.0.17 1 Jul 2025
Built with Lua version : Lua 5.3.6
"""


@pytest.fixture(params=["a program that says the same", "the real one"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "the real one":
        path = os.environ.get(OLD)
        if not path:
            pytest.skip(f"{OLD} is not set; `make haproxy3 SUITE=bookworm` prints a path for it")
        return Path(path)
    (tmp_path / "says").write_text(SAYS)
    fake = tmp_path / "haproxy"
    fake.write_text(f"#!/bin/sh\nexec /bin/cat '{tmp_path}/says'\n")
    fake.chmod(0o755)
    return fake


async def test_it_says_what_was_found_what_is_needed_and_what_to_do(old: Path) -> None:
    with pytest.raises(BinaryError) as refused:
        await binary.inspect(old)
    said = str(refused.value)
    assert f"{old} is HAProxy 2.6.12" in said
    assert "too old, haloy needs 2.8 or later" in said
    assert "pip install 'haloy[haproxy]'" in said
    assert "--haproxy PATH" in said


def test_haloy_ends_with_these_words_and_no_traceback(old: Path, tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    objects.mkdir()
    flags = [f"--{name}=127.0.0.1:{free_port()}" for name in ("http", "https", "admin")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "haloy.cli",
            "serve",
            objects,
            *flags,
            f"--state={tmp_path / 'state'}",
            f"--haproxy={old}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "too old, haloy needs 2.8 or later" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
