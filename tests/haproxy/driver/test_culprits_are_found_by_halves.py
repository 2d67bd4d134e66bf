from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloy.model.cluster import Endpoint
from haloy.model.model import Model
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import Target
from haloy.proxies.base import Refusal
from haloy.proxies.haproxy.apply.isolate import offenders, unacceptable
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render.frontends import DEFAULT_CERTIFICATE
from tests.haproxy.driver.models import cluster, delivery, fleet, host, local
from tests.haproxy.driver.pem import pem
from tests.haproxy.driver.small import Small
from tests.haproxy.driver.test_what_haproxy_refuses_names_the_culprit import broken_expression
from tests.support.ports import free_port


@given(st.sets(st.integers(0, 99), max_size=5))
async def test_each_of_them_and_nobody_else(bad: set[int]) -> None:
    async def fails(some: Sequence[int]) -> bool:
        return bool(bad & set(some))

    assert set(await offenders(range(100), fails)) == bad


FALLBACK = pem("fallback.example")


async def test_the_number_of_attempts_is_bounded() -> None:
    attempts = 0

    async def fails(some: Sequence[int]) -> bool:
        nonlocal attempts
        attempts += 1
        return True

    await offenders(range(1000), fails, most=20)
    assert attempts == 20


@pytest.fixture
def options(tmp_path: Path) -> HaproxyOptions:
    return HaproxyOptions(stats_socket=str(tmp_path / "sock"), server_state=str(tmp_path / "state"), access_log=False)


async def isolated(binary: Path, directory: Path, model: Model, options: HaproxyOptions) -> tuple[Refusal, ...]:
    """Who HAProxy says it is, asked about ever smaller parts."""
    check = Small(binary, directory, free_port()).supervisor.new_process().check
    pem = {options.fallback_certificate: FALLBACK, DEFAULT_CERTIFICATE: FALLBACK}
    found = await unacceptable(model, options, pem, check, directory / "isolating")
    assert not (directory / "isolating").exists()
    return found


async def test_a_section_that_haproxy_refuses(haproxy_binary: Path, tmp_path: Path, options: HaproxyOptions) -> None:
    clusters = [cluster(f"c{number}", [local(1)]) for number in range(9)]
    clusters[4] = replace(clusters[4], endpoints=(Endpoint("no address", 1),))
    (found,) = await isolated(haproxy_binary, tmp_path, delivery(fleet(80), (), clusters).model, options)
    assert found.source == FieldRef(ObjectRef("Backend", "web", "c4"))


async def test_a_line_of_the_frontends(haproxy_binary: Path, tmp_path: Path, options: HaproxyOptions) -> None:
    hosts = [host(f"h{number}.example", {"": (Target(None),)}) for number in range(9)]
    hosts[6] = broken_expression("h6.example")
    (found,) = await isolated(haproxy_binary, tmp_path, delivery(fleet(80), hosts).model, options)
    assert found.source == FieldRef(hosts[6].sources[0], "spec.rules[7].matches[0]")
    assert found.message


async def test_nobody_is_blamed_for_what_fails_without_them(
    haproxy_binary: Path, tmp_path: Path, options: HaproxyOptions
) -> None:
    bad = replace(options, stats_socket="no@such@address")
    model = delivery(fleet(80), [host("a.example", {"": (Target(None),)})]).model
    assert await isolated(haproxy_binary, tmp_path, model, bad) == ()
