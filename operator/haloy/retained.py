"""Certificates that were served stay served while what should replace them is bad, over restarts too.

Kept below `<state>/certificates/`, one PEM file (chain, then key; mode 0600) a certificate, `NAMESPACE/SECRET.pem`.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from haloy.model.model import Delivery
from haloy.model.secret import SecretBytes
from haloy.translate import RetainedCertificate, read_retained

log = logging.getLogger(__name__)


class RetainedCertificates:
    """The certificates of the last Model that was live, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._certificates: dict[str, RetainedCertificate] = {}

    @property
    def certificates(self) -> Mapping[str, RetainedCertificate]:
        return self._certificates

    def load(self) -> None:
        """Read what an earlier run left. A file that is damaged is left out with a warning."""
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob("*/*.pem")):
            name = f"{path.parent.name}/{path.stem}"
            try:
                self._certificates[name] = read_retained(name, SecretBytes(path.read_bytes()))
            except (OSError, ValueError) as error:
                log.warning("%s: the certificate kept from an earlier run is not used: %s", path, error)

    def keep(self, delivery: Delivery) -> None:
        """Take over the certificates of a Model that is live now; forget those it does not have."""
        wanted = {
            certificate.name: RetainedCertificate(certificate, delivery.materials[certificate.digest])
            for certificate in delivery.model.certificates
        }
        for name, retained in wanted.items():
            before = self._certificates.get(name)
            if before is None or before.certificate.digest != retained.certificate.digest:
                self._write(name, retained.material.pem)
        for name in self._certificates.keys() - wanted.keys():
            self._path(name).unlink(missing_ok=True)
        self._certificates = wanted

    def _path(self, name: str) -> Path:
        namespace, _, secret = name.partition("/")
        return self._folder / namespace / f"{secret}.pem"

    def _write(self, name: str, pem: SecretBytes) -> None:
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem.reveal())
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
