"""A host that is known but has no match answers 404, whatever a wildcard or the catch-all would say."""

from haloy.model.filters import DirectResponse
from haloy.model.routing import HostKind
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, fleet, host, model, rule
from tests.haproxy.render.ways import BOTH_WAYS
from tests.support.http_client import get, send
from tests.support.ports import free_port


@BOTH_WAYS
async def test_exact_before_wildcard_before_catch_all_and_never_the_next(serve: Serve) -> None:
    port = free_port()

    def says(word: str, path: str = "", kind: HostKind | None = None):  # type: ignore[no-untyped-def]
        return candidate(rule(word, filters=(DirectResponse(200, word),)), path)

    wanted = model(
        fleet(port),
        [
            host("a.example.com", says("exact", "/x")),
            host("*.example.com", says("wildcard", "/y")),
            host("*.example.org", says("many"), kind=HostKind.MANY_LABELS),
            host("*", says("any")),
        ],
        [],
    )
    async with serve(wanted):
        expected = {
            ("a.example.com", "/x"): "exact",
            ("a.example.com", "/y"): None,
            ("b.example.com", "/y"): "wildcard",
            ("b.example.com", "/x"): None,
            ("c.b.example.com", "/x"): "any",
            ("c.b.example.org", "/"): "many",
            ("example.org", "/"): "any",
            ("192.0.2.1:8080", "/"): "any",
            ("[2001:db8::1]:8080", "/"): "any",
        }
        answers = {key: await get(port, *key) for key in expected}
        found = {key: answer.body.decode() if answer.status == 200 else None for key, answer in answers.items()}
        assert found == expected
        assert (await send(port, b"GET / HTTP/1.0\r\n\r\n")).body == b"any"
