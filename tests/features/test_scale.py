"""A thousand Routes are served after one start and one reload, and one change among them costs what that change costs.

What a change writes: its line in the journal before it is live, the fragments of the slots it touches within a second; maps and
records not at all.
"""

import http.client
import re
import resource
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

import pytest

from bench.fleet import NAMED, Fleet, address, backend_file, host, route, route_file
from tests.features.product import Product, T, eventually
from tests.support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SIZE = 1_000
DESCRIPTORS = 20_000
LIMITED = "import os, resource as r, sys; r.setrlimit(r.RLIMIT_NOFILE, ({0}, {0})); os.execv(sys.argv[1], sys.argv[1:])"
WITHIN = 120.0
"""Seconds, for machines that are busy with other tests; `make bench` measures how long it takes."""
QUIET = 1.5
"""Seconds: longer than haloy puts off what it writes."""
JOURNAL = "record/journal"
ONE_FRAGMENT = r"30-slots-\S+\.cfg\n" + JOURNAL


class Limited(Product):
    """Runs with at most `DESCRIPTORS` files open."""

    warm = False

    def command(self) -> list[str]:
        return [sys.executable, "-c", LIMITED.format(DESCRIPTORS), *super().command()]


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    """The port at which every loopback address answers with its name."""
    port = free_port()
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-m", "bench.fleet", str(port)], stdin=subprocess.DEVNULL, cwd=root)
    yield port
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def fleet(upstream: int) -> Fleet:
    return Fleet(SIZE, upstream, interval="60s")


@pytest.fixture(scope="module")
def served(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The fleet with one object a file."""
    product = Product(tmp_path_factory.mktemp("scale"))
    fleet.write(product.directory, per_file=1)
    yield started(product)
    end(product)


def started(product: Product) -> Product:
    product.start(wait=False)
    eventually(lambda: product.view("/readyz"), lambda text: text == "ok\n", "ready", WITHIN)
    return product


def end(product: Product) -> None:
    if product.process is not None:
        assert product.stop() == 0, product.log_tail()


def answers(product: Product, numbers: range) -> list[int]:
    """The status of one request to each host, all on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", product.http, timeout=20)
    found = []
    for number in numbers:
        connection.request("GET", "/", headers={"Host": host(number)})
        response = connection.getresponse()
        response.read()
        found.append(response.status)
    connection.close()
    return found


def starts(product: Product) -> int:
    return product.log_file.read_text().count("HAProxy started")


def metric(product: Product, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{product.admin}/metrics", timeout=WITHIN) as answer:
        found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    assert found, name
    return float(found[1])


def commands(product: Product) -> float:
    return metric(product, "haloy_runtime_commands_total")


def files(product: Product) -> dict[str, tuple[int, int]]:
    """Inode and time of the last write of every file of the generation that runs."""
    current = (product.state / "haproxy" / "current").resolve()
    stats = {path.relative_to(current).as_posix(): path.stat() for path in current.rglob("*") if path.is_file()}
    return {f"{current.name}/{name}": (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def later(read: Callable[[Product], T], product: Product) -> T:
    sleep(QUIET)
    return read(product)


def costs(product: Product, path: Path, text: str, live: Callable[[], bool], written: str) -> None:
    """A change must go without a reload, with few commands, be in the journal once it is live, and soon have written the files
    that the expression `written` says, one a line, and no other."""
    eventually(lambda: files(product) == later(files, product), what="what came before is written")
    sent, reloads, before = commands(product), product.reload_count(), files(product)
    beside = path.with_name(f".{path.name}")
    beside.write_text(text)
    beside.rename(path)

    def others() -> str:
        after = files(product)
        assert before.keys() <= after.keys()
        return "\n".join(sorted(name.partition("/")[2] for name, stat in after.items() if before.get(name) != stat))

    eventually(live, what=f"{path.name} live")
    assert JOURNAL in others().splitlines()
    eventually(others, lambda found: re.fullmatch(written, found) is not None, "the files written")
    assert re.fullmatch(written, later(lambda _: others(), product))
    assert commands(product) - sent <= 30
    assert product.reload_count() == reloads


def test_a_directory_of_a_few_large_files_is_served_after_one_start_and_one_reload(
    fleet: Fleet, tmp_path: Path
) -> None:
    product = Product(tmp_path)
    fleet.write(product.directory, per_file=400)
    try:
        started(product)
        assert len(list(product.directory.iterdir())) == 6
        assert answers(product, range(SIZE)) == [200] * SIZE
        assert starts(product) == 1
        assert product.reload_count() <= 1
    finally:
        end(product)


def test_a_directory_of_one_object_a_file_is_served_after_one_start_and_one_reload(served: Product) -> None:
    assert answers(served, range(SIZE)) == [200] * SIZE
    assert starts(served) == 1
    assert served.reload_count() <= 1


def test_other_endpoints_of_one_backend_write_its_own_files(served: Product, fleet: Fleet) -> None:
    moved = {address(7, 2), address(7, 3)}
    path = backend_file(served.directory, 7)
    costs(served, path, fleet.backend(7, shift=1), lambda: served.get(host(7)).headers[NAMED] in moved, ONE_FRAGMENT)


def test_another_weight_writes_the_files_of_its_backend(served: Product, fleet: Fleet) -> None:
    path = backend_file(served.directory, 8)

    def only_the_second() -> bool:
        return {served.get(host(8)).headers[NAMED] for _ in range(6)} == {address(8, 1)}

    costs(served, path, fleet.backend(8, (0, 100)), only_the_second, ONE_FRAGMENT)


def test_a_new_host_writes_the_journal_only(served: Product) -> None:
    path = route_file(served.directory, SIZE)
    costs(served, path, route(SIZE, 9), lambda: served.get(host(SIZE)).status == 200, JOURNAL)


@pytest.mark.proof
def test_ten_thousand_backends_start_and_reload_at_twenty_thousand_descriptors(upstream: int, tmp_path: Path) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and most < DESCRIPTORS:
        pytest.skip(f"this machine allows only {most} descriptors")
    size = 10_000
    fleet = Fleet(size, upstream, interval="1h")
    product = Limited(tmp_path)
    fleet.write(product.directory, per_file=500)
    some = range(0, size, 50)
    try:
        started(product)
        assert answers(product, some) == [200] * len(some)
        assert product.reload_count() <= 1
        # (20,000 - 2,000) / 2: a worker that had reserved a descriptor for each check would be left with 100.
        assert metric(product, "haloy_proxy_max_connections") == 9_000

        reloads = product.reload_count()
        novel = "  connections: {connectTimeout: 4321ms}\n"
        product.write("new.yaml", f"{fleet.backend(size)}{novel}---\n{route(size)}")
        eventually(product.reload_count, lambda count: count == reloads + 1, "the reload", WITHIN)
        eventually(lambda: product.get(host(size)).status, lambda status: status == 200, "the new Backend", WITHIN)

        assert answers(product, some) == [200] * len(some)
        assert metric(product, "haloy_proxy_max_connections") == 9_000
        assert starts(product) == 1
    finally:
        end(product)
