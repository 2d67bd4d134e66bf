"""Shares of traffic: exact proportions in the maps, and in what the clients see."""

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from haloy.model.cluster import CookieAffinity
from haloy.model.routing import Target
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.names import cookie_value
from haloy.proxies.haproxy.plan.plan import plan
from haloy.proxies.haproxy.plan.running import Running
from haloy.proxies.haproxy.render.render import render
from haloy.proxies.haproxy.render.weights import LARGEST_TOTAL, destination, shares
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.haproxy.render.ways import BOTH_WAYS
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.running_haproxy import options
from tests.support.upstream import upstream


@BOTH_WAYS
async def test_a_rule_shares_its_traffic_by_weight_and_answers_500_for_what_is_missing(serve: Serve) -> None:
    port = free_port()
    async with upstream("a") as a, upstream("b") as b:
        shares = (Target("web/a", 6), Target("web/b", 3), Target("web/zero", 0), Target(None, 1))
        gone = (Target("web/gone", 1),)
        nothing = (Target("web/a", 0),)
        wanted = model(
            fleet(port),
            [
                host(
                    "shop.example.com",
                    candidate(rule("gone", *gone), "/gone"),
                    candidate(rule("nothing", *nothing), "/nothing"),
                    candidate(rule("none"), "/none"),
                    candidate(rule("split", *shares)),
                )
            ],
            [cluster("web/a", a.port), cluster("web/b", b.port), cluster("web/zero", 9)],
        )
        async with serve(wanted):
            for path in ("/gone", "/nothing", "/none"):
                assert (await get(port, "shop.example.com", path)).status == 500
            seen: Counter[str] = Counter()
            for _ in range(500):
                answer = await get(port, "shop.example.com")
                seen[answer.body.decode() if answer.status == 200 else str(answer.status)] += 1
    assert set(seen) == {"a", "b", "500"}
    assert 250 <= seen["a"] <= 350
    assert 100 <= seen["b"] <= 200
    assert 20 <= seen["500"] <= 90


@BOTH_WAYS
async def test_an_affinity_cookie_wins_over_the_draw_while_its_backend_has_weight(serve: Serve) -> None:
    port = free_port()
    async with upstream("a") as a, upstream("b") as b:
        sticky = CookieAffinity("SRV")
        split = rule("split", Target("web/a", 1), Target("web/b", 999))
        moved = rule("moved", Target("web/a", 0), Target("web/b", 1), Target("web/c", 1))
        wanted = model(
            fleet(port),
            [host("shop.example.com", candidate(moved, "/moved"), candidate(split))],
            [
                cluster("web/a", a.port, affinity=sticky),
                cluster("web/b", b.port, affinity=sticky),
                cluster("web/c", b.port, affinity=CookieAffinity("OTHER")),
            ],
        )
        cookie = f"SRV={cookie_value('web/a', f'127.0.0.1:{a.port}')}"
        async with serve(wanted):
            for _ in range(20):
                answer = await get(port, "shop.example.com", headers=(("Cookie", f"x=1; {cookie}"),))
                assert answer.body == b"a"
            for _ in range(5):
                answer = await get(port, "shop.example.com", "/moved", headers=(("Cookie", cookie),))
                assert answer.body == b"b"
                assert answer.one("set-cookie") is not None
            assert all("SRV" not in (request.one("cookie") or "") for request in a.requests)


@given(st.lists(st.integers(1, 1_000_000), min_size=2, max_size=20))
def test_slots_are_in_proportion_and_nobody_with_weight_goes_without(weights: list[int]) -> None:
    counts = shares(weights)
    total, slots = sum(weights), sum(counts)
    assert slots <= LARGEST_TOTAL
    assert min(counts) >= 1
    for weight, count in zip(weights, counts, strict=True):
        assert abs(count / slots - weight / total) <= len(weights) / LARGEST_TOTAL


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_small_weights_are_exact(weights: list[int]) -> None:
    clusters = dict.fromkeys(f"web/{number}" for number in range(len(weights)))
    targets = [Target(f"web/{number}", weight) for number, weight in enumerate(weights)]
    made = destination(rule("r", *targets), clusters)
    slots = Counter(value for key, value in made.entries if "." in key)
    if len([weight for weight in weights if weight]) > 1:
        assert dict(made.entries)[made.value] == str(slots.total())
        for number, weight in enumerate(weights):
            assert slots[f"web/{number}"] * sum(weights) == weight * slots.total()


def test_other_weights_are_another_set() -> None:
    clusters = {"web/a": None, "web/b": None}
    first = destination(rule("r", Target("web/a", 1), Target("web/b", 1)), clusters)
    second = destination(rule("r", Target("web/a", 2), Target("web/b", 1)), clusters)
    same = destination(rule("r", Target("web/a", 20), Target("web/b", 20)), clusters)
    assert first.value != second.value
    assert first == same


def test_the_first_rule_with_several_backends_needs_no_reload() -> None:
    def made(*targets: Target) -> Artifacts:
        hosts = [host("shop.example.com", candidate(rule("split", *targets)))]
        return render(model(fleet(80), hosts, [cluster("web/a", 1), cluster("web/b", 2)]), options(Path("state")))

    before, after = made(Target("web/a", 1)), made(Target("web/a", 9), Target("web/b", 1))
    assert plan(Running(before), after, {}).reload is None
