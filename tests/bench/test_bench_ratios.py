"""Ratios and goals from figures made up here."""

from bench.run import Failed, Measured, Plan
from bench.site import Missing
from bench.table import as_text, ratios


def measured(*rounds: float) -> Measured:
    return Measured(rounds, own=0.5, idle=0.0, lacks=(), log_line="{}")


def table(text: str) -> list[str]:
    """The rows of the first table; a heading and an empty line stand before it."""
    return text.split("\n\n")[1].splitlines()[1:]


def test_a_slow_spell_of_the_machine_cancels_out_of_the_ratio() -> None:
    assert ratios(measured(11.0, 33.0), measured(10.0, 30.0)) == (1.1, 1.1)


def test_the_goal_is_met_up_to_its_very_value_and_the_row_says_so() -> None:
    results = {"base": measured(10.0), "just": measured(11.0), "over": measured(11.2)}

    text = as_text(results, "base", {"just": 1.1, "over": 1.1}, Plan(rounds=1))

    rows = {line.split()[0]: line for line in table(text)}
    assert "<= 1.10 met" in rows["just"]
    assert "<= 1.10 NOT MET" in rows["over"]


def test_absent_proxies_keep_their_row_with_the_reason() -> None:
    results = {"base": measured(10.0), "gone": Missing("not installed"), "broken": Failed("ended with code 1")}

    text = as_text(results, "base", {}, Plan(rounds=1))

    rows = {line.split()[0]: line.split() for line in table(text)}
    assert rows["gone"] == ["gone", "missing", "not", "installed"]
    assert rows["broken"] == ["broken", "failed", "ended", "with", "code", "1"]
