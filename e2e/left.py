"""What a cluster could leave on the machine, as sentences. Only what names that cluster is looked at: others may run beside it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import Cluster
from e2e.cluster.pids import ProcessId
from e2e.cluster.place import Place

_PROC = Path("/proc")
_KERNEL = (
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "vm/overcommit_memory",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_max",
)


@dataclass(frozen=True, slots=True)
class Traces:
    """Taken while the cluster runs; `left` is asked afterwards. `spaces` are the links of its namespaces: net:[4026532217]."""

    place: Place
    processes: dict[str, ProcessId]
    spaces: frozenset[str]

    def left(self) -> list[str]:
        """Nothing: none."""
        return [
            *(f"process {name} ({each.pid}) runs" for name, each in self.processes.items() if each.runs),
            *(f"a process is in namespace {space}: {words}" for space, words in _inhabitants(self.spaces)),
            *(f"a process names the folder: {words}" for words in _command_lines() if f"{self.place.folder}/" in words),
            *(f"mount: {line}" for line in _lines("/proc/self/mountinfo") if str(self.place.folder) in line),
            *(f"interface: {self.place.link}" for _ in _links() & {self.place.link}),
            *(f"route: {line}" for line in _routes() if self._is_own(line)),
            *(f"iptables: {line}" for line in rules() if self._is_own(line)),
            *(f"cgroup: {path}" for path in Path("/sys/fs/cgroup").glob(f"**/{self.place.cgroup}")),
            *(f"folder: {path}" for path in (self.place.folder,) if path.exists()),
        ]

    def _is_own(self, text: str) -> bool:
        shares = (self.place.link_network, self.place.pods, self.place.services)
        return any(str(network.network_address)[:-1] in text for network in shares)


def traces(cluster: Cluster) -> Traces:
    """Of a running cluster."""
    known = {process.name: process.id for process in cluster.processes}
    spaces: set[str] = set()
    if cluster.node is not None and cluster.node.machine.init.id is not None:
        pid = cluster.node.machine.init.id.pid
        spaces = {_space(pid, kind) for kind in ("mnt", "net", "pid")}
    return Traces(cluster.place, {name: each for name, each in known.items() if each is not None}, frozenset(spaces))


def settings() -> dict[str, str]:
    """Of the kernel: those that a kubelet or a kube-proxy would change for the whole machine."""
    files = {name: Path("/proc/sys") / name for name in _KERNEL}
    return {name: file.read_text().strip() for name, file in files.items() if file.exists()}


def rules() -> list[str]:
    """iptables' own form, without counters and comments; of this machine, not of a node."""
    done = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True, timeout=30)
    return [line.partition(" [")[0] for line in done.stdout.splitlines() if not line.startswith("#")]


def _inhabitants(spaces: frozenset[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for pid, words in _processes().items():
        found.extend((space, words) for space in {_space(pid, kind) for kind in ("mnt", "net", "pid")} & spaces)
    return found


def _space(pid: int, kind: str) -> str:
    try:
        return str((_PROC / str(pid) / "ns" / kind).readlink())
    except OSError:
        return ""


def _processes() -> dict[int, str]:
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            found[int(entry.name)] = words
    return found


def _command_lines() -> list[str]:
    return [words for words in _processes().values() if words]


def _links() -> set[str]:
    return {entry.name for entry in Path("/sys/class/net").iterdir()}


def _routes() -> list[str]:
    done = subprocess.run(
        ["ip", "route", "show", "table", "all"], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.splitlines()


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
