"""What is compiled of filters follows the rules at the next reload; until then programs do it."""

from haloy.model.filters import Header, HeaderModifier, RequestHeaderModifier
from haloy.model.model import Model
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.direct import MOST_CHANGES
from haloy.proxies.haproxy.render.render import fragment_text, render
from haloy.proxies.haproxy.slots.layout import Change, ChangeKind
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import upstream

OPTIONS = HaproxyOptions("/run/worker.sock", "/run/server-state")


def served(*changes: HeaderModifier) -> Model:
    rules = [
        candidate(rule(f"r{at}", "web/up", filters=(RequestHeaderModifier(change),)), f"/{at}")
        for at, change in enumerate(changes)
    ]
    return model(fleet(80), [host("a.b", *rules)], [cluster("web/up", 81)])


def setting(name: str, value: str = "1") -> HeaderModifier:
    return HeaderModifier(set=(Header(name, value),))


def texts(made: Artifacts) -> list[str]:
    return [fragment_text(fragment) for fragment in made.fragments]


def needing_programs(made: Artifacts) -> set[str]:
    """Names of programs that run."""
    known = {key.partition(".")[0] for key in made.maps[maps.KNOWN]}
    direct = {
        parts[0]
        for record in made.maps[maps.RULES].values()
        if len(parts := record.split(":")) == 3 and parts[1].partition(";")[0] in known
    }
    return made.maps[maps.PROGRAMS].keys() - direct


def test_a_new_name_waits_for_the_next_reload_and_then_needs_no_program() -> None:
    first = render(served(setting("x-a")), OPTIONS)
    assert not needing_programs(first)

    then = render(served(setting("x-a"), setting("x-new")), OPTIONS, before=first.layout)
    assert then.layout.structure == first.layout.structure
    assert texts(then) == texts(first)
    assert len(needing_programs(then)) == 1

    reloaded = render(served(setting("x-a"), setting("x-new")), OPTIONS, before=then.layout, fresh=True)
    assert reloaded.layout.changes == (Change(ChangeKind.SET, "x-a"), Change(ChangeKind.SET, "x-new"))
    assert not needing_programs(reloaded)
    for name in (maps.RULES, maps.PATHS, maps.PROGRAMS):
        assert reloaded.maps[name] == then.maps[name]


def test_what_one_haproxy_knows_is_no_word_to_another() -> None:
    """Entries for the next one may come into the present one's maps before it goes."""
    first = render(served(setting("x-a")), OPTIONS)
    next_one = render(served(setting("x-b"), setting("x-a")), OPTIONS, fresh=True)
    assert first.maps[maps.KNOWN].keys().isdisjoint(next_one.maps[maps.KNOWN])


def test_a_value_is_data() -> None:
    first = render(served(setting("x-a", "old")), OPTIONS)
    then = render(served(setting("x-a", "new %[src]")), OPTIONS, before=first.layout)
    assert texts(then) == texts(first)
    assert not needing_programs(then)


async def test_the_last_of_many_is_set_like_the_first(serve: Serve) -> None:
    """Also once no program is there any more."""
    port = free_port()
    names = [f"x-{number:02}" for number in range(MOST_CHANGES)]
    listed = [
        candidate(rule(name, "web/up", filters=(RequestHeaderModifier(setting(name)),)), f"/{name}") for name in names
    ]
    async with upstream() as up:
        made = model(fleet(port), [host("a.b", *listed)], [cluster("web/up", up.port)])
        async with serve(made) as running:
            await running.ask(f"clear map {maps.PROGRAMS}")
            for name in names:
                assert (await get(port, "a.b", f"/{name}")).status == 200
                assert {other for other in names if up.requests[-1].all(other)} == {name}


def test_the_most_used_are_compiled_and_no_more() -> None:
    listed = [setting(f"x-{number:02}") for number in range(MOST_CHANGES + 8)]
    hosts = [
        host(f"{number}.b", candidate(rule(f"r{number}", "web/up", filters=(RequestHeaderModifier(one),))))
        for number, one in enumerate([*listed, *listed[:4:-1]])
    ]
    made = render(model(fleet(80), hosts, [cluster("web/up", 81)]), OPTIONS)
    assert made.layout.changes == tuple(
        Change(ChangeKind.SET, f"x-{number:02}") for number in range(5, MOST_CHANGES + 5)
    )
    assert len(needing_programs(made)) == 8
