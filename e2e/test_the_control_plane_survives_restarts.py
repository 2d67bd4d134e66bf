"""etcd and the API server can be stopped, killed and paused in the middle; what was stored is there afterwards."""

from collections.abc import Callable

import pytest

from e2e.cluster.process import Process
from e2e.cluster.waiting import until
from e2e.manifests import API_VERSION, route
from e2e.namespace import Namespace
from e2e.objects import RejectedError, UnreachableError
from e2e.target import Target

pytestmark = pytest.mark.usefixtures("crds")

PARTS: dict[str, Callable[[Target], Process]] = {
    "etcd": lambda target: target.etcd,
    "the API server": lambda target: target.api_server,
}
BREAKING: dict[str, tuple[Callable[[Process], None], Callable[[Process], None]]] = {
    "stopped": (Process.stop, Process.start),
    "killed": (Process.kill, Process.start),
    "paused": (Process.pause, Process.resume),
}


def _reads(namespace: Namespace) -> str | None:
    """Past every cache: a read of the newest state goes to etcd."""
    try:
        found = namespace.objects.get(API_VERSION, "Route", "shop", namespace.name, within=1.0)
    except (RejectedError, UnreachableError) as error:
        return str(error)
    return None if found is not None else "the Route is not there"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", BREAKING)
def test_objects_are_there_afterwards(part: str, how: str, control_plane: Target, namespace: Namespace) -> None:
    process = PARTS[part](control_plane)
    break_it, mend_it = BREAKING[how]
    namespace.apply([route()])
    assert _reads(namespace) is None

    break_it(process)
    try:
        assert _reads(namespace) is not None
    finally:
        mend_it(process)

    until(lambda: _reads(namespace), within=30.0)
    namespace.apply([route(hosts=["a.example"])])
    assert control_plane.ours.etcd.runs
    assert [each.name for each in control_plane.ours.processes if not each.runs] == []
