"""The loop with a real HAProxy: what the proxy itself refuses hurts nobody else, and a cycle reads as a sentence.

Validation lets hardly anything through that HAProxy refuses; so the refused Routes here are made past it.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from haloy.api.conditions import ConditionType
from haloy.api.load import load_object
from haloy.api.v1alpha1 import Route
from haloy.model.refs import ObjectRef
from haloy.proxies.base import Applied, Failed
from haloy.reconciler import Cycle
from tests.support.loop import Loop, running_loop


def route(name: str, regex: str, status: int = 200) -> Route:
    """Answers for `name.test` below a regular expression; `regex` need not be one."""
    made = load_object(
        {
            "apiVersion": "haloy.dev/v1alpha1",
            "kind": "Route",
            "metadata": {"name": name},
            "spec": {
                "hosts": [f"{name}.test"],
                "rules": [
                    {
                        "matches": [{"path": {"type": "RegularExpression", "value": "/x"}}],
                        "filters": [{"type": "DirectResponse", "directResponse": {"status": status}}],
                    },
                    {
                        "matches": [{"path": {"type": "Exact", "value": "/ok"}}],
                        "filters": [{"type": "DirectResponse", "directResponse": {"status": 200}}],
                    },
                ],
            },
        }
    )
    assert isinstance(made, Route)
    first = made.spec.rules[0]
    path = first.matches[0].path.model_copy(update={"value": regex})
    match = first.matches[0].model_copy(update={"path": path})
    rule = first.model_copy(update={"matches": (match,)})
    spec = made.spec.model_copy(update={"rules": (rule, *made.spec.rules[1:])})
    return made.model_copy(update={"spec": spec})


@pytest.fixture
async def loop(tmp_path: Path) -> AsyncIterator[Loop]:
    async with running_loop(tmp_path) as running:
        yield running


async def test_nothing_is_applied_before_the_sources_have_synced(loop: Loop) -> None:
    cycle = await loop.reconciler.run_cycle()
    assert cycle.outcome is None
    assert str(cycle) == "cycle 1: 0 objects, waiting for the sources to sync"


async def test_a_cycle_reads_as_a_sentence(loop: Loop) -> None:
    loop.deliver()
    first = str(await loop.reconciler.run_cycle())
    assert first.startswith("cycle 1: 1 objects, live in ")
    assert first.endswith("with one reload (new-profile)")
    assert str(await loop.reconciler.run_cycle()) == "cycle 2: 1 objects, nothing to change"


async def test_what_the_proxy_refuses_is_left_out_and_the_rest_is_served(loop: Loop) -> None:
    loop.deliver()
    loop.put(route("good", "/g", status=201), route("bad", "/["))
    cycle = await loop.reconciler.run_cycle()
    assert isinstance(cycle.outcome, Applied)
    assert len(cycle.refused) == 1
    assert cycle.refused[0].startswith("route/default/bad: spec.rules[0]")
    assert loop.answer("good.test", "/g") == 201
    assert loop.answer("bad.test", "/ok") == 200
    programmed, words = loop.condition("bad", ConditionType.PROGRAMMED)
    assert programmed == "False"
    assert "spec.rules[0]" in words
    assert loop.condition("good", ConditionType.PROGRAMMED)[0] == "True"


async def test_a_refused_change_leaves_the_version_before_it_in_force(loop: Loop) -> None:
    loop.deliver()
    loop.put(route("r", "/old", status=203))
    await loop.reconciler.run_cycle()
    assert loop.answer("r.test", "/old") == 203
    loop.put(route("r", "/["), route("other", "/o", status=202))
    cycle = await loop.reconciler.run_cycle()
    assert isinstance(cycle.outcome, Applied)
    assert loop.answer("r.test", "/old") == 203
    assert loop.answer("other.test", "/o") == 202
    assert loop.condition("r", ConditionType.PROGRAMMED)[0] == "False"
    assert loop.board.statuses[ObjectRef("Route", "default", "r")].observed_generation == 2


async def test_a_refused_object_that_is_mended_is_served_again(loop: Loop) -> None:
    loop.deliver()
    loop.put(route("r", "/["))
    await loop.reconciler.run_cycle()
    loop.put(route("r", "/new", status=204))
    cycle = await loop.reconciler.run_cycle()
    assert cycle.refused == ()
    assert loop.answer("r.test", "/new") == 204
    assert loop.condition("r", ConditionType.READY)[0] == "True"


@pytest.mark.parametrize(
    ("failed", "left"),
    [
        (Failed("r1", "reload", ()), "what was live stays live"),
        (Failed("r1", "write", (), idle=True), "every host is answered 404"),
        (Failed("", "start", ()), "nothing is known to be live"),
    ],
)
def test_a_cycle_that_failed_says_what_is_left(failed: Failed, left: str) -> None:
    assert str(Cycle(1, 2, failed)).endswith(f"; {left}")
