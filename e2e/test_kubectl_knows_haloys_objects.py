"""kubectl lists, explains and waits for haloy's objects as for Kubernetes' own."""

import re

import pytest

from e2e.cluster.waiting import until
from e2e.manifests import API_VERSION, backend, policy, route
from e2e.namespace import Namespace
from e2e.target import KubectlError, Target

pytestmark = pytest.mark.usefixtures("crds")


def test_get_haloy_lists_every_kind_in_every_namespace(control_plane: Target, namespace: Namespace) -> None:
    namespace.apply([route(hosts=["a.example"]), backend(), policy()])
    shown: list[str] = []

    def listed() -> str | None:
        # kubectl asks anew for the API's kinds only when what it remembers of them is old.
        try:
            shown[:] = control_plane.kubectl("get", "haloy", "--all-namespaces").splitlines()
        except KubectlError as error:
            return str(error)
        return None

    until(listed, within=15.0)
    own = [line.split()[1] for line in shown if line.startswith(namespace.name)]
    assert sorted(own) == ["backend.haloy.dev/shop", "healthpolicy.haloy.dev/shop", "route.haloy.dev/shop"]


@pytest.mark.parametrize(
    ("short", "columns"), [("hroute", "READY HOSTS BACKENDS"), ("hbackend", "READY"), ("hpolicy", "ACCEPTED")]
)
def test_short_names_show_the_columns(short: str, columns: str, namespace: Namespace) -> None:
    namespace.apply([route(), backend(), policy()])
    header = namespace.kubectl("get", short).splitlines()[0].split()
    assert header[0] == "NAME"
    assert set(columns.split()) <= set(header), header


def test_every_field_of_a_rule_is_explained(control_plane: Target) -> None:
    told = control_plane.kubectl("explain", "route.spec.rules", "--api-version", API_VERSION)
    assert re.search(r"^KIND: +Route$", told, re.MULTILINE)
    for field in ("backendRefs", "filters", "matches", "name", "retryable", "timeouts"):
        assert re.search(rf"^  {field}\t<.+>( -required-)?\n    \S", told, re.MULTILINE), field


def test_a_condition_can_be_waited_for(namespace: Namespace) -> None:
    namespace.apply([route()])
    ready = '{"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Programmed", "message": "", '
    ready += '"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}]}}'
    namespace.kubectl("patch", "hroute", "shop", "--subresource=status", "--type=merge", f"--patch={ready}")
    assert "condition met" in namespace.kubectl("wait", "--for=condition=Ready", "hroute/shop", "--timeout=10s")
    assert namespace.kubectl("get", "hroute", "shop", "--no-headers").split()[1] == "True"


def test_a_status_is_written_only_as_a_status(namespace: Namespace) -> None:
    namespace.apply([{**route(), "status": {"hosts": "made up"}}])
    found = namespace.get(API_VERSION, "Route", "shop")
    assert found is not None
    assert "hosts" not in found.get("status", {})
