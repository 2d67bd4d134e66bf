"""A .deb is read without dpkg, and the lock file says what it must be."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from image import base
from image.build import LOCK
from image.deb import control, unpack
from image.debian import ARCHITECTURES, Lock, Mirrors, Package, UnavailableError, fetch


def member(name: str, content: bytes) -> bytes:
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
    return head + content + b"\n" * (len(content) % 2)


def tar(*entries: tuple[str, int, bytes | None]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as archive:
        for name, mode, content in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.type, info.size = (
                mode,
                tarfile.REGTYPE if content is not None else tarfile.DIRTYPE,
                len(content or b""),
            )
            archive.addfile(info, io.BytesIO(content or b""))
    return out.getvalue()


def package(path: Path) -> Path:
    data = tar(
        ("./usr/", 0o755, None),
        ("./usr/bin/", 0o755, None),
        ("./usr/bin/it", 0o755, b"program"),
        ("./usr/doc", 0o644, b"!"),
    )
    text = b"Package: it\nVersion: 1\n"
    parts = (("debian-binary", b"2.0\n"), ("control.tar.xz", tar(("./control", 0o644, text))), ("data.tar.xz", data))
    path.write_bytes(b"!<arch>\n" + b"".join(member(name, content) for name, content in parts))
    return path


def test_wanted_files_are_unpacked_with_their_modes(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    unpack(package(tmp_path / "it.deb"), tree, lambda path: path != "usr/doc")
    assert sorted(str(path.relative_to(tree)) for path in tree.rglob("*")) == ["usr", "usr/bin", "usr/bin/it"]
    assert (tree / "usr/bin/it").stat().st_mode & 0o777 == 0o755


def test_the_control_paragraph_is_found(tmp_path: Path) -> None:
    assert control(package(tmp_path / "it.deb")) == "Package: it\nVersion: 1\n"


def test_dpkg_reads_the_test_package_the_same(tmp_path: Path) -> None:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("there is no dpkg-deb to compare with")
    shown = subprocess.run(
        ["dpkg-deb", "-f", str(package(tmp_path / "it.deb"))], capture_output=True, text=True, check=True
    )
    assert shown.stdout == control(tmp_path / "it.deb")


def test_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.deb").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"is no \.deb"):
        control(tmp_path / "no.deb")


def test_the_lock_has_every_package_for_every_architecture() -> None:
    lock = Lock.read(LOCK)
    assert lock.suite == base.SUITE
    for architecture in ARCHITECTURES:
        assert sorted(each.name for each in lock.of(architecture)) == sorted(base.PACKAGES)


def test_the_lock_is_written_as_it_is_read(tmp_path: Path) -> None:
    Lock.read(LOCK).write(tmp_path / "lock")
    assert (tmp_path / "lock").read_text() == LOCK.read_text()


def test_a_cached_package_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / ("a" * 64 + ".deb")).write_bytes(b"")
    nowhere = Mirrors("file:/nonexistent", "file:/nonexistent")
    locked = Package("amd64", "it", "1", "a" * 64)
    assert fetch([locked], "trixie", tmp_path, nowhere) == [tmp_path / ("a" * 64 + ".deb")]


def test_a_package_that_cannot_be_had_says_what_to_do(tmp_path: Path) -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("there is no apt-get")
    nowhere = Mirrors("file:/nonexistent", "file:/nonexistent")
    with pytest.raises(UnavailableError, match="make image-lock"):
        fetch([Package("amd64", "it", "1", "b" * 64)], "trixie", tmp_path, nowhere)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("usr/bin/python3.13", True),
        ("usr/lib/python3.13/asyncio/__init__.py", True),
        ("usr/lib/python3.13/sqlite3/__init__.py", True),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", True),
        ("usr/share/doc/libc6/copyright", True),
        ("usr/share/doc/libgcc-s1", True),
        ("usr/share/common-licenses/GPL-2", True),
        ("usr/share/doc/libc6/changelog.gz", False),
        ("usr/share/man/man1/x.1", False),
        ("usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", False),
        ("usr/sbin/update-ca-certificates", False),
        ("usr/lib/python3.13/idlelib/x.py", False),
        ("home", False),
        ("boot", False),
    ],
)
def test_what_is_taken_of_a_package(path: str, there: bool) -> None:
    assert base.wanted(path) is there
