from haloy.proxies.base import Traffic
from haloy.proxies.haproxy.observe.measure import by_name, section_traffic
from haloy.proxies.haproxy.runtime.cli_parsers import parse_stat

STAT = """\
# pxname,svname,qcur,scur,bin,bout,hrsp_2xx,hrsp_4xx,hrsp_5xx,req_tot,rtime
listener.http,FRONTEND,,9,1,1,1,1,1,1,
haloy.notfound,BACKEND,0,0,5,5,0,5,0,5,0
slot.0a.0,10.0.0.1:80,0,1,10,20,3,1,0,4,7
slot.0a.0,BACKEND,0,2,110,220,33,11,1,45,7
slot.0a.1,10.0.0.9:80,0,4,70,70,7,0,0,7,9
slot.0a.1,BACKEND,0,4,70,70,7,0,0,7,9
slot.0a.2,BACKEND,0,0,0,0,0,0,0,0,0
"""


def test_a_slot_that_had_another_user_counts_from_where_that_one_stopped() -> None:
    baselines = {
        "slot.0a.0": Traffic(requests=41, errors_4xx=10, errors_5xx=1, bytes_in=100, bytes_out=200, sessions=9)
    }
    clusters, endpoints = by_name(parse_stat(STAT), {"slot.0a.0": "web/shop"}, baselines)
    assert clusters == {"web/shop": Traffic(4, 1, 0, 10, 20, sessions=2, response_ms=7)}
    assert endpoints == {("web/shop", "10.0.0.1:80"): Traffic(4, 1, 0, 10, 20, sessions=1, response_ms=7)}


def test_free_and_resting_slots_are_not_shown() -> None:
    clusters, endpoints = by_name(parse_stat(STAT), {}, {})
    assert (clusters, endpoints) == ({}, {})


def test_a_counter_never_goes_below_nothing() -> None:
    """A reload begins anew, perhaps before the baselines are forgotten."""
    clusters, _ = by_name(parse_stat(STAT), {"slot.0a.2": "web/shop"}, {"slot.0a.2": Traffic(requests=5, bytes_in=5)})
    assert clusters == {"web/shop": Traffic()}


def test_what_a_slot_has_counted_can_become_a_baseline() -> None:
    found = section_traffic(parse_stat(STAT))
    assert found["slot.0a.0"].requests == 45
    assert {"slot.0a.1", "slot.0a.2"} < found.keys()
