"""Reads a .deb without dpkg: an ar archive with a control tar and a data tar (deb(5))."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

_MAGIC = b"!<arch>\n"


def unpack(package: Path, tree: Path, wanted: Callable[[str], bool]) -> None:
    """Put the wanted paths below `tree`, with their permission bits. `wanted` is asked with a path as "usr/bin/python3.13"."""
    with _member(package, "data.tar") as archive:
        for member in archive:
            path = member.name.removeprefix("./").rstrip("/")
            if not path or not wanted(path):
                continue
            at = tree / path
            at.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                if not at.is_dir():
                    at.mkdir()
                at.chmod(member.mode & 0o7777)
            elif member.issym():
                at.symlink_to(member.linkname)
            elif member.isreg() or member.islnk():
                content = archive.extractfile(member)
                assert content is not None, member.name
                at.write_bytes(content.read())
                at.chmod(member.mode & 0o7777)
            else:
                raise ValueError(f"{package}: {path} is neither a file, a folder nor a link")


def control(package: Path) -> str:
    """The control paragraph: name, version, licence-free facts that vulnerability scanners read."""
    with _member(package, "control.tar") as archive:
        content = archive.extractfile("./control")
        assert content is not None
        return content.read().decode()


def _member(package: Path, prefix: str) -> tarfile.TarFile:
    content = package.read_bytes()
    if not content.startswith(_MAGIC):
        raise ValueError(f"{package} is no .deb")
    at = len(_MAGIC)
    while at < len(content):
        name = content[at : at + 16].decode().strip().rstrip("/")
        size = int(content[at + 48 : at + 58])
        if name.startswith(prefix):
            return tarfile.open(fileobj=io.BytesIO(content[at + 60 : at + 60 + size]))
        at += 60 + size + size % 2
    raise ValueError(f"{package} has no {prefix}")
