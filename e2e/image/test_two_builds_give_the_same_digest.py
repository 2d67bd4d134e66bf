"""Another folder, another cache, another umask, another time of the clock: the same image, byte for byte."""

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from e2e.image.unpacked import read
from image.build import Wanted
from image.oci import Written

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

ROOT = Path(__file__).parents[2]
NEEDED = ("image", "operator", "pyproject.toml", "requirements.lock", "README.md", "LICENSE")


def test_two_builds_give_the_same_digest(image: Written, wanted: Wanted, tmp_path: Path) -> None:
    checkout = tmp_path / "another" / "place"
    checkout.mkdir(parents=True)
    for name in NEEDED:
        ours, theirs = ROOT / name, checkout / name
        if ours.is_dir():
            shutil.copytree(ours, theirs, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ours, theirs)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "debs").symlink_to(wanted.cache / "debs")  # by their hashes; everything else is made anew
    config = read(image.path).config
    created = int(datetime.fromisoformat(config["created"]).timestamp())
    revision = config["config"]["Labels"]["org.opencontainers.image.revision"]
    words = (sys.executable, "-m", "image", "--cache", str(cache), "--reference", image.reference, "--or-newest")
    done = subprocess.run(
        (*words, "--output", str(tmp_path / "second.tar")),
        cwd=checkout,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(created), "REVISION": revision},
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert image.digest in done.stdout
    assert (tmp_path / "second.tar").read_bytes() == image.path.read_bytes()
