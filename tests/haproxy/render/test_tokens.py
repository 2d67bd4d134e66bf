"""The token writer: one word in, one word out, and no way around it."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.templates import print_template
from haloy.proxies.haproxy.render.tokens import Token, UnsafeValueError
from tests.haproxy.render.hostile import hostile
from tests.support.haproxy_words import Expansion, words

ROOT = Path(__file__).resolve().parents[3]


@given(hostile())
def test_a_word_is_read_back_as_it_was(value: str) -> None:
    assert words(f"keyword {tokens.word(value)} end") == ["keyword", value, "end"]


@given(hostile())
def test_a_literal_is_a_log_format_string_without_any_expression(value: str) -> None:
    (found,) = words(tokens.literal(value).text)
    if value:
        assert found.replace("%%", "\0").count("%") == 0
        assert found.replace("%%", "%") == value


@given(hostile())
def test_an_argument_stays_within_its_quotes(value: str) -> None:
    (found,) = words(tokens.word(f"url_param({tokens.argument(value)})").text)
    assert words(found.removeprefix("url_param(").removesuffix(")").replace("\\", "\\")) in ([value], [""])


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\x1b", "\x7f", "\t", "\ud800"])
def test_control_characters_are_refused(bad: str) -> None:
    for make in (tokens.word, tokens.literal, tokens.log_format, tokens.argument):
        with pytest.raises(UnsafeValueError):
            make(f"a{bad}b")


@settings(max_examples=300)
@given(st.one_of(hostile(), st.text(max_size=10)))
def test_names_are_one_plain_word_or_refused(value: str) -> None:
    makers = (tokens.name, tokens.rule_id, tokens.file, tokens.host)
    for make in makers:
        try:
            made = make(value)
        except UnsafeValueError:
            continue
        assert re.fullmatch(r"[!-~]+", made.text)
        assert not set(made.text) & set("'\"\\#$ {}")
    try:
        header = tokens.http_token(value)
    except UnsafeValueError:
        return
    assert words(header.text) == [value]


def test_the_tokenizer_of_these_tests_knows_the_environment() -> None:
    with pytest.raises(Expansion):
        words('set-header x "$HOME"')
    assert words(r"a\ b 'c d'\''e' # no") == ["a b", "c d'e"]


def test_a_template_prints_tokens_only() -> None:
    values = {"name": tokens.name("n"), "body": Token("b")}
    assert "backend n" in print_template("notfound.cfg.j2", **values)
    with pytest.raises(TypeError):
        print_template("notfound.cfg.j2", **{**values, "body": "plain text"})
    with pytest.raises(UndefinedError):
        print_template("notfound.cfg.j2", name=tokens.name("n"))


def test_only_constants_are_keywords() -> None:
    """`keyword` is for text in the source: no call computes its argument."""
    folder = ROOT / "operator" / "haloy" / "proxies" / "haproxy"
    found = subprocess.run(
        ["grep", "-rnoE", r"keyword\([^\"'t)][^)]*\)", "--include=*.py", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert [
        line for line in found.splitlines() if "def keyword" not in line and "text: LiteralString" not in line
    ] == []
