"""A host that is cut into parts: following it from change to change gives what rendering it anew gives, at the cost of a part."""

import random
from dataclasses import replace

import pytest

from haloy.model.model import Model
from haloy.model.routing import Target, VirtualHost
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.render import render
from haloy.proxies.haproxy.slots.layout import Pools
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule

OPTIONS = HaproxyOptions("/run/worker.sock", "/var/state", pools=Pools(2))


def world(targets: dict[int, str]) -> Model:
    found = [candidate(rule(f"r{number}", Target(f"web/{name}")), f"/p{number}") for number, name in targets.items()]
    return model(fleet(80), [host("large.test", *found)], [cluster("web/a", 80), cluster("web/b", 81)])


def following(before: Model, after: Model) -> Model:
    """`after`, with the very candidates and clusters of `before` where they are equal, as translation leaves them."""
    known = {one: one for vhost in before.virtual_hosts for one in vhost.candidates}
    hosts: list[VirtualHost] = [
        replace(vhost, candidates=tuple(known.get(one, one) for one in vhost.candidates))
        for vhost in after.virtual_hosts
    ]
    return replace(after, virtual_hosts=tuple(hosts), clusters=before.clusters)


@pytest.mark.parametrize("seed", range(3))
def test_following_equals_rendering_anew(seed: int) -> None:
    chance = random.Random(seed)
    targets = {number: chance.choice("ab") for number in range(300)}
    memo, last = RenderMemo(), world(targets)
    made = render(last, OPTIONS, memo)
    for _ in range(6):
        for number in chance.sample(range(330), 3):
            if chance.random() < 0.3:
                targets.pop(number, None)
            else:
                targets[number] = chance.choice("ab")
        last = following(last, world(dict(sorted(targets.items()))))
        made = render(last, OPTIONS, memo, made.layout)
        assert made == render(last, OPTIONS, None, made.layout)


def test_a_map_that_says_the_same_is_the_same() -> None:
    targets = dict.fromkeys(range(300), "a")
    memo, first = RenderMemo(), world(targets)
    one = render(first, OPTIONS, memo)
    other = render(following(first, world({**targets, 7: "b"})), OPTIONS, memo, one.layout)
    assert other.maps[maps.CLUSTERS] == one.maps[maps.CLUSTERS]
    assert other.maps[maps.WEIGHTS] is one.maps[maps.WEIGHTS]
    changed = {key for key, value in other.maps[maps.PATHS].items() if one.maps[maps.PATHS][key] != value}
    assert changed == {"large.test/p7/"}
    assert other.maps[maps.RULES].keys() - one.maps[maps.RULES].keys() == {other.maps[maps.PATHS]["large.test/p7/"]}
