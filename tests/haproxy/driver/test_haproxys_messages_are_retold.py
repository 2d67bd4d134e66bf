import logging

import pytest

from haloy.proxies.haproxy.process.alerts import Alert, Severity
from haloy.proxies.haproxy.process.retelling import Retelling, retold
from haloy.proxies.haproxy.slots.layout import Layout, Placement
from haloy.proxies.haproxy.true_names import TrueNames

NAMES = TrueNames(lambda: Layout(placements={"web/shop": Placement("slot.0a1b.3")}))


@pytest.mark.parametrize(
    ("severity", "text", "level", "sentence"),
    [
        (
            Severity.ALERT,
            "backend 'slot.0a1b.3' has no server available!",
            logging.INFO,
            "Backend web/shop has no endpoint left that can take requests",
        ),
        (
            Severity.ALERT,
            "backend 'slot.0a1b.4' has no server available!",
            logging.DEBUG,
            "backend 'a spare slot' has no server available!",
        ),
        (
            Severity.WARNING,
            "Server slot.0a1b.3/10.0.0.1:80 is DOWN, reason: Layer4 timeout.",
            logging.DEBUG,
            "Server web/shop/10.0.0.1:80 is DOWN, reason: Layer4 timeout.",
        ),
        (
            Severity.ALERT,
            "sendmsg()/writev() failed in logger #1: No such file or directory (errno=2)",
            logging.DEBUG,
            None,
        ),
        (
            Severity.ALERT,
            "sendmsg()/writev() failed in logger #1: No space left on device (errno=28)",
            logging.ERROR,
            None,
        ),
        (Severity.WARNING, "Proxy http stopped (cumulated conns: FE: 1, BE: 0).", logging.DEBUG, None),
        (Severity.WARNING, "Former worker (17) exited with code 0 (Exit)", logging.DEBUG, None),
        (Severity.ALERT, "Current worker (17) exited with code 139 (Segmentation fault)", logging.ERROR, None),
        (Severity.WARNING, "Former worker (17) exited with code 139 (Segmentation fault)", logging.WARNING, None),
        (Severity.ALERT, "Starting frontend http: cannot bind socket (Address already in use)", logging.ERROR, None),
        (
            Severity.ALERT,
            "Binding for frontend http: cannot bind socket (Permission denied) for [127.0.0.1:80]",
            logging.ERROR,
            "127.0.0.1:80 cannot be opened: Permission denied; choose another with --http or --https",
        ),
        (
            Severity.ALERT,
            "[bin/haproxy.main()] Some protocols failed to start their listeners! Exiting.",
            logging.DEBUG,
            None,
        ),
        (Severity.ALERT, "exit-on-failure: killing every processes with SIGTERM", logging.DEBUG, None),
        (Severity.WARNING, "Paused frontend http.", logging.DEBUG, None),
        (Severity.WARNING, "Resumed frontend http.", logging.DEBUG, None),
        (Severity.ALERT, "FD limit (20000) too low for maxconn=9000/maxsock=38259.", logging.INFO, None),
        (Severity.NOTICE, "New worker (18) forked", logging.DEBUG, None),
    ],
)
def test_in_words_and_as_loud_as_they_deserve(severity: Severity, text: str, level: int, sentence: str | None) -> None:
    assert retold(Alert(severity, text), NAMES) == (level, sentence or text)


def test_what_every_worker_says_of_its_descriptors_is_told_once() -> None:
    retelling = Retelling(NAMES)
    cannot = [f"[haproxy.main()] Cannot raise FD limit to {number}, limit is 1024." for number in (2001, 2002)]
    low = "FD limit (1024) too low for maxconn=9000/maxsock=38259."
    told = [retelling(Alert(Severity.NOTICE, text))[0] for text in (cannot[0], low, cannot[1], low)]
    assert told == [logging.INFO, logging.INFO, logging.DEBUG, logging.DEBUG]
    died = Alert(Severity.ALERT, "Current worker (17) exited with code 139 (Segmentation fault)")
    assert [retelling(died)[0] for _ in range(2)] == [logging.ERROR, logging.ERROR]
