"""A start that fails says which component it was and shows the end of its log, and leaves nothing."""

import stat
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.cluster import Cluster, ComponentFailedError, build, pids, place, run
from e2e.cluster.process import Process
from e2e.target import Target


def _programs_with(folder: Path, broken: str, script: str) -> build.Programs:
    """The real programs, but one, which is a shell script."""
    real = build.programs()
    for program in real.folder.iterdir():
        if program.name != broken:
            (folder / program.name).symlink_to(program)
    (folder / broken).write_text(f"#!/bin/sh\n{script}\n")
    (folder / broken).chmod(stat.S_IRWXU)
    return replace(real, folder=folder)


@pytest.mark.parametrize("broken", ["etcd", "kube-apiserver", "kube-controller-manager"])
def test_its_name_and_its_last_words_are_told(broken: str, tmp_path: Path) -> None:
    programs = _programs_with(tmp_path, broken, 'echo "first words"; echo "the disk is on fire" >&2; exit 3')
    where = place.claim(f"broken-{uuid.uuid4().hex[:8]}", node=False, owner=pids.own())
    cluster = Cluster(where, programs)
    with pytest.raises(ComponentFailedError) as failure:
        run.bring_up(cluster, say=lambda _: None)
    assert failure.value.component == broken
    assert str(failure.value).startswith(f"{broken} ended")
    assert "the disk is on fire" in str(failure.value)
    assert [process.name for process in cluster.processes if process.runs] == []
    assert not where.folder.exists()


@pytest.mark.parametrize("broken", ["kubelet", "kube-proxy"])
def test_so_are_those_of_the_node(broken: str, cluster: Target, tmp_path: Path) -> None:
    assert cluster.ours.etcd.runs
    programs = _programs_with(tmp_path, broken, 'echo "the cable is cut" >&2; exit 3')
    where = place.claim(f"broken-{uuid.uuid4().hex[:8]}", node=True, owner=pids.own())
    broken_one = Cluster(where, programs)
    with pytest.raises(ComponentFailedError, match="the cable is cut") as failure:
        run.bring_up(broken_one, say=lambda _: None)
    assert failure.value.component == broken
    assert [process.name for process in broken_one.processes if process.runs] == []
    assert not where.folder.exists()


def test_one_that_hangs_is_told_with_the_reason(tmp_path: Path) -> None:
    process = Process("sleeper", tmp_path, ["/bin/sleep", "60"], ready=lambda: "it sleeps", within=0.2)
    with pytest.raises(ComponentFailedError, match=r"sleeper is not ready after 0.2 s \(it sleeps\)"):
        process.start()
    process.kill()
    assert not process.runs


def test_one_that_does_not_exist_is_named(tmp_path: Path) -> None:
    process = Process("nothing", tmp_path, [str(tmp_path / "nothing")], ready=lambda: None)
    with pytest.raises(ComponentFailedError, match=r"nothing cannot be run: .*No such file"):
        process.start()
