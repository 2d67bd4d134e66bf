from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from haloy.model.refs import FieldRef, ObjectRef
from haloy.proxies.haproxy.apply.isolate import offenders, unacceptable
from tests.haproxy.driver.small import Small, backend, config_files
from tests.support.ports import free_port


@given(st.sets(st.integers(0, 99), max_size=5))
async def test_each_of_them_and_nobody_else(bad: set[int]) -> None:
    async def fails(some: Sequence[int]) -> bool:
        return bool(bad & set(some))

    assert set(await offenders(range(100), fails)) == bad


async def test_the_number_of_attempts_is_bounded() -> None:
    attempts = 0

    async def fails(some: Sequence[int]) -> bool:
        nonlocal attempts
        attempts += 1
        return True

    await offenders(range(1000), fails, most=20)
    assert attempts == 20


async def test_sections_that_haproxy_refuses(haproxy_binary: Path, tmp_path: Path) -> None:
    proxy = Small(haproxy_binary, tmp_path, free_port())
    clusters = [backend(f"c{number}") for number in range(9)]
    clusters[4] = replace(clusters[4], text="backend c4\n    balance nonsense\n")
    check = proxy.supervisor.new_process().check
    found = await unacceptable(proxy.artifacts(*clusters), {}, config_files, check, tmp_path / "isolating")
    assert [refusal.source for refusal in found] == [FieldRef(ObjectRef("Backend", "web", "c4"))]
    assert found[0].message.startswith("balance only supports")
    assert not (tmp_path / "isolating").exists()
