"""What TLS needs stays served while what should replace it is bad, over restarts too.

Kept below `<state>/certificates/`, mode 0600: `NAMESPACE/SECRET.pem` (chain, then key), `NAMESPACE/SECRET.ca` (CA certificates).
"""

import logging
import os
from collections.abc import Mapping
from operator import is_
from pathlib import Path

from haloy.model.model import Delivery
from haloy.model.secret import SecretBytes
from haloy.translate import (
    RetainedBundle,
    RetainedCertificate,
    read_retained,
    read_retained_bundle,
    retained_bundles,
    retained_certificates,
)

log = logging.getLogger(__name__)

CERTIFICATE, BUNDLE = ".pem", ".ca"


class Retained:
    """The certificates and CA bundles of the last Model that was live, by name (`namespace/secret`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[Path, str] = {}
        self._kept: tuple[object, object] = (None, None)
        self.certificates: Mapping[str, RetainedCertificate] = {}
        self.bundles: Mapping[str, RetainedBundle] = {}

    def load(self) -> None:
        """Read what an earlier run left. A file that is damaged is left out with a warning."""
        certificates: dict[str, RetainedCertificate] = {}
        bundles: dict[str, RetainedBundle] = {}
        for path in sorted(self._folder.glob("*/*")):
            name = f"{path.parent.name}/{path.stem}"
            try:
                pem = SecretBytes(path.read_bytes())
                match path.suffix:
                    case ".pem":
                        certificates[name] = read_retained(name, pem)
                        self._written[path] = certificates[name].material.digest
                    case ".ca":
                        bundles[name] = read_retained_bundle(name, pem)
                        self._written[path] = bundles[name].material.digest
                    case _:
                        path.unlink()
            except (OSError, ValueError) as error:
                log.warning("%s, kept from an earlier run, is not used: %s", path, error)
        self.certificates, self.bundles = certificates, bundles

    def keep(self, delivery: Delivery) -> None:
        """Take over what a Model uses that is live now; forget the rest."""
        kept = (delivery.model.certificates, delivery.model.bundles)
        if all(map(is_, kept, self._kept)):
            return
        self.certificates, self.bundles = retained_certificates(delivery), retained_bundles(delivery)
        wanted = {self._path(name, CERTIFICATE): item.material for name, item in self.certificates.items()}
        wanted |= {self._path(name, BUNDLE): item.material for name, item in self.bundles.items()}
        for path, material in wanted.items():
            if self._written.get(path) != material.digest:
                _write(path, material.pem)
        for path in self._written.keys() - wanted.keys():
            path.unlink(missing_ok=True)
        self._written = {path: material.digest for path, material in wanted.items()}
        self._kept = kept

    def _path(self, name: str, suffix: str) -> Path:
        namespace, _, secret = name.partition("/")
        return self._folder / namespace / f"{secret}{suffix}"


def _write(path: Path, pem: SecretBytes) -> None:
    """Replace a file at once and for good: temporary file, fsync, rename."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.unfinished")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem.reveal())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
