"""`check` lets HAProxy itself judge a configuration."""

from pathlib import Path

from haloy.proxies.haproxy.process.alerts import Severity
from haloy.proxies.haproxy.process.process import CheckResult
from tests.support.ports import free_port
from tests.support.small_haproxy import answering, small_haproxy


async def test_a_good_configuration_passes_without_a_word(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        haproxy.write("r1", answering(free_port()))
        assert await haproxy.process.check(haproxy.conf) == CheckResult(ok=True, alerts=())


async def test_every_fault_has_its_line(haproxy_binary: Path, tmp_path: Path) -> None:
    faults = "frontend f\n    bogus\n    http-request set-header x %[foo]\n"
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        haproxy.write("r1", faults)
        result = await haproxy.process.check(haproxy.conf)
    assert not result.ok
    assert [(alert.severity, alert.line) for alert in result.alerts] == [
        (Severity.ALERT, 14),
        (Severity.ALERT, 15),
    ]
    assert {alert.file for alert in result.alerts} == {tmp_path / "conf" / "haproxy.cfg"}


async def test_warnings_are_told_although_it_passes(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        (haproxy.conf / "haproxy.cfg").write_text(f"frontend f\n    mode http\n    bind 127.0.0.1:{free_port()}\n")
        result = await haproxy.process.check(haproxy.conf)
    assert result.ok
    assert [alert.severity for alert in result.alerts] == [Severity.WARNING]
    assert "missing timeouts for frontend 'f'" in result.alerts[0].text


async def test_an_unmatched_quote_shows_where(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        haproxy.write("r1", 'frontend "f\n')
        result = await haproxy.process.check(haproxy.conf)
    assert result.alerts[0].line == 13
    assert result.alerts[0].text.splitlines()[0] == "unmatched quote at position 10:"
    assert result.alerts[0].text.splitlines()[1].strip() == 'frontend "f'


async def test_a_directory_that_does_not_exist_fails(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        result = await haproxy.process.check(tmp_path / "nowhere")
    assert not result.ok
    assert "No such file or directory" in result.alerts[0].text
