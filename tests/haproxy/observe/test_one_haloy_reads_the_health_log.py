import socket
import stat
from pathlib import Path

import pytest

from haloy.proxies.haproxy.observe.health_log import HealthLog
from haloy.proxies.haproxy.process.run_files import RunDirectoryBusy


async def test_only_its_owner_may_write_to_it(tmp_path: Path) -> None:
    log = HealthLog(tmp_path / "health.sock")
    log.open()
    assert stat.S_IMODE((tmp_path / "health.sock").stat().st_mode) == 0o600
    log.close()
    assert not (tmp_path / "health.sock").exists()


async def test_a_second_haloy_leaves_it_to_the_first(tmp_path: Path) -> None:
    first, second = HealthLog(tmp_path / "health.sock"), HealthLog(tmp_path / "health.sock")
    first.open()
    with pytest.raises(RunDirectoryBusy):
        second.open()
    first.close()


async def test_what_a_killed_haloy_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "health.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(path))
    log = HealthLog(path)
    log.open()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as haproxy:
        haproxy.sendto(b"Server slot.0a.12/10.0.0.1:80 is DOWN, reason: ...", str(path))
        haproxy.sendto(b"backend slot.0a.13 has no server available!", str(path))
        haproxy.sendto(b"Health check for server slot.0a.14/s failed", str(path))
    await log.wait(None)
    assert log.take().sections == {"slot.0a.12", "slot.0a.13", "slot.0a.14"}
    assert not log.take().sections
    log.close()


async def test_a_socket_that_was_replaced_is_opened_anew_and_the_other_left_alone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "health.sock"
    log = HealthLog(path)
    log.open()
    path.unlink()
    log.reopen_if_lost()
    assert path.exists()
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as somebody:
        somebody.bind(str(path))
        log.close()
        assert path.exists()
