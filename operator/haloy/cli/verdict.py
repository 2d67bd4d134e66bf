"""HAProxy's own opinion of a configuration, without running it."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from haloy.cli.configuration import Configuration, write
from haloy.model.refs import FieldRef
from haloy.proxies.haproxy.apply.diagnose import Culprits
from haloy.proxies.haproxy.process.alerts import Severity, parse_alerts
from haloy.proxies.haproxy.render.source_map import source_map

_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Complaint:
    """One of HAProxy's messages, and the field it is about (None: nobody's). `fatal`: HAProxy would not start."""

    source: FieldRef | None
    message: str
    fatal: bool


def verdict(binary: Path, configuration: Configuration) -> tuple[Complaint, ...]:
    """What `haproxy -c` says, in a temporary directory. Warnings count only where an object is to blame for them.

    Raises:
        OSError: the binary does not run, or nothing can be written.
        subprocess.TimeoutExpired: it did not come to an end.
    """
    with tempfile.TemporaryDirectory(prefix="haloy-check-") as folder:
        write(configuration, Path(folder))
        done = subprocess.run(
            [binary, "-c", "-f", folder],
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PATIENCE,
            check=False,
        )
    alerts = parse_alerts(done.stderr.decode("utf-8", "replace"))
    artifacts = configuration.artifacts
    culprits = Culprits(artifacts, source_map(configuration.files), configuration.model)
    found = [Complaint(culprits.source(alert), alert.text, alert.severity is Severity.ALERT) for alert in alerts]
    told = tuple(one for one in found if one.fatal or one.source is not None)
    if done.returncode and not any(one.fatal for one in told):
        return (*told, Complaint(None, f"HAProxy refuses it without a word (exit code {done.returncode})", fatal=True))
    return told
