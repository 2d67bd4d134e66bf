"""HAProxy's complaints, traced back to the objects and fields that caused them."""

import re
from collections.abc import Iterable, Mapping

from haloy.model.model import Model
from haloy.model.refs import FieldRef
from haloy.proxies.base import Refusal
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.artifacts import Artifacts, Line
from haloy.proxies.haproxy.plan.running import CRT_LIST, sections
from haloy.proxies.haproxy.process.alerts import Alert, Severity

_SECTION = re.compile(r"(?:backend|frontend|proxy|Proxy) '([^']+)'|server '([^'/]+)/[^']+'|[Ss]erver ([^ /']+)/\S+")
_PEM = re.compile(r"\b(?:certs|ca)/[A-Za-z0-9_.-]+\.pem")


class Culprits:
    """What a complaint is about -> the field of the object to blame. `lines`: `source_map` of the configuration."""

    def __init__(self, artifacts: Artifacts, lines: Iterable[Line], model: Model) -> None:
        self._sections = sections(artifacts)
        self._lines = {(line.filename, line.number): line.source for line in lines}
        self._pem = _sources(model)
        self._certificates = artifacts.certificates

    def source(self, alert: Alert) -> FieldRef | None:
        """The field to blame, None if no object of the users' is."""
        return self._of_pem(alert.text) or self._of_place(alert) or self._of_section(alert.text)

    def _of_pem(self, text: str) -> FieldRef | None:
        return next((self._pem[name] for name in _PEM.findall(text) if name in self._pem), None)

    def _of_place(self, alert: Alert) -> FieldRef | None:
        if alert.file is None or alert.line is None:
            return None
        if str(alert.file).endswith(CRT_LIST):
            line = self._certificates[alert.line - 1 : alert.line]
            return self._pem.get(line[0].path) if line else None
        return self._lines.get((alert.file.name, alert.line))

    def _of_section(self, text: str) -> FieldRef | None:
        for match in _SECTION.finditer(text):
            section = self._sections.get(next(group for group in match.groups() if group is not None))
            if section is not None and section.source is not None:
                return FieldRef(section.source)
        return None


def refusals(alerts: Iterable[Alert], culprits: Culprits) -> tuple[Refusal, ...]:
    """One Refusal per alert that names a culprit. Alerts that name none are told when nobody else can be blamed.

    Never empty: a refusal without a word is one, too.
    """
    serious = [alert for alert in alerts if alert.severity is Severity.ALERT]
    found = [Refusal(culprits.source(alert), alert.text) for alert in serious]
    traced = tuple(refusal for refusal in found if refusal.source is not None)
    return traced or tuple(found) or (Refusal(None, "HAProxy refused the configuration without saying why"),)


def missing_materials(wanted: Artifacts, known: Mapping[str, bytes], model: Model) -> tuple[Refusal, ...]:
    """A Refusal for each certificate or bundle whose PEM was not delivered. `known`: PEM by digest."""
    missing = [path for path, digest in wanted.pem_files.items() if digest not in known]
    sources = _sources(model) if missing else {}
    return tuple(Refusal(sources.get(path), f"the content of {path} was not delivered") for path in missing)


def _sources(model: Model) -> dict[str, FieldRef]:
    """By PEM file, what it was made from."""
    return {
        **{names.certificate_file(one.name): FieldRef(one.source) for one in model.certificates},
        **{names.bundle_file(one.name, one.digest): FieldRef(one.source) for one in model.bundles},
    }
