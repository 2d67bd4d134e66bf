"""Small manifests for the command line's tests."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


def route(name: str, spec: str) -> str:
    return f"apiVersion: haloy.dev/v1alpha1\nkind: Route\nmetadata: {{name: {name}}}\nspec:\n{_indented(spec)}"


def backend(name: str, address: str = "127.0.0.1", more: str = "") -> str:
    spec = f"endpoints: [{{address: {address}, port: 9001}}]\n{more}"
    return f"apiVersion: haloy.dev/v1alpha1\nkind: Backend\nmetadata: {{name: {name}}}\nspec:\n{_indented(spec)}"


def write(path: Path, *documents: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("---\n".join(documents))
    return path


def certificate_files(folder: Path, hosts: Iterable[str], valid: timedelta = timedelta(days=90)) -> None:
    """tls.crt and tls.key for `hosts` in `folder`."""
    issued = trustme.CA().issue_cert(*hosts, not_after=datetime.now(UTC) + valid)
    (folder / "tls.key").write_bytes(issued.private_key_pem.bytes())
    (folder / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.strip("\n").splitlines())
