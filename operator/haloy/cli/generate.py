"""`python -m haloy.cli.generate [--out DIR]`: write everything that is generated from the code.

DIR is the root of the repository (default: here). `make generate` calls this; a test compares the result with what is
committed.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from haloy.admin.reference import metrics_reference
from haloy.admin.reloads_reference import reloads_reference
from haloy.api.crd import documents
from haloy.api.reference import reference


def generated() -> Mapping[str, str]:
    """Every generated file: its path below the root, and its content."""
    crds = {f"crds/{name}": text for name, text in documents().items()}
    return {
        **crds,
        "docs/reference/api.md": reference(),
        "docs/reference/metrics.md": metrics_reference(),
        "docs/reloads.md": reloads_reference(),
    }


def main(arguments: list[str] | None = None) -> None:
    """Write every generated file below the folder that `--out` names. `arguments` None: those of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m haloy.cli.generate",
        description="Write the CRDs, the references of the API and the metrics, and what reloads.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="root folder to write to (default: here)"
    )
    root: Path = parser.parse_args(arguments).out
    for name, text in generated().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
