"""The OCI writer: nothing of the machine, the clock or the order of things gets into an image."""

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from e2e.image.unpacked import read
from image.oci import Entry, Image, Written, compressed, entries_of, layer, write

HELLO = Entry("usr/hello", 0o755, content=b"hello")
FOLDER = Entry("usr", 0o755)


def small(path: Path, *entries: Entry, created: int = 1_700_000_000) -> Written:
    image = Image(
        layers=(layer(entries or (FOLDER, HELLO), created=created, comment="test"),),
        architecture="amd64",
        created=created,
        entrypoint=("/usr/hello",),
        labels={"org.opencontainers.image.version": "1"},
    )
    return write(image, "haloy.test/small:1", path)


def test_two_writes_are_the_same_bytes(tmp_path: Path) -> None:
    first, second = small(tmp_path / "a.tar"), small(tmp_path / "deeper" / "b.tar")
    assert first.digest == second.digest
    assert first.path.read_bytes() == second.path.read_bytes()


def test_the_order_of_entries_does_not_matter(tmp_path: Path) -> None:
    assert small(tmp_path / "a", HELLO, FOLDER).digest == small(tmp_path / "b", FOLDER, HELLO).digest


def test_a_folder_comes_before_what_is_in_it_and_not_between() -> None:
    names = ["a", "a/z", "a-b", "a.b", "a/b"]
    blob = layer([Entry(name, 0o755) for name in names], created=0, comment="test").blob
    with tarfile.open(fileobj=io.BytesIO(blob)) as files:
        assert files.getnames() == ["a", "a/b", "a/z", "a-b", "a.b"]


def test_a_path_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="usr/hello stands twice"):
        layer([HELLO, HELLO], created=0, comment="test")


def test_other_content_or_another_time_is_another_image(tmp_path: Path) -> None:
    one = small(tmp_path / "a")
    assert small(tmp_path / "b", FOLDER, Entry("usr/hello", 0o755, content=b"other")).image_id != one.image_id
    assert small(tmp_path / "c", created=1).image_id != one.image_id


def test_files_keep_mode_and_links_and_lose_time_and_owner(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir(mode=0o755)
    program = tmp_path / "bin" / "program"
    program.write_bytes(b"x")
    program.chmod(0o751)
    os.utime(program, (1, 1))
    (tmp_path / "bin" / "link").symlink_to("../nowhere")
    blob = layer(entries_of(tmp_path), created=77, comment="test").blob
    with tarfile.open(fileobj=io.BytesIO(blob)) as files:
        assert [(m.name, m.mode, m.mtime, m.uid, m.gid, m.uname, m.gname) for m in files] == [
            ("bin", 0o755, 77, 0, 0, "", ""),
            ("bin/link", 0o777, 77, 0, 0, "", ""),
            ("bin/program", 0o751, 77, 0, 0, "", ""),
        ]
        assert files.getmember("bin/link").linkname == "../nowhere"


def test_a_socket_is_no_content(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is neither"):
        entries_of(tmp_path)


def test_containerd_skopeo_and_docker_each_find_what_they_read(tmp_path: Path) -> None:
    written = small(tmp_path / "a")
    found = read(written.path)
    manifest = found.index["manifests"][0]
    assert manifest["digest"] == written.digest
    assert manifest["platform"] == {"architecture": "amd64", "os": "linux"}
    assert manifest["annotations"] == {
        "io.containerd.image.name": "haloy.test/small:1",
        "org.opencontainers.image.ref.name": "1",
    }
    assert found.manifest["config"]["digest"] == written.image_id
    assert found.docker == [
        {
            "Config": "blobs/" + written.image_id.replace(":", "/"),
            "RepoTags": ["haloy.test/small:1"],
            "Layers": ["blobs/" + found.manifest["layers"][0]["digest"].replace(":", "/")],
        }
    ]


def test_the_configuration_names_layers_uncompressed(tmp_path: Path) -> None:
    found = read(small(tmp_path / "a").path)
    digests = ["sha256:" + hashlib.sha256(gzip.decompress(blob)).hexdigest() for blob in found.layers]
    assert found.config["rootfs"] == {"type": "layers", "diff_ids": digests}
    assert found.config["created"] == "2023-11-14T22:13:20Z"
    assert found.config["config"]["User"] == "65532:65532"


def test_a_stored_layer_is_read_back_the_same() -> None:
    made = layer([HELLO], created=0, comment="test")
    assert compressed(made.blob, comment="test") == made


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(IsADirectoryError):
        small(tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
