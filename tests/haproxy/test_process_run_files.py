"""The run directory is private, short enough for a socket, and knows its master."""

import os
import stat
from pathlib import Path

import pytest

from haloy.proxies.haproxy.process.process import RunDirectoryError, run_dir
from haloy.proxies.haproxy.process.run_files import read_pid_file, write_pid_file


def test_a_short_state_holds_its_run_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = Path("/tmp") / f"haloy-test-{os.getpid()}"
    assert run_dir(state) == state / "run"
    assert stat.S_IMODE((state / "run").stat().st_mode) == 0o700
    (state / "run").rmdir()
    state.rmdir()


def test_a_long_one_gets_a_private_directory_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = Path("/tmp") / f"haloy-x-{os.getpid()}"
    short.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    found = run_dir(tmp_path / ("long" * 30))
    assert found.parent == short
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    assert run_dir(tmp_path / ("long" * 30)) == found, "the same state has the same directory"
    assert run_dir(tmp_path / ("other" * 30)) != found
    for directory in short.iterdir():
        directory.rmdir()
    short.rmdir()


def test_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = Path("/tmp") / f"haloy-y-{os.getpid()}"
    short.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    found = run_dir(tmp_path / ("long" * 30))
    found.rmdir()
    found.symlink_to(tmp_path)
    with pytest.raises(RunDirectoryError, match="not a directory"):
        run_dir(tmp_path / ("long" * 30))
    found.unlink()
    short.rmdir()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a directory of somebody else's")
def test_somebody_elses_directory_is_not_used() -> None:
    state = Path("/tmp") / f"haloy-z-{os.getpid()}"
    (state / "run").mkdir(parents=True)
    os.chown(state / "run", 12345, 12345)
    with pytest.raises(RunDirectoryError, match="belongs to user 12345"):
        run_dir(state)
    (state / "run").rmdir()
    state.rmdir()


def test_a_pid_file_is_only_for_the_process_it_was_written_for(tmp_path: Path) -> None:
    path = tmp_path / "master.pid"
    assert read_pid_file(path) is None
    write_pid_file(path, os.getpid())
    assert read_pid_file(path) == os.getpid()
    pid, started = path.read_text().split()
    path.write_text(f"{pid} {int(started) + 1}\n")
    assert read_pid_file(path) is None
    path.write_text("garbage")
    assert read_pid_file(path) is None
