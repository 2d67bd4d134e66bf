"""kubectl can apply the examples as they stand. Those that name files on disk are for `haloy serve` alone."""

from pathlib import Path

import pytest

from e2e.namespace import Namespace
from e2e.target import ROOT

pytestmark = pytest.mark.usefixtures("crds")
_EXAMPLES = ROOT / "examples"
_FOR_FILES = ("crtFile:", "keyFile:")


def _files() -> list[object]:
    found: list[object] = []
    for file in sorted(_EXAMPLES.rglob("*.yaml")):
        name, text = str(file.relative_to(_EXAMPLES)), file.read_text()
        if "apiVersion: haloy.dev/" in text and not any(word in text for word in _FOR_FILES):
            found.append(pytest.param(file, id=name))
    return found


@pytest.mark.parametrize("file", _files())
def test_as_it_stands(file: Path, namespace: Namespace) -> None:
    assert "serverside-applied" in namespace.kubectl("apply", "--server-side", f"--filename={file}")
