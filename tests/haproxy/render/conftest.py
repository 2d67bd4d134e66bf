"""Fixtures for configurations that really run."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from haloy.model.model import Model
from haloy.proxies.haproxy.render.render import render
from tests.haproxy.render.ways import PROGRAMS, with_programs_only
from tests.support.running_haproxy import Running, options, running_haproxy

Serve = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def serve(haproxy_binary: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Serve:
    """`async with serve(model)`: the rendered model on a real HAProxy; as a parameter (`BOTH_WAYS`): how."""
    way: bool | str = getattr(request, "param", True)

    @asynccontextmanager
    async def running(
        model: Model,
        pem: Mapping[str, bytes] | None = None,
        environment: Mapping[str, str] | None = None,
        **changes: object,
    ) -> AsyncIterator[Running]:
        artifacts = render(model, options(tmp_path, **{"lua": bool(way), **changes}))
        artifacts = with_programs_only(artifacts) if way == PROGRAMS else artifacts
        async with running_haproxy(haproxy_binary, tmp_path, artifacts, pem=pem, environment=environment) as one:
            yield one

    return running
