"""Durations, sizes and suggestions: what is accepted, what is printed back, what is refused in which words."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from haloy.text import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    did_you_mean,
    format_duration,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0s", 0),
        ("500ms", 500),
        ("30s", 30_000),
        ("1m30s", 90_000),
        ("1h", 3_600_000),
        ("90s", 90_000),
        ("1h2m3s4ms", 3_723_004),
        ("1s1s", 2_000),
        ("00001s", 1_000),
        ("99999h", 359_996_400_000),
    ],
)
def test_a_duration_is_read_as_milliseconds(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "30", "s", "1.5s", "-1s", "1d", "1 s", "30s\n", " 30s", "100000s", "1s1s1s1s1s", "1S", "٣s", "1us"]
)
def test_what_is_not_a_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: .*for example 1m30s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "0s"), (1, "1ms"), (90_000, "1m30s"), (3_600_000, "1h"), (3_723_004, "1h2m3s4ms")]
)
def test_a_duration_is_printed_from_large_to_small(milliseconds: int, text: str) -> None:
    assert format_duration(milliseconds) == text


@given(st.integers(0, 99_999 * 3_600_000 + 3_599_999))
def test_a_printed_duration_reads_back_as_itself(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@pytest.mark.parametrize("milliseconds", [-1, 100_000 * 3_600_000])
def test_a_duration_that_has_no_form_is_refused(milliseconds: int) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        format_duration(milliseconds)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1000", 1000),
        ("16Ki", 16_384),
        ("10Mi", 10_485_760),
        ("2M", 2_000_000),
        ("3k", 3_000),
        ("1Ti", 2**40),
    ],
)
def test_a_size_is_read_as_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "Mi", "1.5Mi", "-1", "10MB", "10mi", "1K", "10Mi\n", "1e3", "1" * 16])
def test_what_is_not_a_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a size: .*for example 10Mi"):
        parse_size(text)


@given(st.text() | st.from_regex(DURATION_PATTERN) | st.from_regex(SIZE_PATTERN))
@example("30s\n")
def test_a_reader_accepts_exactly_what_its_schema_pattern_accepts(text: str) -> None:
    for read, pattern in ((parse_duration, DURATION_PATTERN), (parse_size, SIZE_PATTERN)):
        # In the schema's dialect (ECMA 262, RE2) `$` is the very end; Python also lets a newline follow it.
        accepted = re.search(pattern.replace("$", r"\Z"), text) is not None
        if accepted:
            assert read(text) >= 0
        else:
            with pytest.raises(ValueError, match="is not a"):
                read(text)


def test_a_refusal_stays_on_one_line_and_is_cut_short() -> None:
    with pytest.raises(ValueError, match="is not a duration") as refused:
        parse_duration("evil\nline" + "x" * 10_000)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("bakendRefs", "backendRefs"),
        ("backendrefs", "backendRefs"),
        ("hots", "hosts"),
        ("path", "path"),
        ("zebra", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest_option(word: str, meant: str | None) -> None:
    assert did_you_mean(word, ["hosts", "backendRefs", "path", "timeouts"]) == meant


def test_no_options_give_no_suggestion() -> None:
    assert did_you_mean("hosts", []) is None
