"""How many profiles there may be: each is a section at least, and each reload reads them all. Pure."""

from haloy.model.model import Model
from haloy.model.refs import FieldRef
from haloy.proxies.base import Refusal
from haloy.proxies.haproxy.slots.layout import Layout, profile_of

MOST_PROFILES = 2_500
"""A reload with so many takes two to three seconds (HAProxy 2.8.25, two cores; tests/haproxy/driver/test_thousands_of_profiles.py)."""


def too_many_profiles(layout: Layout, live: Layout, model: Model, most: int = MOST_PROFILES) -> tuple[Refusal, ...]:
    """The Backends of `model` that want a profile beyond the bound in `layout`; () if there is room for all.

    Profiles that are `live` keep their places; of the new ones those come first whose first Cluster does, by name.
    """
    if len(layout.profiles) <= most:
        return ()
    first: dict[str, str] = {}
    for cluster in sorted(layout.placements):
        first.setdefault(profile_of(layout.placements[cluster].slot) or "", cluster)
    new = sorted((cluster, profile) for profile, cluster in first.items() if profile not in live.profiles)
    room = max(0, most - (len(layout.profiles) - len(new)))
    beyond = {profile for _, profile in new[room:]}
    message = (
        f"there are {len(layout.profiles)} combinations of algorithm, affinity, retries, time-outs and check in all, "
        f"{most} are the most that HAProxy is given, and this Backend's is one of the last that came: "
        "give it the settings of another Backend"
    )
    refused = [
        Refusal(FieldRef(cluster.source), message)
        for cluster in model.clusters
        if cluster.name in layout.placements and profile_of(layout.placements[cluster.name].slot) in beyond
    ]
    return tuple(dict.fromkeys(refused))
