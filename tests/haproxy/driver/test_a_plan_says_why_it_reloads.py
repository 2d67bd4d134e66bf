from dataclasses import replace

from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.artifacts import Artifacts, Fragment, Section
from haloy.proxies.haproxy.plan.plan import WORDS, plan
from haloy.proxies.haproxy.plan.running import Running
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT
from haloy.proxies.haproxy.slots.layout import Expression
from tests.haproxy.driver.values import cluster, laid_out, line, server, slot, wanted

SHOP = "backend/web/shop"


def reasons(running: Running | Artifacts, goal: Artifacts, **sizes: int) -> list[str]:
    made = plan(running if isinstance(running, Running) else Running(running), goal, sizes)
    assert made.reload is not None, str(made)
    assert made.steps == (made.reload,), "a reload carries everything else"
    return [str(reason) for reason in made.reload.reasons]


def test_a_backend_with_settings_that_no_slot_has() -> None:
    after = laid_out(slot(0), slot(0, holds="web/b", profile="q"), slot(1, holds="web/c", profile="q"))
    assert reasons(laid_out(slot(0)), after) == [
        "new-profile: backend/web/b: no slot has this combination of settings yet "
        "(profile q: 'balance p' became 'balance q'), and 1 more Backend wants it"
    ]


def test_more_backends_than_free_slots() -> None:
    after = laid_out(slot(0, holds="web/a"), slot(1, holds="web/b"), slot(2))
    assert reasons(laid_out(slot(0, holds="web/a")), after) == [
        "pool-exhausted: backend/web/b: all 1 slots of profile p are taken or not at rest yet"
    ]


def test_spare_slots_alone() -> None:
    after = laid_out(slot(0, holds="web/a"), slot(1))
    assert reasons(laid_out(slot(0, holds="web/a")), after) == [
        "pool-refill: the spare slots are laid out anew, those of profile p first"
    ]


def test_what_is_compiled_besides() -> None:
    before, after = laid_out(slot(0)), laid_out(slot(0))
    frontend = "frontend http\n  bind :80\n  # Route web/shop spec.rules[0]\n  acl e12 path -m reg x\n"
    expression = Expression("e12", "a.example", "path", "^/x+$")
    layout = replace(after.layout, expressions=(expression,), cookies=("stick",))
    fragments = (replace(after.fragments[0], sections=(Section("http", frontend),)), *after.fragments[1:])
    found = reasons(before, replace(after, layout=layout, fragments=fragments))
    assert found[:2] == [
        "new-regular-expression: route/web/shop: '^/x+$' is new on a.example",
        "new-affinity-cookie: the cookie 'stick' is new",
    ]


def test_a_server_that_differs_in_what_no_command_changes() -> None:
    """The layout moves its Backend; so this is a fault, and told."""
    after = cluster(server(1, options=("check", "inter 3000")))
    expected = [f"drift: {SHOP}: server shop/10.0.0.1:80 is wanted without 'inter 2000' with 'inter 3000'"]
    assert reasons(wanted(cluster(server(1))), wanted(after)) == expected
    running = Running(wanted(cluster()), {("shop", "10.0.0.1:80"): server(1)})
    assert reasons(running, wanted(cluster(server(1, options=("check",))))) == [
        f"drift: {SHOP}: server shop/10.0.0.1:80 is wanted without 'inter 2000'"
    ]


def test_servers_of_a_section_that_is_not_dynamic() -> None:
    before, after = cluster(server(1), dynamic=False), cluster(server(1, weight=3), server(2), dynamic=False)
    assert reasons(wanted(before), wanted(after)) == [
        f"drift: {SHOP}: the servers of shop cannot be changed at run time: 10.0.0.1:80, 10.0.0.2:80"
    ]


def test_an_entry_that_is_larger_than_a_command() -> None:
    before = wanted(maps={"maps/rules.map": {}})
    after = wanted(maps={"maps/rules.map": {"web/shop:0": "x" * COMMAND_LIMIT}})
    (found,) = reasons(before, after)
    assert found.startswith("entry-too-large: route/web/shop: the entry 'web/shop:0' of maps/rules.map has ")


