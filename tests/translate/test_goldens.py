"""`goldens/<a sentence>.in.yaml` → `goldens/<a sentence>.out.yaml`: the Model and the findings, side by side.

After a wanted change: pytest tests/translate --update-goldens, and read the diff.
"""

from pathlib import Path

import pytest

from haloy.model.printing import to_yaml
from haloy.translate import Translation, translate
from tests.translate.world import read_world

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.in.yaml"))


def printed(translation: Translation) -> str:
    model = translation.delivery.model
    return to_yaml(
        {
            "1 findings": {ref: list(report.findings) for ref, report in translation.reports.items()},
            "2 programs": {
                ref: {"hosts": report.hosts, "clusters": report.clusters, "certificates": report.certificates}
                for ref, report in translation.reports.items()
            },
            "3 model": {
                "virtual_hosts": model.virtual_hosts,
                "clusters": model.clusters,
                "certificates": model.certificates,
                "bundles": model.bundles,
            },
        },
        defaults=False,
    )


def test_there_are_goldens() -> None:
    assert GOLDENS


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_golden(path: Path, update_goldens: bool) -> None:
    expected = path.with_name(path.name.replace(".in.yaml", ".out.yaml"))
    world = read_world(path)
    actual = printed(translate(world.snapshot, world.context))
    if update_goldens:
        expected.write_text(actual)
    assert actual == expected.read_text()
