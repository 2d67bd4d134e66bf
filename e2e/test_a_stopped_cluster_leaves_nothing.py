"""No process, mount, namespace, interface, route, firewall rule, cgroup or file stays, and the machine's settings are as before."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

from e2e import images, left
from e2e.cluster import Cluster, attached, place, run, running
from e2e.cluster.waiting import until
from e2e.namespace import Namespace
from e2e.objects import Objects, lacks
from e2e.target import Target
from e2e.workloads import echo


def _name() -> str:
    return f"gone-{uuid.uuid4().hex[:8]}"


def test_a_control_plane(control_plane: Target) -> None:
    assert control_plane.ours.etcd.runs
    with running(_name()) as cluster:
        before = left.traces(cluster)
        assert {"etcd", "kube-apiserver", "kube-controller-manager"} <= before.processes.keys()
        assert len(before.left()) > 3, "the check sees what is there"
    assert before.left() == []


def test_a_node_with_pods(cluster: Target, tmp_path: Path) -> None:
    assert cluster.ours.etcd.runs
    rules, settings = left.rules(), left.settings()
    with running(_name(), node=True) as own:
        _run_a_pod(own, tmp_path)
        before = left.traces(own)
        found = before.left()
        for word in ("process kubelet", "namespace net:", "namespace pid:", "interface", "route", "cgroup", "folder"):
            assert any(word in sentence for sentence in found), (word, found)
        assert left.settings() == settings
        assert left.rules() == rules
    assert before.left() == []
    assert left.settings() == settings
    assert left.rules() == rules


def test_a_component_that_was_killed_before_changes_nothing_about_that(control_plane: Target) -> None:
    assert control_plane.ours.etcd.runs
    with running(_name()) as cluster:
        before = left.traces(cluster)
        cluster.etcd.kill()
        cluster.api_server.pause()
    assert before.left() == []


def test_what_a_killed_test_run_left_is_cleared_by_the_next_start(control_plane: Target) -> None:
    assert control_plane.ours.etcd.runs
    name = _name()
    code = (
        "import signal; from e2e.cluster import pids, start\n"
        f"start({name!r}, owner=pids.own()); print('ready', flush=True); signal.pause()"
    )
    root = Path(__file__).resolve().parent.parent
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        orphan = left.traces(attached(name))
        os.kill(owner.pid, signal.SIGKILL)
    assert name in {each.name for each in place.orphans()}
    assert control_plane.ours.name not in {each.name for each in place.orphans()}
    run.clear_orphans(lambda _: None)
    until(lambda: "; ".join(orphan.left()) or None, within=20.0)


def _run_a_pod(own: Cluster, folder: Path) -> None:
    assert own.node is not None
    own.node.load(images.build("echo"))
    objects = Objects(own.kubeconfig, folder / "kinds.json")
    target = Target(own.kubeconfig, str(own.programs["kubectl"]), objects, own)
    Namespace("default", target).apply(echo("shop", version="v1"))
    Namespace("default", target).wait("apps/v1", "Deployment", "shop", lambda found: lacks(found, "Available"))
    objects.close()
