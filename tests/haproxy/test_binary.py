"""HAProxy is found, understood, and refused when it is too old or known to be bad."""

from pathlib import Path

import pytest

from haloy.proxies.haproxy.process import binary
from haloy.proxies.haproxy.process.binary import BinaryError


async def test_the_binary_in_use_is_understood(haproxy_binary: Path) -> None:
    build = await binary.inspect(haproxy_binary)
    assert build.path == haproxy_binary
    assert build.version >= (2, 8, 20)
    assert build.version_string.startswith(".".join(map(str, build.version)))
    assert {"OPENSSL", "PROMEX", "THREAD"} <= build.features
    assert build.openssl is not None
    assert build.lua is None or build.lua.startswith("Lua 5.")
    assert ("LUA" in build.features) is (build.lua is not None)


def test_an_explicit_path_comes_first(tmp_path: Path) -> None:
    mine = tmp_path / "haproxy"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    assert binary.find_binary(mine) == mine


def test_an_explicit_path_that_is_no_program_is_an_error_and_nothing_else_is_tried(tmp_path: Path) -> None:
    with pytest.raises(BinaryError, match="not an executable file"):
        binary.find_binary(tmp_path)


async def test_a_program_that_is_not_haproxy_is_an_error() -> None:
    with pytest.raises(BinaryError, match="does not answer like HAProxy"):
        await binary.inspect(Path("/bin/true"))


async def test_a_file_that_cannot_run_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "haproxy"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    with pytest.raises(BinaryError, match="cannot be run"):
        await binary.inspect(broken)


def test_a_build_without_lua_and_quic_says_so() -> None:
    build = binary.parse_build(
        Path("h"), "HAProxy version 3.0.19-1~bpo12 2026/01/01\nFeature list : +EPOLL -LUA -QUIC\n"
    )
    assert (build.version, build.version_string, build.features) == ((3, 0, 19), "3.0.19-1~bpo12", frozenset({"EPOLL"}))
    assert (build.lua, build.openssl, build.payload_limited) == (None, None, True)


@pytest.mark.parametrize("words", ["OpenSSL", "SSL library"])
def test_the_name_of_openssls_line_changed_in_3_2(words: str) -> None:
    build = binary.parse_build(Path("h"), f"HAProxy version 3.2.26-1\nRunning on {words} version : OpenSSL 3.6.5\n")
    assert build.openssl == "OpenSSL 3.6.5"


def test_a_development_version_has_a_number_too() -> None:
    build = binary.parse_build(Path("h"), "HAProxy version 3.4-dev5-abc 2026/01/01\n")
    assert build.version == (3, 4, 0)
    assert not build.payload_limited


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ((2, 6, 12), "2.6.12 is too old, haloy needs 2.8"),
        ((1, 9, 0), "too old"),
        ((2, 8, 19), "CVE-2026-33555, repaired in 2.8.20"),
        ((3, 0, 18), "CVE-2026-33555, repaired in 3.0.19"),
        ((3, 2, 14), "CVE-2026-33555, repaired in 3.2.15"),
    ],
)
def test_old_and_bad_versions_are_refused(version: tuple[int, int, int], words: str) -> None:
    assert words in (binary.refusal(version) or "")


@pytest.mark.parametrize("version", [(2, 8, 20), (2, 8, 25), (3, 0, 19), (3, 2, 15), (3, 4, 0)])
def test_good_versions_are_not(version: tuple[int, int, int]) -> None:
    assert binary.refusal(version) is None


@pytest.mark.parametrize(
    ("printed", "refused"),
    [
        ("3.0.11", True),
        ("3.0.11-1", True),
        ("3.0.11-1+deb13u2", True),
        ("3.0.11-1+deb13u3", False),
        ("3.0.11-1+deb13u10", False),
        ("3.0.11-1+other13u5", True),
    ],
)
def test_a_version_that_its_distribution_has_mended_is_not_bad(printed: str, refused: bool) -> None:
    assert (binary.refusal((3, 0, 11), printed) is not None) is refused
