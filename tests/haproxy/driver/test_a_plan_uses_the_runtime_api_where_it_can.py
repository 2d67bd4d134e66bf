from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.plan.plan import plan
from haloy.proxies.haproxy.plan.running import Running, after
from haloy.proxies.haproxy.plan.steps import AddServer, RuntimeStep, SwapMap
from tests.haproxy.driver.values import cluster, laid_out, line, server, slot, wanted


def sentences(running: Running | Artifacts, goal: Artifacts) -> list[str]:
    made = plan(running if isinstance(running, Running) else Running(running), goal, {})
    assert made.reload is None, str(made)
    assert all(isinstance(step, RuntimeStep) for step in made.steps[1:])
    return [str(step) for step in made.steps]


def test_equal_artifacts_need_nothing() -> None:
    assert sentences(wanted(cluster(server(1))), wanted(cluster(server(1)))) == []
    assert str(plan(Running(wanted()), wanted(), {})) == "nothing to do"


def test_a_new_revision_alone_writes_files_only() -> None:
    assert sentences(wanted(), wanted(revision="r2")) == ["write the files of r2"]


def test_endpoints_come_before_others_go() -> None:
    goal = wanted(cluster(server(2)), revision="r2")
    assert sentences(wanted(cluster(server(1))), goal) == [
        "write the files of r2",
        "add shop/10.0.0.2:80 in state ready",
        "take shop/10.0.0.1:80 out of rotation",
        "delete shop/10.0.0.1:80 once idle",
    ]


def test_weight_and_drain_are_set_live() -> None:
    goal = wanted(cluster(server(1, weight=5), server(2, state=EndpointState.DRAINING)))
    assert sentences(wanted(cluster(server(1), server(2))), goal)[1:] == [
        "give shop/10.0.0.1:80 the weight 5",
        "set shop/10.0.0.2:80 draining",
    ]


def test_an_endpoint_that_comes_back_while_it_leaves_is_restored() -> None:
    running = Running(wanted(cluster()), {("shop", "10.0.0.1:80"): server(1)})
    assert sentences(running, wanted(cluster(server(1))))[1:] == ["bring shop/10.0.0.1:80 back in state ready"]
    assert sentences(running, wanted(cluster())) == [], "its removal is under way"


def test_a_certificate_is_loaded_before_it_is_listed_and_dropped_after() -> None:
    before = wanted(pem={"certs/a.pem": "1"}, lines=(line("a", "a.example"),))
    after = wanted(pem={"certs/b.pem": "2"}, lines=(line("b", "a.example"),))
    assert sentences(before, after)[1:] == [
        "load certs/b.pem",
        "serve certs/b.pem to a.example",
        "stop serving certs/a.pem to a.example",
        "drop certs/a.pem",
    ]


def test_a_renewed_certificate_is_replaced() -> None:
    lines = (line("a", "a.example"),)
    before, after = wanted(pem={"certs/a.pem": "1"}, lines=lines), wanted(pem={"certs/a.pem": "2"}, lines=lines)
    assert sentences(before, after)[1:] == ["replace certs/a.pem"]


def test_a_ca_bundle_is_loaded_when_a_new_server_needs_it() -> None:
    tls = server(1, options=("ssl", "verify required", "ca-file ca/x.pem"))
    before = wanted(cluster())
    assert sentences(before, wanted(cluster(tls), pem={"ca/x.pem": "1"}))[1:] == [
        "load ca/x.pem",
        "add shop/10.0.0.1:80 in state ready",
    ]
    assert sentences(before, wanted(cluster(), pem={"ca/x.pem": "1"})) == ["write the files of r1"][:0]


def test_without_a_tls_listener_certificates_stay_on_disk() -> None:
    running = Running(wanted(), crt_list=False)
    after = wanted(pem={"certs/b.pem": "2"}, lines=(line("b", "a.example"),), revision="r2")
    assert sentences(running, after) == ["write the files of r2"]


def test_targets_are_there_before_the_entries_that_point_at_them_and_go_after_them() -> None:
    before = wanted(
        maps={"maps/hosts.http.map": {"old": "old"}, "maps/paths.map": {"old/": "r1"}, "maps/rules.map": {"r1": "c"}}
    )
    after = wanted(
        maps={"maps/hosts.http.map": {"new": "new"}, "maps/paths.map": {"new/": "r2"}, "maps/rules.map": {"r2": "c"}}
    )
    assert sentences(before, after)[1:] == [
        "set 1 new entry and 0 changed entries in maps/rules.map",
        "set 1 new entry and 0 changed entries in maps/paths.map",
        "set 1 new entry and 0 changed entries in maps/hosts.http.map",
        "delete 1 entry from maps/hosts.http.map",
        "delete 1 entry from maps/paths.map",
        "retire 1 entry of maps/rules.map",
    ]


