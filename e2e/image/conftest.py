"""haloy's image, built once for all tests that look into it or run it."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.image.unpacked import unpack
from image.build import Wanted, build, from_lock
from image.debian import UnavailableError
from image.oci import Written

IN_CI_AS_ROOT = os.environ.get("CI") == "true" and os.geteuid() == 0
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "haloy" / "image"


def missing(reason: str) -> None:
    """Skips the test on a person's machine; in CI, which has everything, that is a failure."""
    if IN_CI_AS_ROOT:
        pytest.fail(f"CI runs this test: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """A function that gives a program's path, or skips the test and says which Debian package has it."""

    def find(name: str, *, package: str | None = None, as_root: bool = True) -> str:
        if as_root and os.geteuid() != 0:
            missing(f"{name} needs root")
        found = shutil.which(name)
        if found is None:
            missing(f"there is no {name} on this machine: apt-get install {package or name}")
        assert found is not None
        return found

    return find


@pytest.fixture(scope="session")
def wanted() -> Wanted:
    """What to build: the locked packages, or their successors where the mirror has only those."""
    if sys.platform != "linux":
        missing("the image is built on Linux")
    try:
        return from_lock(CACHE, or_newest=True)
    except UnavailableError as error:
        missing(f"the Debian packages are not to be had: {error}")
        raise


@pytest.fixture(scope="session")
def image(wanted: Wanted, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return build(wanted, "haloy.test/haloy:tested", tmp_path_factory.mktemp("image") / "haloy.oci.tar")


@pytest.fixture(scope="session")
def root(image: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's files, unpacked, as the user that runs the tests."""
    folder = tmp_path_factory.mktemp("root")
    folder.chmod(0o755)  # it becomes the container's "/", which another user enters
    return unpack(image.path, folder)
