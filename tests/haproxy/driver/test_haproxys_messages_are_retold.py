import logging

import pytest

from haloy.proxies.haproxy.process.alerts import Alert, Severity
from haloy.proxies.haproxy.process.retelling import retold


@pytest.mark.parametrize(
    ("severity", "text", "level", "sentence"),
    [
        (
            Severity.ALERT,
            "backend 'cluster.web.shop' has no server available!",
            logging.INFO,
            "backend web/shop has no endpoint left that can take requests",
        ),
        (Severity.WARNING, "Proxy http stopped (cumulated conns: FE: 1, BE: 0).", logging.DEBUG, None),
        (Severity.WARNING, "Former worker (17) exited with code 0 (Exit)", logging.DEBUG, None),
        (Severity.ALERT, "Current worker (17) exited with code 139 (Segmentation fault)", logging.ERROR, None),
        (Severity.WARNING, "Former worker (17) exited with code 139 (Segmentation fault)", logging.WARNING, None),
        (Severity.ALERT, "Starting frontend http: cannot bind socket (Address already in use)", logging.ERROR, None),
        (Severity.ALERT, "FD limit (20000) too low for maxconn=9000/maxsock=38259.", logging.INFO, None),
        (Severity.NOTICE, "New worker (18) forked", logging.DEBUG, None),
    ],
)
def test_in_words_and_as_loud_as_they_deserve(severity: Severity, text: str, level: int, sentence: str | None) -> None:
    assert retold(Alert(severity, text)) == (level, sentence or text)
