"""A kubeconfig with everything inside, so that it can be copied elsewhere."""

import base64
from pathlib import Path

import yaml

from e2e.cluster.certificates import Pair


def write(path: Path, *, server: str, authority: Path, client: Pair, cluster: str = "haloy-e2e") -> Path:
    """Of mode 0600: it holds a key."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": _data(authority)}}],
        "users": [
            {
                "name": cluster,
                "user": {
                    "client-certificate-data": _data(client.certificate),
                    "client-key-data": _data(client.key),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
