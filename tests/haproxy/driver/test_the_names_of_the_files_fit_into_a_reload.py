from dataclasses import replace
from pathlib import Path

from haloy.proxies.base import Failed
from haloy.proxies.haproxy.artifacts import Fragment
from haloy.proxies.haproxy.process.binary import inspect
from haloy.proxies.haproxy.process.file_names import LIMIT, length
from tests.haproxy.driver.small import backend, small
from tests.support.ports import free_port


def environment(pid: int) -> dict[str, int]:
    """Bytes by name of the variables of a process, the ends counted."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return {entry.partition(b"=")[0].decode(): len(entry) + 1 for entry in entries}


async def test_haproxy_takes_as_many_bytes_as_are_counted(haproxy_binary: Path, tmp_path: Path) -> None:
    """The master of newer ones (3.2 was tried) keeps the names to itself; they are bounded all the same."""
    later = (await inspect(haproxy_binary)).version >= (3, 1, 0)
    async with small(haproxy_binary, tmp_path, free_port()) as proxy:
        more = proxy.target(proxy.artifacts(backend("shop"), revision="r2"))
        await proxy.transactions.change(more)
        process = proxy.supervisor.process
        assert process is not None
        assert process.pid is not None
        names = [path.name for path in proxy.generations.link.glob("*.cfg")]
        expected = None if later else length(proxy.generations.link, names)
        assert environment(process.pid).get("HAPROXY_CFGFILES") == expected


async def test_too_many_are_refused_and_haproxy_is_left_alone(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small(haproxy_binary, tmp_path, free_port()) as proxy:
        process = proxy.supervisor.process
        assert process is not None
        before, present = process.pid, proxy.generations.current()
        artifacts = proxy.artifacts(revision="r2")
        many = [Fragment(f"40-{number:04}-{'x' * 200}.cfg", (backend(f"b{number}"),)) for number in range(LIMIT // 200)]
        outcome = await proxy.transactions.change(
            proxy.target(replace(artifacts, fragments=(*artifacts.fragments, *many)))
        )
        assert isinstance(outcome, Failed)
        assert outcome.step == "check"
        assert "could not reload any more" in outcome.refusals[0].message
        assert process.pid == before
        assert proxy.generations.current() == present
        assert proxy.generations.all() == (present,)
