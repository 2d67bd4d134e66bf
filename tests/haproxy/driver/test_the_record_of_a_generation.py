import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.apply.generations import Generation, Generations, digest_of
from haloy.proxies.haproxy.apply.journal import JOURNAL, Journal
from haloy.proxies.haproxy.apply.record import (
    INDEX,
    NEXT,
    UNKNOWN_DIGEST,
    RecordError,
    RecordWriter,
    load,
    read_record,
    settled,
)
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.render.render import config_files
from haloy.proxies.haproxy.slots.layout import Layout, Placement, Profile
from tests.haproxy.driver.any_artifacts import artifacts
from tests.haproxy.driver.values import cluster, line, server, wanted

SERVERS = (server(1, start_down=True, state=EndpointState.DRAINING), server(2, agent=True))
ARTIFACTS = wanted(
    cluster(*SERVERS),
    maps={"maps/rules.map": {"r1": "c1"}, "maps/paths.map": {}},
    files={"files/a": b"\0body"},
    pem={"certs/a.pem": "digest"},
    lines=(line("a", "a.example"),),
)
DATA = {"maps/rules.map": b"r1 c1\n", "maps/paths.map": b"", "files/a": b"\0body", "certs/a.pem": b"PEM"}


def record(state: Artifacts, data: dict[str, bytes]) -> dict[str, bytes]:
    contents = {path: digest_of(data[path]) for path in state.pem_files}
    return RecordWriter().files(state, contents, {name: digest_of(data[name]) for name in state.maps})


def written(tmp_path: Path, state: Artifacts) -> Generation:
    generations = Generations(tmp_path)
    generations.open()
    return generations.create(1, {**DATA, **record(state, DATA)}, None)


def test_artifacts_come_back_equal(tmp_path: Path) -> None:
    assert read_record(written(tmp_path, ARTIFACTS)) == ARTIFACTS


@settings(max_examples=30)
@given(state=artifacts, number=st.uuids())
def test_so_do_any_others(tmp_path_factory: pytest.TempPathFactory, state: Artifacts, number: object) -> None:
    data = {name: text for name, text in config_files(state).items() if name in state.maps or name in state.files}
    data |= dict.fromkeys(state.pem_files, b"PEM")
    generations = Generations(tmp_path_factory.mktemp("state"))
    generations.open()
    assert read_record(generations.create(1, {**data, **record(state, data)}, None)) == state


def test_the_place_of_a_cluster_is_what_its_section_says(tmp_path: Path) -> None:
    """Nothing is kept twice, and the index has nothing that grows with the clusters."""
    held = cluster(*SERVERS, name="slot.01.0")
    held = type(held)(held.name, held.text, held.source, held.servers, cluster="web/shop")
    layout = Layout(
        {"01": Profile("01", "x")}, {"01": 2}, {"web/shop": Placement("slot.01.0", SERVERS)}, frozenset(["slot.01.1"])
    )
    state = wanted(held, maps={"maps/rules.map": {"r1": "c1"}})
    state = Artifacts(state.revision, state.fragments, state.maps, layout=layout)
    generation = written(tmp_path, state)
    assert load(generation).artifacts == state
    assert json.loads(generation.read("record/places.json") or b"") == {
        "resting": ["slot.01.1"],
        "other": {},
        "none": [],
    }
    assert b"web/shop" not in (generation.read(INDEX) or b"")


def test_a_certificate_that_is_not_the_recorded_one_is_unknown(tmp_path: Path) -> None:
    generation = written(tmp_path, ARTIFACTS)
    (generation.path / "certs/a.pem").write_bytes(b"other")
    assert read_record(generation).pem_files["certs/a.pem"].startswith(UNKNOWN_DIGEST)


@pytest.mark.parametrize(
    "name",
    [
        INDEX,
        "record/30-clusters-00.cfg.json",
        "record/certificates.json",
        "record/pem.json",
        "record/places.json",
        "maps/rules.map",
        "files/a",
    ],
)
@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'[["a"]]', b"\xff", None])
def test_damage_is_an_error_of_its_own(tmp_path: Path, name: str, content: bytes | None) -> None:
    generation = written(tmp_path, ARTIFACTS)
    if content is None:
        (generation.path / name).unlink()
    else:
        (generation.path / name).write_bytes(content)
    with pytest.raises(RecordError):
        read_record(generation)


def test_one_bit_is_enough(tmp_path: Path) -> None:
    generation = written(tmp_path, ARTIFACTS)
    for path in [INDEX, "record/30-clusters-00.cfg.json", "maps/rules.map"]:
        content = bytearray(generation.read(path) or b"")
        content[len(content) // 2] ^= 1
        (generation.path / path).write_bytes(content)
        with pytest.raises(RecordError):
            read_record(generation)
        content[len(content) // 2] ^= 1
        (generation.path / path).write_bytes(content)
    assert read_record(generation) == ARTIFACTS


def test_the_record_of_an_older_haloy_is_none(tmp_path: Path) -> None:
    """It knew no slots: its index was plain JSON."""
    generation = written(tmp_path, ARTIFACTS)
    old = {"revision": "r1", "fragments": [], "maps": [], "files": [], "pem_files": {}, "certificates": []}
    (generation.path / INDEX).write_text(json.dumps(old, separators=(",", ":")))
    with pytest.raises(RecordError, match="000001 is damaged"):
        read_record(generation)
    assert settled(generation), "its configuration is as good as ever"


def test_files_that_may_be_newer_than_the_journal_are_an_error(tmp_path: Path) -> None:
    """A flush was cut off, and then the journal that it flushed was damaged: nothing leads to one state any more."""
    generation = written(tmp_path, ARTIFACTS)
    journal = Journal(generation.path / JOURNAL, 0, 0)
    journal.append({"revision": "r2"})
    coming = record(ARTIFACTS, DATA)[INDEX]
    (generation.path / NEXT).write_bytes(coming)
    assert load(generation).artifacts.revision == "r2", "it is no newer than the record"
    made = RecordWriter().files(ARTIFACTS, {"certs/a.pem": ""}, {}, 2)[INDEX]
    (generation.path / NEXT).write_bytes(made)
    with pytest.raises(RecordError, match="may say change 2"):
        load(generation)
