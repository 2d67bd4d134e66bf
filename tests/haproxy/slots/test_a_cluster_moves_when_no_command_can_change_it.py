"""What stays and what moves, one case each."""

from dataclasses import replace

from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.slots.lay_out import lay_out
from haloy.proxies.haproxy.slots.layout import EMPTY, Layout, Leaving, Pools, slot_name
from tests.haproxy.slots.layouts import PROFILES, demand, server

BEFORE = lay_out(EMPTY, demand({"web/a": (0, [server("x", 1), server("y", 2)])}), Pools(4))


def slot(layout: Layout) -> str:
    return layout.placements["web/a"].slot


def moved(*servers: Server, profile: int = 0, leaving: Leaving | None = None) -> bool:
    after = lay_out(BEFORE, demand({"web/a": (profile, servers)}), Pools(4), leaving or {})
    assert (slot(BEFORE) in after.resting) == (slot(after) != slot(BEFORE))
    return slot(after) != slot(BEFORE)


def test_weights_and_states_and_servers_that_come_and_go_move_nobody() -> None:
    assert not moved(replace(server("x", 1), weight=3), server("z", 9))


def test_an_option_of_a_server_that_stays_moves_the_cluster() -> None:
    assert moved(server("x", 1, "check"), server("y", 2))


def test_a_new_profile_moves_the_cluster() -> None:
    assert moved(server("x", 1), server("y", 2), profile=1)


def test_a_server_on_its_way_out_must_be_as_it_is_wanted_again() -> None:
    going = {(slot(BEFORE), "z"): server("z", 9, "check")}
    assert moved(server("x", 1), server("z", 9), leaving=going)
    assert not moved(server("x", 1), server("z", 9, "check"), leaving=going)
    assert not moved(
        server("x", 1), server("z", 9), leaving={(slot_name(PROFILES[0].id, 3), "z"): server("z", 9, "check")}
    )


def test_an_id_that_is_in_use_moves_the_cluster() -> None:
    """`add server` refuses it while the one that has it is still there."""
    assert moved(server("x", 1), server("new", 2))
    assert moved(server("x", 1), server("new", 7), leaving={(slot(BEFORE), "old"): server("old", 7)})


def test_a_moved_cluster_gets_the_lowest_free_slot() -> None:
    after = lay_out(BEFORE, demand({"web/a": (0, [server("x", 1, "check")])}), Pools(4))
    assert slot(after) == slot_name(PROFILES[0].id, 1)
    again = lay_out(replace(after, resting=frozenset()), demand({"web/a": (0, [server("x", 1)])}), Pools(4))
    assert slot(again) == slot_name(PROFILES[0].id, 0)
