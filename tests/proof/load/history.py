"""What was right when: the judge of every answer under load.

While a change is under way the old and the new answer are right, each as a whole; from the moment at which the new one was seen, a
request that is sent afterwards must get it. One exception: a connection that was opened before may get one last old answer, from the
HAProxy process that a reload replaced; that process closes the connection with it.
"""

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.proof.load.versions import Ask, Seen, Version, right


@dataclass(slots=True)
class Entry:
    """`until`: when the version after it had been seen; monotonic seconds."""

    version: Version
    since: float
    until: float = float("inf")


@dataclass(slots=True)
class Certificate:
    """As an Entry, for the one certificate that is renewed again and again."""

    fingerprint: str
    since: float
    until: float = float("inf")


@dataclass(slots=True)
class History:
    """Every version of every Route, by host. `failures`: one sentence each."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    """How many answers were judged, by protocol."""
    certificates: list[Certificate] = field(default_factory=list)

    def now(self, version: Version) -> Version:
        """The version of that name that is current."""
        return self.entries[version.host][-1].version

    def begin(self, version: Version) -> None:
        """It is about to be saved."""
        self.entries.setdefault(version.host, []).append(Entry(version, time.monotonic()))

    def seen(self, version: Version) -> None:
        """It was seen: the one before is over."""
        held = self.entries[version.host]
        if len(held) > 1:
            held[-2].until = time.monotonic()

    def judge(self, protocol: str, ask: Ask, seen: Seen, sent: float, opened: float, closing: bool) -> None:
        """`sent`: when the request went out, `opened`: when its connection did; `closing`: it ends with this answer."""
        now = time.monotonic()
        self.answers[protocol] += 1
        earliest = opened if closing else sent
        held = self.entries[ask.host]
        if not any(
            right(entry.version, ask).holds(seen) for entry in held if entry.since <= now and entry.until >= earliest
        ):
            wanted = [right(entry.version, ask) for entry in held[-2:]]
            late = f"{now - held[-1].since:.3f} s after the last change began"
            self.failures.append(f"{protocol} {ask}: {seen}, {late}; right would be {wanted}")

    def begin_certificate(self, fingerprint: str) -> None:
        self.certificates.append(Certificate(fingerprint, time.monotonic()))

    def seen_certificate(self) -> None:
        if len(self.certificates) > 1:
            self.certificates[-2].until = time.monotonic()

    def judge_certificate(self, protocol: str, fingerprint: str, began: float) -> None:
        """`began`: when the connection was begun."""
        now = time.monotonic()
        if not any(
            one.fingerprint == fingerprint and one.since <= now and one.until >= began for one in self.certificates
        ):
            self.failures.append(f"{protocol}: the certificate {fingerprint} is not that of this moment")

    def fail(self, protocol: str, ask: Ask | None, words: str) -> None:
        """A request without an answer, or another protocol's complaint."""
        self.failures.append(f"{protocol} {ask or ''}: {words}")
