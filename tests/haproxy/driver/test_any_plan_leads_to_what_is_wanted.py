"""Whatever runs and whatever is wanted: the steps, taken one by one, lead there, and never point at what is missing."""

from hypothesis import given
from hypothesis import strategies as st

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Section, Server
from haloy.proxies.haproxy.plan.plan import plan
from haloy.proxies.haproxy.plan.running import Running, after, sections
from haloy.proxies.haproxy.plan.steps import RemoveServer
from tests.haproxy.driver.values import cluster, line, perform, server, take, wanted

members = st.lists(
    st.builds(
        lambda number, weight, state, inter: server(number, weight=weight, state=state, options=("check", inter)),
        st.integers(1, 4),
        st.sampled_from([0, 1, 100]),
        st.sampled_from(EndpointState),
        st.sampled_from(["inter 1", "inter 1", "inter 1", "inter 2"]),
    ),
    max_size=4,
    unique_by=lambda member: member.id,
)
clusters = st.lists(
    st.builds(lambda name, held: cluster(*held, name=name), st.sampled_from(["c1", "c1", "c2"]), members),
    max_size=2,
    unique_by=lambda section: section.name,
)
rules = st.dictionaries(st.sampled_from(["r1", "r2", "r3", "r4"]), st.sampled_from(["c1", "c2"]))


@st.composite
def artifacts(draw: st.DrawFn) -> Artifacts:
    """Paths point at rules that exist, lines at certificates that exist."""
    targets = draw(rules)
    paths = (
        draw(st.dictionaries(st.sampled_from(["a/", "b/", "c/"]), st.sampled_from(sorted(targets)))) if targets else {}
    )
    pem = draw(st.dictionaries(st.sampled_from(["certs/a.pem", "certs/b.pem"]), st.sampled_from("12")))
    names = [path[6:-4] for path in pem]
    lines: list[CertificateLine] = (
        draw(st.lists(st.builds(line, st.sampled_from(names), st.sampled_from("xyz")), unique=True)) if names else []
    )
    held: list[Section] = draw(clusters)
    return wanted(
        *held,
        revision=draw(st.sampled_from(["r1", "r2"])),
        maps={"maps/rules.map": targets, "maps/paths.map": paths},
        pem={path: digest for path, digest in pem.items() if any(held.path == path for held in lines)},
        lines=tuple(lines),
    )


@given(artifacts(), st.lists(st.integers(5, 6).map(server), unique_by=lambda member: member.id), artifacts())
def test_the_steps_lead_there(before: Artifacts, leaving: list[Server], goal: Artifacts) -> None:
    first = next(iter(sections(before)))
    running = Running(before, {(first, member.name): member for member in leaving})
    result = perform(running, plan(running, goal, {}), goal)
    assert normal(result.artifacts) == normal(goal)
    assert result.leaving.keys() <= running.leaving.keys(), "whoever takes steps deletes those"
    assert not plan(result, goal, {}).steps


@given(artifacts(), artifacts())
def test_no_step_leaves_an_entry_without_its_target(before: Artifacts, goal: Artifacts) -> None:
    running = Running(before)
    for step in plan(running, goal, {}).steps:
        running = take(running, step, goal)
        maps = running.artifacts.maps
        assert set(maps["maps/paths.map"].values()) <= maps["maps/rules.map"].keys()
        assert {held.path for held in running.artifacts.certificates} <= running.artifacts.pem_files.keys()


def normal(value: Artifacts) -> object:
    """Artifacts without the order of servers and lines, which nothing depends on."""
    return (
        value.revision,
        {name: (section.text, frozenset(section.servers)) for name, section in sections(value).items()},
        value.maps,
        value.pem_files,
        frozenset(value.certificates),
    )


@given(artifacts(), artifacts())
def test_what_is_said_to_run_afterwards_is_what_the_steps_did(before: Artifacts, goal: Artifacts) -> None:
    running = Running(before)
    made = plan(running, goal, {})
    if made.reload is None:
        said = after(running, goal, made.steps)
        gone = {(step.section, step.server) for step in made.steps if isinstance(step, RemoveServer)}
        assert normal(said.artifacts) == normal(perform(running, made, goal).artifacts)
        assert set(said.leaving) == gone
