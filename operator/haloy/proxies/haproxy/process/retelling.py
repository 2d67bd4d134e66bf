"""HAProxy's messages on its standard error, in words that a user knows, and how loud each should be."""

import logging
import re

from haloy.proxies.haproxy.process.alerts import Alert, Severity
from haloy.proxies.haproxy.true_names import TrueNames

_ROUTINE = re.compile(
    r"^(Proxy \S+ stopped \(cumulated|Former worker \(\d+\) exited with code 0|(?:Backup )?Server \S+/\S+ is |(?:Backup )?Server \S+/\S+ "
    r"(remains|administratively|was )|Health check for server \S+ |"
    r"\S+/\S+ changed its |Exiting Master process|All workers exited|Reexecuting Master|Reloading HAProxy|"
    r"Current worker \(\d+\) exited with code (0|143)\b)"
)
"""What belongs to every reload and stop, and the health of servers, which is observed and reported anyway."""

_DESCRIPTORS = re.compile(r"(Cannot raise FD limit to|FD limit \(\d+\) too low)")
"""The sum assumes a check of every server at the same moment; it is worth knowing, not worth an alarm."""

_CANNOT_BIND = re.compile(r"cannot bind socket \((?P<why>[^()]+)\) for \[(?P<address>[^\[\]/]+:\d+)\]")
_AFTER_A_FAILURE = re.compile(
    r"(Some protocols failed to start their listeners|^exit-on-failure: |^(?:Paused|Resumed) \S+ \S+[.])"
)
"""What a failed start or reload says beside its cause, which is told by another message."""

_NOBODY_LISTENS = re.compile(r"^sendmsg\(\)/writev\(\) failed in logger #\d+: .* \(errno=(?:2|111)\)$")
"""The health log's socket was away (ENOENT, ECONNREFUSED): the level is read regularly anyway. The access log is a file or a pipe."""

_NUMBER = re.compile(r"\d+")
_EMPTY = re.compile(r"^(?:backend|proxy) '?([^' ]+)'? has no server available!$")
_LEVELS = {
    Severity.ALERT: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTICE: logging.DEBUG,
    Severity.DIAG: logging.DEBUG,
}


class Retelling:
    """`retold`, with a memory: every worker complains about its descriptors anew, once is enough for a person.

    Slots are told by the names of their Backends.
    """

    def __init__(self, names: TrueNames) -> None:
        self._names = names
        self._said: set[str] = set()

    def __call__(self, alert: Alert) -> tuple[int, str]:
        level, sentence = retold(alert, self._names)
        complaint = _DESCRIPTORS.search(alert.text)
        if complaint is None:
            return level, sentence
        kind = _NUMBER.sub("", complaint[0])
        again = kind in self._said
        self._said.add(kind)
        return (logging.DEBUG if again else level), sentence


def retold(alert: Alert, names: TrueNames) -> tuple[int, str]:
    """The level for `logging`, and the sentence. Pure, but for `names`."""
    empty = _EMPTY.match(alert.text)
    if empty is not None:
        cluster = names.cluster(empty[1])
        if cluster is None:
            return logging.DEBUG, names.translated(str(alert))
        return logging.INFO, f"Backend {cluster} has no endpoint left that can take requests"
    level, sentence = _in_words(alert)
    return level, names.translated(sentence)


def _in_words(alert: Alert) -> tuple[int, str]:
    if _DESCRIPTORS.search(alert.text):
        return logging.INFO, str(alert)
    if closed := cannot_be_opened(alert):
        return logging.ERROR, closed
    if any(known.search(alert.text) for known in (_ROUTINE, _AFTER_A_FAILURE, _NOBODY_LISTENS)):
        return logging.DEBUG, str(alert)
    return _LEVELS[alert.severity], str(alert)


def cannot_be_opened(alert: Alert) -> str | None:
    """What `alert` says of a port that HAProxy could not open; None: it is about something else."""
    found = _CANNOT_BIND.search(alert.text)
    if found is None:
        return None
    return f"{found['address']} cannot be opened: {found['why']}; choose another with --http or --https"
