"""skopeo (and with it Podman and Buildah) and containerd read the tar that `make image` writes."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from image.oci import Written

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

DEADLINE = 30.0


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


@pytest.fixture
def containerd(tool: Callable[..., str], tmp_path: Path) -> Iterator[str]:
    """The socket of a containerd of this test's own."""
    tool("ctr", package="containerd")
    program = tool("containerd")
    (tmp_path / "config.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    socket = str(tmp_path / "socket")
    folders = ("--root", str(tmp_path / "root"), "--state", str(tmp_path / "state"))
    with (tmp_path / "log").open("w") as log:
        words = (program, "--config", str(tmp_path / "config.toml"), "--address", socket, *folders)
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        end = time.monotonic() + DEADLINE
        while subprocess.run(("ctr", "--address", socket, "version"), capture_output=True, check=False).returncode != 0:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield socket
    finally:
        process.terminate()
        process.wait(DEADLINE)


def test_containerd_imports_it_under_its_name(image: Written, containerd: str) -> None:
    client = ("ctr", "--address", containerd, "--namespace", "k8s.io", "images")
    run(*client, "import", str(image.path))
    assert f"{image.reference} " in run(*client, "ls")
    assert image.digest in run(*client, "ls")
    assert f"{image.reference} " in run(*client, "check", f"name=={image.reference}")


def test_skopeo_sees_the_same_digest(image: Written, tool: Callable[..., str]) -> None:
    tool("skopeo", as_root=False)
    seen = json.loads(run("skopeo", "inspect", f"oci-archive:{image.path}"))
    assert seen["Digest"] == image.digest
    assert seen["Os"] == "linux"
    assert len(seen["Layers"]) == 3


def test_docker_load_reads_it(image: Written, tool: Callable[..., str], tmp_path: Path) -> None:
    tool("skopeo", as_root=False)
    # What `docker load` reads in a Docker before 25 is manifest.json; skopeo reads the same for docker-archive.
    seen = json.loads(run("skopeo", "inspect", "--config", f"docker-archive:{image.path}"))
    assert seen["config"]["Entrypoint"] == ["haloy"]
    run("skopeo", "copy", f"docker-archive:{image.path}", f"dir:{tmp_path / 'copy'}")
    assert len(list((tmp_path / "copy").iterdir())) == 3 + 3  # layers; configuration, manifest, version
