"""Any Artifacts at all, for hypothesis: more than render would ever make."""

from hypothesis import strategies as st

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Fragment, Section, Server
from haloy.proxies.haproxy.slots.layout import Expression, Layout, Placement, Profile
from tests.haproxy.driver.values import SHOP, server

names = st.sampled_from(["a", "b", "c", "d"])
words = st.text(
    st.characters(exclude_characters=" \n\r", exclude_categories=["Cs", "Zs", "Cc"]), min_size=1, max_size=4
)
held: st.SearchStrategy[tuple[Server, ...]] = st.lists(
    st.builds(
        lambda number, weight, state: server(number, weight=weight, state=state),
        st.integers(1, 3),
        st.sampled_from([0, 100]),
        st.sampled_from(EndpointState),
    ),
    max_size=2,
).map(tuple)
sections = st.lists(
    st.builds(
        Section,
        names,
        st.sampled_from(["x\n", "y\n"]),
        st.sampled_from([SHOP, None]),
        held,
        st.booleans(),
        names | st.none(),
    ),
    max_size=3,
).map(tuple)
fragments = st.lists(
    st.builds(Fragment, st.sampled_from(["20-x.cfg", "30-y.cfg", "30-z.cfg"]), sections),
    max_size=3,
    unique_by=lambda fragment: fragment.filename,
).map(tuple)
lines = st.lists(
    st.builds(
        CertificateLine,
        names.map(lambda name: f"certs/{name}.pem"),
        st.sampled_from([(), ("ssl-min-ver", "TLSv1.3")]),
        st.lists(names, max_size=2).map(tuple),
    ),
    max_size=6,
).map(tuple)
layouts = st.builds(
    Layout,
    st.dictionaries(names, st.builds(Profile, names, words)),
    st.dictionaries(names, st.integers(0, 3)),
    st.dictionaries(names, st.builds(Placement, names, held)),
    st.frozensets(names),
    st.lists(st.builds(Expression, words, words, words, words), max_size=1).map(tuple),
    st.lists(words, max_size=1).map(tuple),
    st.lists(words, max_size=1).map(tuple),
)
artifacts = st.builds(
    Artifacts,
    st.sampled_from(["r1", "r2"]),
    fragments,
    st.dictionaries(
        st.sampled_from(["maps/a.map", "maps/b.map"]), st.dictionaries(words, words, max_size=4), max_size=2
    ),
    st.dictionaries(st.sampled_from(["files/a", "files/b"]), st.binary(max_size=3), max_size=2),
    st.dictionaries(st.sampled_from(["certs/a.pem", "certs/b.pem", "ca/c.pem"]), st.sampled_from("12"), max_size=3),
    lines,
    layouts,
)
