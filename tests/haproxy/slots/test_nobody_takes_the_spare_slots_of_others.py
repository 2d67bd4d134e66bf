"""There are not enough spare slots for all: they are shared among namespaces, whatever each of them does."""

from hypothesis import given
from hypothesis import strategies as st

from haloy.proxies.haproxy.slots.lay_out import free, lay_out, shortage
from haloy.proxies.haproxy.slots.layout import EMPTY, Demand, Pools, Profile
from haloy.proxies.haproxy.slots.places import Places
from haloy.proxies.haproxy.slots.shares import shares

POOLS = Pools()
ORDINARY = Profile("f" * 16, "    balance roundrobin\n")


def odd(number: int) -> Profile:
    return Profile(f"{number:016x}", f"    timeout connect {number}ms\n")


def fleet(odd_ones: int, *others: str) -> Demand:
    """Namespace `greedy` with a Cluster of each of so many profiles; in each of the others one of the ordinary profile."""
    greedy = {f"greedy/b{number}": (odd(number), ()) for number in range(odd_ones)}
    return Demand(greedy | {f"{namespace}/shop": (ORDINARY, ()) for namespace in others})


def test_three_hundred_profiles_of_one_leave_all_that_is_due_to_another() -> None:
    made = free(lay_out(EMPTY, fleet(300, "victim"), POOLS))
    assert made.pop(ORDINARY.id) == 128
    assert set(made.values()) == {(4096 - 128) // 300}


def test_many_that_use_the_same_profile_give_to_it_together() -> None:
    demand = fleet(300, *(f"n{number}" for number in range(5000)))
    assert free(lay_out(EMPTY, demand, POOLS))[ORDINARY.id] == 1250, "a quarter of those that are taken"
    assert free(lay_out(EMPTY, demand, Pools(128, 1000)))[ORDINARY.id] >= 990


def test_what_one_does_not_want_goes_to_the_others() -> None:
    wanted = {"a": 10, "b": 100, "c": 100}
    assert shares(wanted, {"a": ["one"], "b": ["two"], "c": ["two"]}, 110) == {"a": 10, "b": 50, "c": 50}
    assert shares(wanted, {"a": ["one"], "b": ["one", "two"], "c": ["two"]}, 110) == {"a": 10, "b": 68, "c": 31}


def test_where_nobody_is_left_one_is_spare() -> None:
    assert shares({"a": 10, "b": 10}, {"a": ["one"]}, 5) == {"a": 5, "b": 1}
    assert shares({}, {}, 5) == {}


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.tuples(st.integers(1, 200), st.sets(st.sampled_from("xyz"))), min_size=1
    ),
    st.integers(1, 300),
)
def test_no_more_than_there_are_and_all_that_are_wanted(profiles: dict[str, tuple[int, set[str]]], most: int) -> None:
    wanted = {name: count for name, (count, _) in profiles.items()}
    users = {name: namespaces for name, (_, namespaces) in profiles.items() if namespaces}
    got = shares(wanted, users, most)
    assert got.keys() == wanted.keys()
    assert all(1 <= got[name] <= wanted[name] for name in wanted)
    assert sum(got.values()) <= most + len(wanted)
    hungry = [name for name in users if got[name] < wanted[name]]
    assert not hungry or sum(got.values()) > most - len(wanted) - len(users)
    if sum(wanted.values()) <= most:
        assert all(got[name] == wanted[name] for name in users)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sets(st.sampled_from(["one", "two", "three"]))), min_size=1, max_size=6)
)
def test_what_was_known_before_changes_nothing(steps: list[tuple[int, set[str]]]) -> None:
    known, layout, pools = Places(), EMPTY, Pools(8, 64)
    for greedy, others in steps:
        demand = fleet(greedy, *sorted(others))
        plain = lay_out(layout, demand, pools, fresh=True)
        layout = lay_out(layout, demand, pools, fresh=True, known=known)
        assert layout == plain
        assert shortage(layout, pools, known) == shortage(layout, pools) == ()
