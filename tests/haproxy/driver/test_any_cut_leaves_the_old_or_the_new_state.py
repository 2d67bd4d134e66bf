"""haloy is killed before any one side effect on the files: the next finds what was on record, and can put the files right."""

import asyncio
import json
import os
import sys
from pathlib import Path

from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.ledger import Ledger
from haloy.proxies.haproxy.apply.record import UNKNOWN_DIGEST, read_record, settled
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.render.render import config_files
from tests.haproxy.driver.cutting import PEM, state

FEWEST_POINTS = 40


def possible(told: Path) -> list[Artifacts]:
    """The last state that was said to be on record, and, if it was under way, the next."""
    numbers = [int(word) for word in told.read_text().split()]
    last = next(number for number in reversed(numbers) if number > 0)
    return [state(last)] if numbers[-1] > 0 else [state(last), state(-numbers[-1])]


def without_pem(artifacts: Artifacts) -> object:
    return (artifacts.revision, artifacts.fragments, artifacts.maps, artifacts.certificates, artifacts.files,
            artifacts.layout, artifacts.pem_files.keys())  # fmt: skip


def check(place: Path) -> None:
    generations = Generations(place)
    generations.open()
    (generation,) = generations.all()
    allowed = possible(place / "told")
    found = read_record(generation)
    assert without_pem(found) in [without_pem(one) for one in allowed]
    meant = next(one for one in allowed if one.revision == found.revision)
    for path, digest in found.pem_files.items():
        if digest != meant.pem_files[path]:
            assert digest.startswith(UNKNOWN_DIGEST)
            others = [one.pem_files.get(path, "") for one in allowed]
            assert generation.read(path) in [PEM[one] for one in others if one], "the other state's"
    assert Ledger(generations, config_files).repair(generation) == ""
    assert settled(generation)
    assert read_record(generation) == found
    assert text_files(generation) == dict(config_files(meant))
    assert not list(generation.path.rglob("*.unfinished*"))


def text_files(generation: Generation) -> dict[str, bytes]:
    """All but PEM, the record and the file that says the generation."""
    return {
        str(path.relative_to(generation.path)): path.read_bytes()
        for path in generation.path.rglob("*")
        if path.is_file()
        if path.suffix != ".pem" and path.parent.name != "record" and not path.name.startswith("05-")
    }


async def test_at_every_point(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.haproxy.driver.cutting", str(tmp_path), env=dict(os.environ)
    )
    assert await child.wait() == 0
    outcome = json.loads((tmp_path / "states.json").read_text())
    assert outcome["status"] == 0
    assert outcome["points"] >= FEWEST_POINTS
    for point in range(1, outcome["points"] + 1):
        check(tmp_path / str(point))