def test_a_large_difference_swaps_the_map_without_losing_the_order() -> None:
    before = wanted(maps={"maps/paths.map": {str(number): "a" for number in range(400)}})
    after = wanted(maps={"maps/paths.map": {str(number): "b" for number in range(200, 400)}})
    assert sentences(before, after)[1:] == [
        "swap maps/paths.map for 400 entries",
        "swap maps/paths.map for 200 entries",
    ]


def test_retired_entries_that_are_wanted_again_are_not_added_twice() -> None:
    retired = {"maps/rules.map": {"r1": "a", "r2": "b"}}
    running = Running(wanted(maps={"maps/rules.map": {}}), retired=retired)
    goal = wanted(maps={"maps/rules.map": {"r1": "a", "r2": "c", "r3": "d"}}, revision="r2")
    made = plan(running, goal, {})
    assert [str(step) for step in made.steps] == [
        "write the files of r2",
        "set 1 new entry and 1 changed entry in maps/rules.map",
    ]
    assert after(running, goal, made.steps).retired == {}


def test_a_backend_finds_a_free_slot() -> None:
    before = laid_out(slot(0, server(1), holds="web/a"), slot(1))
    goal = laid_out(slot(0, server(1), holds="web/a"), slot(1, server(2), holds="web/b"), revision="r2")
    assert sentences(before, goal)[1:] == ["add slot.p.1/10.0.0.2:80 in state ready"]


def test_a_backend_moves_make_before_break() -> None:
    clusters, checks = "maps/clusters.map", "maps/check-paths.map"
    before = laid_out(
        slot(0, server(1), holds="web/a"),
        slot(1),
        maps={checks: {"slot.p.0": "/x"}, clusters: {"web/a": "slot.p.0"}},
    )
    goal = laid_out(
        slot(0),
        slot(1, server(1, options=("check",)), holds="web/a"),
        maps={checks: {"slot.p.1": "/x"}, clusters: {"web/a": "slot.p.1"}},
        revision="r2",
    )
    made = plan(Running(before), goal, {})
    assert [str(step) for step in made.steps][1:] == [
        f"set 1 new entry and 0 changed entries in {checks}",
        "add slot.p.1/10.0.0.1:80 in state ready",
        f"set 0 new and 1 changed entry in {clusters}".replace("0 new and", "0 new entries and"),
        f"retire 1 entry of {checks}",
        "let slot.p.0 come to rest",
    ]
    assert [step.heir_of for step in made.steps if isinstance(step, AddServer)] == ["slot.p.0"]
    running = after(Running(before), goal, made.steps)
    assert running.artifacts.layout.resting == {"slot.p.0"}
    assert set(running.leaving) == {("slot.p.0", "10.0.0.1:80")}


def test_many_new_entries_need_no_swap() -> None:
    after = wanted(maps={"maps/rules.map": {str(number): "b" for number in range(1000)}})
    assert sentences(wanted(maps={"maps/rules.map": {}}), after)[1:] == [
        "set 1000 new entries and 0 changed entries in maps/rules.map"
    ]


def test_a_map_that_haproxy_has_not_loaded_is_not_told() -> None:
    assert sentences(wanted(), wanted(maps={"maps/hsts.map": {"a": "b"}}, revision="r2")) == ["write the files of r2"]


def test_comments_are_no_reason_to_reload() -> None:
    before = wanted(frontend="frontend http\n  # Route web/shop spec.rules[0]\n  bind :80\n")
    after = wanted(frontend="frontend http\n  # Route web/shop spec.rules[1]\n  bind :80\n", revision="r2")
    assert sentences(before, after) == ["write the files of r2"]


def test_a_map_that_is_searched_in_its_own_order_is_swapped() -> None:
    before = wanted(maps={"maps/suffixes.http.map": {".b.example": "1", ".example": "2"}})
    after = wanted(maps={"maps/suffixes.http.map": {".aa.b.example": "3", ".example": "2"}})
    made = plan(Running(before), after, {})
    swap = made.runtime[0]
    assert isinstance(swap, SwapMap)
    assert [key for key, _ in swap.entries] == [".aa.b.example", ".b.example", ".example"]
    assert str(made.runtime[1]) == "delete 1 entry from maps/suffixes.http.map"
