from pathlib import Path

import pytest

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.record import INDEX, UNKNOWN_DIGEST, RecordError, RecordWriter, read_record
from haloy.proxies.haproxy.artifacts import Artifacts
from tests.haproxy.driver.values import cluster, line, server, wanted

ARTIFACTS = wanted(
    cluster(server(1, start_down=True, state=EndpointState.DRAINING), server(2, agent=True)),
    maps={"maps/rules.map": {"r1": "c1"}, "maps/paths.map": {}},
    files={"files/a": b"\0body"},
    pem={"certs/a.pem": "digest"},
    lines=(line("a", "a.example"),),
)
DATA = {"maps/rules.map": b"r1 c1\n", "maps/paths.map": b"", "files/a": b"\0body", "certs/a.pem": b"PEM"}


def written(tmp_path: Path, artifacts: Artifacts) -> Generation:
    generations = Generations(tmp_path)
    generations.open()
    record = RecordWriter().files(artifacts, {"certs/a.pem": b"PEM"})
    return generations.create(1, {**DATA, **record}, None)


def test_artifacts_come_back_equal(tmp_path: Path) -> None:
    assert read_record(written(tmp_path, ARTIFACTS)) == ARTIFACTS


def test_a_certificate_that_is_not_the_recorded_one_is_unknown(tmp_path: Path) -> None:
    generation = written(tmp_path, ARTIFACTS)
    (generation.path / "certs/a.pem").write_bytes(b"other")
    assert read_record(generation).pem_files["certs/a.pem"].startswith(UNKNOWN_DIGEST)


@pytest.mark.parametrize("name", [INDEX, "record/30-clusters-00.cfg.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'[["a"]]', b"\xff"])
def test_damage_is_an_error_of_its_own(tmp_path: Path, name: str, content: bytes) -> None:
    generation = written(tmp_path, ARTIFACTS)
    (generation.path / name).write_bytes(content)
    with pytest.raises(RecordError):
        read_record(generation)


def test_a_missing_map_is_damage(tmp_path: Path) -> None:
    generation = written(tmp_path, ARTIFACTS)
    (generation.path / "maps/rules.map").unlink()
    with pytest.raises(RecordError):
        read_record(generation)