def test_rules_name_each_route_and_settings_name_none() -> None:
    before = "frontend http\n  bind :80\n\n  # Route web/shop spec.rules[0]\n  acl a\n  # Route web/cart spec.rules[0]\n  acl b\n"
    after = "frontend http\n  bind :81\n\n  # Route web/shop spec.rules[0]\n  acl c\n  # Route web/cart spec.rules[0]\n  acl b\n"
    assert reasons(wanted(frontend=before), wanted(frontend=after)) == [
        "settings-changed: the settings of section http changed: 'bind :80' became 'bind :81'",
        "compiled-rules: route/web/shop: spec.rules[0] changed: HAProxy compiles it",
    ]


def test_one_reason_names_all_fields_of_a_route_wherever_they_are_compiled() -> None:
    fields = [f"spec.rules[{number}].filters[0]" for number in range(8)]
    before, after = (
        Artifacts("r", tuple(Fragment(name, sections) for name, sections in (("1", listeners), ("2", rules))))
        for listeners, rules in (
            ((Section("listener.http", "frontend listener.http\n"),), (Section("slot.p.0", "backend slot.p.0\n"),)),
            (
                (
                    Section(
                        "listener.http",
                        "frontend listener.http\n  # Route web/shop spec.rules[0].matches[0]\n  acl a\n",
                    ),
                ),
                (
                    Section("slot.p.0", f"backend slot.p.0\n  # Route web/shop {fields[0]}\n  x\n"),
                    Section(
                        "rule.web.shop:r_2",
                        "".join(f"  # Route web/shop {one}\n  x\n" for one in fields[1:]),
                        ObjectRef("Route", "web", "shop"),
                    ),
                ),
            ),
        )
    )
    found = reasons(before, after)
    told = ", ".join(["spec.rules[0].matches[0]", *fields[:4]])
    assert found == [f"compiled-rules: route/web/shop: {told} and 4 more changed: HAProxy compiles them"]


def test_lines_that_several_objects_share_are_told_by_their_purpose() -> None:
    before, after = (
        Artifacts("r", (Fragment("20-frontends.cfg", (Section("listener.http", text),)),))
        for text in (
            "frontend listener.http\n  bind :80\n",
            "frontend listener.http\n  bind :80\n  # haloy: HSTS of hosts\n  http-request x\n  # haloy\n",
        )
    )
    assert reasons(before, after) == ["compiled-rules: the rules of listener http changed: HSTS of hosts"]


def test_the_sections_of_the_proxy_itself_are_named_in_words() -> None:
    before, after = (
        Artifacts("r", (Fragment("10-defaults.cfg", (Section("defaults", f"defaults\n  timeout client {time}\n"),)),))
        for time in ("5s", "6s")
    )
    assert reasons(before, after) == [
        "settings-changed: the settings of all listeners and backends changed: 'timeout client 5s' became 'timeout client 6s'"
    ]


def test_a_file_that_is_read_at_the_start_only() -> None:
    text = "frontend http\n  acl t src -f files/trusted.lst\n"
    before, after = (wanted(frontend=text, files={"files/trusted.lst": content}) for content in (b"1", b"2"))
    assert reasons(before, after) == ["settings-changed: the content of files/trusted.lst is new"]


def test_a_certificate_that_does_not_fit_into_a_command() -> None:
    after = wanted(pem={"certs/web_a.pem": "big"}, lines=(line("web_a"),))
    room = COMMAND_LIMIT - WORDS
    size = room + 1
    assert reasons(wanted(), after, big=size) == [
        f"certificate-too-large: secret/web/a: certs/web_a.pem has {size} bytes, the Runtime API takes {room}"
    ]


def test_drift_that_no_command_repairs() -> None:
    running = Running(wanted(), drift=("server shop/x has another address",))
    assert reasons(running, wanted()) == ["drift: server shop/x has another address"]


def test_a_certificate_with_too_many_names_for_a_command() -> None:
    names = [f"{number}.example.com" for number in range(2000)]
    after = wanted(pem={"certs/web_a.pem": "1"}, lines=(line("web_a", *names),))
    assert reasons(wanted(), after) == [
        "certificate-too-large: secret/web/a: certs/web_a.pem serves 2000 names, too many for the Runtime API"
    ]
