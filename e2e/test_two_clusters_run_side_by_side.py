"""Clusters have nothing in common: names, ports, folders, address ranges, objects."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import Cluster, ClusterError, attached, running
from e2e.cluster import start as start_cluster
from e2e.objects import Objects
from e2e.target import Target


@pytest.fixture
def second() -> Iterator[Cluster]:
    with running(f"second-{uuid.uuid4().hex[:8]}") as cluster:
        yield cluster


def test_what_is_in_one_is_not_in_the_other(control_plane: Target, second: Cluster, tmp_path: Path) -> None:
    first = control_plane.ours
    name = f"only-{uuid.uuid4().hex[:8]}"
    control_plane.objects.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    there = Objects(second.kubeconfig, tmp_path / "kinds.json")
    assert control_plane.objects.get("v1", "Namespace", name) is not None
    assert there.get("v1", "Namespace", name) is None
    there.close()
    assert not first.place.services.overlaps(second.place.services)
    control_plane.objects.delete("v1", "Namespace", name)


def test_stopping_one_leaves_the_other(control_plane: Target) -> None:
    assert control_plane.ours.etcd.runs
    with running(f"brief-{uuid.uuid4().hex[:8]}") as brief:
        folder = brief.place.folder
        assert folder.is_dir()
    assert not folder.exists()
    assert control_plane.kubectl("get", "--raw", "/readyz") == "ok"


def test_a_name_is_taken_once(second: Cluster) -> None:
    with pytest.raises(ClusterError, match=f"there is a cluster '{second.name}' already"):
        start_cluster(second.name)


def test_another_process_finds_it_by_name(second: Cluster) -> None:
    found = attached(second.name)
    assert found.kubeconfig == second.kubeconfig
    assert found.etcd.id == second.etcd.id
    with pytest.raises(ClusterError, match=r"there is no cluster 'nobody'; there are: .*second-"):
        attached("nobody")


@pytest.mark.parametrize("name", ["", "Shop", "a/b", "../up", "-a", "a" * 33])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(ClusterError, match="is no name for a cluster"):
        start_cluster(name)
