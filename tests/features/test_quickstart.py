"""`make run`: the quickstart with its demo upstreams, and every line it tells people to try."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.features.product import Answer, Product

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"


def test_every_line_to_try_is_answered_by_the_real_proxy(fresh: Callable[..., Product]) -> None:
    product = fresh("--demo")
    product.directory = QUICKSTART
    product.start()
    product.wait_answer("shop.localhost", "/", lambda answer: answer.status == 200)
    product.wait_condition("Backend", "shop", "Healthy", "True", "SomeUnhealthy")

    told = re.findall(r"curl (?:-\w+ )?(https?)://([a-z.]+):(\d+)(/\S*)", product.log_tail())
    assert len(told) == 5
    answers: dict[tuple[str, str, str], Answer] = {}
    for scheme, host, port, path in told:
        assert int(port) == (product.https if scheme == "https" else product.http)
        answers[scheme, host, path] = product.get(host, path, tls=scheme == "https")
    assert answers["http", "shop.localhost", "/"].body.startswith(b"v1 answers GET /\n")
    assert answers["http", "shop.localhost", "/api/items"].body.startswith(b"v2 answers GET /items\n")
    assert answers["http", "canary.localhost", "/"].body[:3] in (b"v1 ", b"v2 ")
    redirect = answers["http", "secure.localhost", "/"]
    assert (redirect.status, redirect.headers["location"]) == (308, f"https://secure.localhost:{product.https}/")
    assert answers["https", "secure.localhost", "/"].headers["x-served-by"] == "haloy"

    shares = Counter(product.get("canary.localhost").body[:2] for _ in range(200))
    assert set(shares) == {b"v1", b"v2"}
    assert shares[b"v1"] > 140
    table = product.log_tail()
    assert "route/default/shop Ready=True" in table
    assert f"http://shop.localhost:{product.http}/" in table
    assert product.stop() == 0
