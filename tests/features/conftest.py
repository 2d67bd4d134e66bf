"""A running product per test file, unless a test wants one of its own."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.features.echo import Echo, echo
from tests.features.product import Product


@pytest.fixture(scope="module")
def upstreams() -> Iterator[Callable[[str], Echo]]:
    """`upstreams("a")` is the running upstream of that name, the same for the whole file."""
    running: dict[str, Echo] = {}
    with ExitStack() as stack:

        def get(name: str) -> Echo:
            if name not in running:
                running[name] = stack.enter_context(echo(name))
            return running[name]

        yield get


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """For requests that are to be under way at once."""
    with ThreadPoolExecutor(32) as pool:
        yield pool


def _end(product: Product) -> None:
    if product.process is not None:
        product.process.kill()
        product.process.wait()
    for pid in product.haproxy_pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Product]:
    """Started with an empty directory; as a parameter: with these flags (`BOTH_WAYS`)."""
    flags: tuple[str, ...] = getattr(request, "param", ())
    running = Product(tmp_path_factory.mktemp("product"), *flags)
    try:
        running.start()
        yield running
    finally:
        _end(running)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[..., Product]]:
    """`fresh(*flags)` is a product of the test's own, not started yet."""
    made: list[Product] = []

    def make(*flags: str) -> Product:
        made.append(Product(tmp_path, *flags))
        return made[-1]

    yield make
    for product in made:
        _end(product)
