from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from haloy.model.refs import ObjectRef
from haloy.proxies.base import ReloadCause, ReloadReason, ReloadRecord
from haloy.proxies.haproxy.apply.reload_log import KEPT, ReloadLog

RECORD = ReloadRecord(
    datetime(2026, 1, 1, tzinfo=UTC),
    (
        ReloadReason(ReloadCause.START, None, "first start"),
        ReloadReason(ReloadCause.NEW_PROFILE, ObjectRef("Backend", "web", "shop"), "backend shop is new"),
    ),
    "000001",
    False,
    0.25,
    "unknown keyword",
)


def test_records_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "reloads.jsonl"
    other = replace(RECORD, success=True, alert="")
    ReloadLog(path).append(RECORD)
    ReloadLog(path).append(other)
    assert ReloadLog(path).read() == (RECORD, other)
    assert path.stat().st_mode & 0o077 == 0


def test_it_stays_bounded(tmp_path: Path) -> None:
    log = ReloadLog(tmp_path / "reloads.jsonl")
    for number in range(3 * KEPT):
        log.append(replace(RECORD, generation=str(number)))
    assert [record.generation for record in log.read()] == [str(number) for number in range(2 * KEPT, 3 * KEPT)]
    assert len((tmp_path / "reloads.jsonl").read_text().splitlines()) <= 2 * KEPT


def test_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "reloads.jsonl"
    ReloadLog(path).append(RECORD)
    with path.open("a") as file:
        file.write('{"at": "2026')
    assert ReloadLog(path).read() == (RECORD,)


def test_none_yet(tmp_path: Path) -> None:
    assert ReloadLog(tmp_path / "reloads.jsonl").read() == ()


def test_damaged_bytes_cost_their_line(tmp_path: Path) -> None:
    path = tmp_path / "reloads.jsonl"
    ReloadLog(path).append(RECORD)
    with path.open("ab") as file:
        file.write(b'{"at": "\xff\n')
    assert ReloadLog(path).remember(RECORD) == ""
    assert ReloadLog(path).read() == (RECORD, RECORD)
