"""What runs on the node, and its way into the cluster."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from e2e import images
from e2e.cluster.build import Programs, aloud
from e2e.cluster.certificates import Authority
from e2e.cluster.control_plane import ControlPlane
from e2e.cluster.errors import ClusterError
from e2e.cluster.node import files, init, needs
from e2e.cluster.node.machine import Machine
from e2e.cluster.place import Place
from e2e.cluster.probe import http_ready, json_from
from e2e.cluster.process import Process

_DNS_USER = "haloy-e2e-dns"


class Node:
    """Call `isolate`, then start the control plane (it listens on the link to the node), then `start`."""

    def __init__(self, place: Place, programs: Programs, control_plane: ControlPlane) -> None:
        self.place = place
        self.machine = Machine(place, programs)
        self._programs = programs
        self._control_plane = control_plane
        self.containerd = self._process(
            "containerd", ["containerd", "--config", self._inside("containerd.toml")], self._serves
        )
        self.kubelet = self._process("kubelet", self._kubelet_words(), self._is_ready)
        self.kube_proxy = self._process(
            "kube-proxy",
            [str(init.PROGRAMS / "kube-proxy"), f"--config={self._inside('kube-proxy.yaml')}"],
            http_ready(str(place.node_address), files.PROXY_PORT, "/healthz"),
        )
        self.coredns = self._process(
            "coredns",
            [self._inside("coredns"), "-conf", self._inside("Corefile")],
            http_ready(str(place.node_address), files.READY_PORT, "/ready"),
        )

    @property
    def processes(self) -> tuple[Process, ...]:
        """In the order of their start; the first one is the machine itself."""
        return (self.machine.init, self.containerd, self.kubelet, self.kube_proxy, self.coredns)

    @staticmethod
    def check_possible() -> None:
        """Raises NotPossibleHereError, with what is missing. In CI missing packages are installed."""
        needs.require(aloud)

    def isolate(self) -> None:
        """Makes the machine, with nothing on it yet."""
        self.machine.create()

    def start(self, authority: Authority) -> None:
        """Until the Node is Ready and names resolve. Raises ComponentFailedError, which names the component."""
        self._write_files(authority)
        self.containerd.start()
        self.load(images.build("pause"))
        rest = (self.kubelet, self.kube_proxy, self.coredns)
        for process in rest:
            process.launch()
        self._apply(files.dns_objects(self.place, user=_DNS_USER))
        for process in rest:
            process.wait()

    def load(self, image: Path) -> None:
        """Makes an OCI tar's images known to the node: pods name them, with `imagePullPolicy: Never`."""
        with image.open("rb") as content:
            self.machine.run("ctr", "--namespace", "k8s.io", "images", "import", "-", stdin=content)

    def remove(self) -> None:
        """Everything on it ends at once, and it with them."""
        self.machine.remove()
        for process in self.processes:
            process.kill()

    def _write_files(self, authority: Authority) -> None:
        place, folder = self.place, self.machine.folder
        serving = authority.sign("kubelet", "kubelet", hosts=[place.node_name, place.node_address])
        users = {
            "kubelet": self._control_plane.user(authority, "kubelet", f"system:node:{place.node_name}", "system:nodes"),
            "proxy": self._control_plane.user(authority, "proxy", "system:kube-proxy"),
            "dns": self._control_plane.user(authority, "dns", _DNS_USER),
        }
        for file in (authority.file, serving.certificate, serving.key, *users.values(), self._programs.coredns):
            shutil.copy2(file, folder / file.name)
        (folder / "cni").mkdir()
        texts = {
            "containerd.toml": files.containerd(
                sandbox_image=images.reference("pause"), snapshotter=_snapshotter(folder)
            ),
            "cni/10-haloy.conflist": files.pod_network(place),
            "kubelet.yaml": files.kubelet(place, authority=authority.file, serving=serving),
            "kube-proxy.yaml": files.proxy(place, user=users["proxy"]),
            "Corefile": files.dns(place, user=users["dns"]),
        }
        for name, text in texts.items():
            (folder / name).write_text(text)

    def _kubelet_words(self) -> list[str]:
        flags = {
            "config": self._inside("kubelet.yaml"),
            "kubeconfig": self._inside("kubelet.kubeconfig"),
            "hostname-override": self.place.node_name,
            "node-ip": self.place.node_address,
        }
        return [str(init.PROGRAMS / "kubelet"), *(f"--{name}={value}" for name, value in flags.items())]

    def _process(self, name: str, words: list[str], ready: Callable[[], str | None]) -> Process:
        return Process(name, self.place.folder, words, ready=ready, prefix=self.machine.entering)

    def _inside(self, name: str) -> str:
        return str(init.FOLDER / name)

    def _serves(self) -> str | None:
        try:
            self.machine.run("ctr", "version", within=5.0)
        except ClusterError as error:
            return str(error)
        return None

    def _is_ready(self) -> str | None:
        path = f"/api/v1/nodes/{self.place.node_name}"
        try:
            node = json_from(self._control_plane.admin_access, path)
        except ClusterError as error:
            return str(error)
        conditions = {each["type"]: each for each in node["status"].get("conditions", [])}
        ready = conditions.get("Ready")
        if ready is None:
            return "the Node has no condition Ready yet"
        return None if ready["status"] == "True" else f"the Node is not Ready: {ready['message']}"

    def _apply(self, text: str) -> None:
        plane = self._control_plane
        options = (f"--kubeconfig={plane.admin}", f"--cache-dir={plane.folder / 'kubectl'}")
        words = [str(self._programs["kubectl"]), *options, "apply", "--server-side", "-f", "-"]
        environment = {"HOME": str(plane.folder)}  # No proxy of the environment's, either.
        done = subprocess.run(
            words, input=text, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode != 0:
            raise ClusterError(f"the objects of the cluster's DNS were refused: {done.stderr.strip()}")


def _snapshotter(folder: Path) -> str:
    """overlayfs cannot stand on overlayfs, which is what a container gives CI; then every image is copied."""
    told = subprocess.run(
        ["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=True, timeout=10
    )
    return "native" if told.stdout.strip() == "overlayfs" else "overlayfs"
