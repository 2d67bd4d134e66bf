from haloy.admin.traffic import TrafficCollector
from haloy.proxies.base import Capacity, Measurements, ProxyInfo
from haloy.proxies.haproxy.observe.capacity import SLOT_BYTES, capacity
from haloy.proxies.haproxy.slots.layout import Layout, Placement, Profile


def samples(measured: Capacity) -> dict[tuple[str, str], float]:
    families = TrafficCollector(Measurements(ProxyInfo("haproxy", "2.8"), capacity=measured)).collect()
    return {
        (sample.name, sample.labels.get("profile", "")): sample.value
        for family in families
        for sample in family.samples
    }


def test_spare_slots_are_those_that_are_neither_taken_nor_at_rest() -> None:
    layout = Layout(
        profiles={"a": Profile("a", ""), "b": Profile("b", "")},
        slots={"a": 10, "b": 4},
        placements={"web/shop": Placement("slot.a.0"), "web/cart": Placement("slot.a.3")},
        resting=frozenset({"slot.a.1"}),
    )
    found = samples(capacity(layout, journal_bytes=77))
    assert found["haloy_proxy_spare_slots", "a"] == 7
    assert found["haloy_proxy_spare_slots", "b"] == 4
    assert found["haloy_proxy_taken_slots", ""] == 2
    assert found["haloy_proxy_resting_slots", ""] == 1
    assert found["haloy_proxy_spare_slot_bytes", ""] == 11 * SLOT_BYTES
    assert found["haloy_proxy_journal_bytes", ""] == 77


def test_many_profiles_are_told_together() -> None:
    """Those with the fewest free places are the ones worth a label."""
    found = samples(Capacity(spare={f"p{number:03d}": number for number in range(1_000)}))
    spare = {profile: value for (name, profile), value in found.items() if name == "haloy_proxy_spare_slots"}
    assert len(spare) == 51
    assert spare["p000"] == 0
    assert sum(spare.values()) == sum(range(1_000))
