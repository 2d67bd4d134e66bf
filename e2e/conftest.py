"""Fixtures of the end-to-end tests: `control_plane`, `cluster`, `namespace`. KUBECONFIG_E2E=PATH runs them on an existing cluster.

A test uses `control_plane` (no root) or `cluster` (with a node; root), and `namespace`, which is a fresh one on whichever it is. Where a
cluster is not possible its tests are skipped and say why; with CI=true they fail instead.
"""

import os
import shutil
import uuid
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e import images, quota
from e2e.cluster import ClusterError, NotPossibleHereError, build, running
from e2e.namespace import Namespace
from e2e.objects import Objects
from e2e.target import Target

_IN_CI = os.environ.get("CI") == "true"
_EXISTING = os.environ.get("KUBECONFIG_E2E")
_FIXTURES = ("cluster", "control_plane")
_TIMEOUT = 300.0


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A cluster that stores and validates objects; nothing runs in it."""
    with _target(tmp_path_factory.mktemp("control-plane"), node=False) as target:
        yield target


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A cluster with a node, whose pods run."""
    with _target(tmp_path_factory.mktemp("cluster"), node=True) as target:
        yield target


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A fresh one on the test's cluster; it is deleted afterwards, in the background."""
    target = _used(request)
    name = f"e2e-{uuid.uuid4().hex[:10]}"
    target.objects.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    yield Namespace(name, target)
    target.objects.delete("v1", "Namespace", name)


@pytest.fixture(scope="session")
def echo_image(cluster: Target) -> None:
    """The echo server's image is on the node."""
    if cluster.own is not None:
        cluster.load([images.build("echo")])


@pytest.fixture(scope="session")
def with_crds() -> set[Path]:
    """The clusters, by kubeconfig, that have haloy's CRDs."""
    return set()


@pytest.fixture
def crds(request: pytest.FixtureRequest, with_crds: set[Path]) -> None:
    """haloy's CRDs are on the test's cluster."""
    target = _used(request)
    if target.kubeconfig not in with_crds:
        target.install_crds()
        with_crds.add(target.kubeconfig)


def _used(request: pytest.FixtureRequest) -> Target:
    name = next((name for name in _FIXTURES if name in request.fixturenames), "control_plane")
    target: Target = request.getfixturevalue(name)
    return target


@contextmanager
def _target(folder: Path, *, node: bool) -> Iterator[Target]:
    if _EXISTING is not None:
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            pytest.fail("KUBECONFIG_E2E is set, but there is no kubectl on PATH")
        with _objects(Path(_EXISTING), folder, direct=False) as objects:
            yield Target(Path(_EXISTING), kubectl, objects, None)
        return
    with ExitStack() as stack:
        try:
            own = stack.enter_context(running(f"test-{uuid.uuid4().hex[:8]}", node=node))
        except NotPossibleHereError as reason:
            if _IN_CI:
                pytest.fail(f"in CI this may not be skipped: {reason}")
            pytest.skip(str(reason))
        objects = stack.enter_context(_objects(own.kubeconfig, folder))
        yield Target(own.kubeconfig, str(own.programs["kubectl"]), objects, own)


@contextmanager
def _objects(kubeconfig: Path, folder: Path, *, direct: bool = True) -> Iterator[Objects]:
    objects = Objects(kubeconfig, folder / "kinds.json", direct=direct)
    try:
        yield objects
    finally:
        objects.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _fixture_of(item) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TIMEOUT))


def pytest_collection_finish(session: pytest.Session) -> None:
    """The first build takes minutes: not within any test's time, and not in silence."""
    wanted = any(_fixture_of(item) for item in session.items)
    if not wanted or _EXISTING is not None or session.config.option.collectonly:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            build.programs()
        except NotPossibleHereError:
            return  # The fixtures say it for each test.
        except ClusterError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fixture = _fixture_of(item)
    if fixture and report.when == "call":
        report.user_properties.append(("cluster", fixture))
    if report.failed and report.when == "call":
        funcargs: dict[str, Any] = getattr(item, "funcargs", {})
        namespace = funcargs.get("namespace")
        if isinstance(namespace, Namespace):
            report.sections.append((f"namespace {namespace.name}", namespace.diagnosis()))
        for name in _FIXTURES:
            target = funcargs.get(name)
            if isinstance(target, Target) and target.own is not None:
                ended = [process for process in target.own.processes if not process.runs]
                report.sections.extend((f"{process.name} has ended", process.tail()) for process in ended)
    return report


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Counting(config), "e2e-counting")


class _Counting:
    """Counts in the process that collects the reports, also with several workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._passed: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for key, value in report.user_properties:
            if key == "cluster" and report.when == "call" and report.passed:
                self._passed[str(value)] = self._passed.get(str(value), 0) + 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._is_whole_run() and quota.shortfall(self._passed) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._is_whole_run():
            for sentence in quota.shortfall(self._passed):
                terminalreporter.write_line(f"too few tests ran: {sentence}", red=True)

    def _is_whole_run(self) -> bool:
        option = self._config.option
        chosen = (
            option.keyword or option.markexpr or getattr(option, "lf", False) or hasattr(self._config, "workerinput")
        )
        return _IN_CI and _EXISTING is None and not chosen and not option.collectonly and _names_all(self._config)


def _names_all(config: pytest.Config) -> bool:
    here = Path(__file__).parent
    return any(Path(config.invocation_params.dir, word).resolve() == here for word in config.args)


def _fixture_of(item: pytest.Item) -> str | None:
    """The cluster that a test uses."""
    names = getattr(item, "fixturenames", ())
    return next(
        (name for name in _FIXTURES if name in names), "control_plane" if {"namespace", "crds"} & set(names) else None
    )
