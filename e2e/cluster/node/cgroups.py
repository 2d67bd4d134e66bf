"""A cgroup of the cluster's own in every hierarchy: kubelet puts all pods below it, and it goes with the cluster."""

from pathlib import Path

from e2e.cluster.waiting import until

_WITHIN = 30.0
_WANTED = ("cpu", "cpuset", "io", "memory", "pids")


def create(name: str) -> None:
    """Version 1, version 2, and both beside each other."""
    for root, version in _hierarchies():
        if version == 2:
            _enable_controllers(root)
        own = root / name
        own.mkdir(exist_ok=True)
        if version == 2:
            _enable_controllers(own)
        for file in ("cpuset.cpus", "cpuset.mems"):
            # Version 1 starts with none of either, and nothing can run there.
            if version == 1 and (own / file).exists():
                (own / file).write_text((root / file).read_text())


def remove(name: str) -> None:
    """With everything below; waits for its last processes to be gone. Raises WaitedTooLongError."""
    for root, _ in _hierarchies():
        until(lambda top=root / name: _removed(top), within=_WITHIN)  # type: ignore[misc]


def _removed(top: Path) -> str | None:
    if not top.exists():
        return None
    below = [path for path in top.rglob("*") if path.is_dir()]
    for folder in (*sorted(below, key=lambda path: len(path.parts), reverse=True), top):
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{folder}: {error}"
    return None


def _enable_controllers(folder: Path) -> None:
    there = (folder / "cgroup.controllers").read_text().split()
    wanted = [f"+{name}" for name in there if name in _WANTED]
    if wanted:
        (folder / "cgroup.subtree_control").write_text(" ".join(wanted))


def _hierarchies() -> list[tuple[Path, int]]:
    """The mount points and the version of each."""
    fields = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    versions = {"cgroup": 1, "cgroup2": 2}
    return [(Path(point), versions[kind]) for _, point, kind, *_ in fields if kind in versions]
