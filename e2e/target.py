"""The cluster that tests run on: one of our own, or an existing one that `KUBECONFIG_E2E` names."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from e2e.cluster import Cluster
from e2e.cluster.process import Process
from e2e.cluster.waiting import until
from e2e.objects import Objects, lacks

ROOT = Path(__file__).resolve().parent.parent
_WITHIN = 60.0


class KubectlError(Exception):
    """kubectl ended with another code than 0; the message is its standard error."""


@dataclass(frozen=True, slots=True)
class Target:
    """`own` is None for an existing cluster, whose components no test may disturb."""

    kubeconfig: Path
    kubectl_program: str
    objects: Objects
    own: Cluster | None

    @property
    def kubectl_cache(self) -> Path:
        """What kubectl remembers of the API's kinds, apart from the user's own."""
        return self.objects.cache.parent / "kubectl"

    @property
    def ours(self) -> Cluster:
        """The cluster as what we may stop, start and look into. Skips the test on an existing one."""
        if self.own is None:
            pytest.skip("this test is about a cluster of our own, and that of KUBECONFIG_E2E is not ours to disturb")
        return self.own

    @property
    def api_server(self) -> Process:
        """Skips the test on an existing cluster."""
        return self.ours.api_server

    @property
    def etcd(self) -> Process:
        """Skips the test on an existing cluster."""
        return self.ours.etcd

    def kubectl(self, *words: str, stdin: IO[bytes] | None = None, within: float = _WITHIN) -> str:
        """Standard output. Raises KubectlError."""
        command = [self.kubectl_program, f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.kubectl_cache}", *words]
        # A proxy of the environment's knows no way to a cluster on this machine.
        environment = {**os.environ, **({"NO_PROXY": "*"} if self.own is not None else {})}
        done = subprocess.run(
            command,
            env=environment,
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=within,
        )
        if done.returncode != 0:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def load(self, images: Sequence[Path]) -> None:
        """Makes OCI tars known to the node. On an existing cluster somebody has loaded them already."""
        if self.own is None:
            return
        assert self.own.node is not None, "a control plane alone runs no images"
        for image in images:
            self.own.node.load(image)

    def install_crds(self) -> None:
        """haloy's own, as in crds/; returns when the API server serves them."""
        texts = [path.read_text() for path in sorted((ROOT / "crds").glob("*.yaml"))]
        names = [each["metadata"]["name"] for text in texts for each in self.objects.apply(text)]

        def established() -> str | None:
            for name in names:
                found = self.objects.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name)
                if found is None or (reason := lacks(found, "Established")) is not None:
                    return f"{name} is not there" if found is None else reason
            return None

        until(established, within=30.0)
