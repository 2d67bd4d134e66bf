"""Hostile and mistaken YAML ends in a message with a place, soon."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloy.sources.json_documents import read_json
from haloy.sources.yaml_documents import MAX_BYTES, MAX_DEPTH, Unreadable, read_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
)


def values(text: str) -> list[object]:
    return [document.value for document in read_yaml(text.encode())]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, 3, "the field 'c' stands here and in line 3"),
        ("a: &x [*x]\n", 1, 8, "refers to no anchor before it"),
        ("a: !!python/object/apply:os.system [x]\n", 1, 4, "is not allowed; leave it out"),
        ("a: !!binary x\n", 1, 4, "is not allowed"),
        ("a: !!int x\n", 1, 4, "the value is not what its tag !!int says"),
        ("a:\n\tb: 1\n", 2, 1, "indented with a tab"),
        ("a: b: c\n", 1, 5, "put the text in quotes"),
        ("a: 'x\nb: 1", 2, 5, "unexpected end of stream"),
        ("a: 1\nb: \x07\n", 2, 4, "U+0007 is not allowed"),
        ("[a]: b\n", 1, 1, "a field name must be text"),
        ("<<: 1\n", 1, 5, "<< merges mappings"),
        (BOMB, 6, 0, "more than 1,000,000 values"),
        ("[" * 100_000, 1, MAX_DEPTH + 2, "nested deeper than 64 levels"),
        ("{a: " * 100_000, 1, 0, "nested deeper than 64 levels"),
        ("{{ .Values.x }}: 1\n", 1, 1, "a field name must be text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_yaml(text.encode())
    assert words in caught.value.problem
    assert caught.value.line == line
    assert column in (0, caught.value.column)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: 1\nb: \xff", "not UTF-8: byte 0xff"),
        (b" " * (MAX_BYTES + 1), "larger than 8 MiB"),
        (b"\xff\xfea\x00", "not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read_yaml(data)


def test_scalars_mean_what_kubectl_takes_them_for() -> None:
    text = "[on, No, 1.2, 1e3, 0x1F, 0777, 1_000, -5, ~, null, '', 'on', text, '1', +, ., y]"
    assert values(text) == [
        [True, False, 1.2, 1000.0, 31, 511, 1000, -5, None, None, "", "on", "text", "1", "+", ".", "y"]
    ]


def test_dates_and_numbers_to_the_base_of_sixty_stay_text() -> None:
    assert values("[2026-01-31, 12:30:45, 8080:80, 1.2.3]") == [["2026-01-31", "12:30:45", "8080:80", "1.2.3"]]


def test_field_names_are_text_always() -> None:
    assert values("on: 1\n1: 2\nnull: 3\n? x\n: 4\n") == [{"on": 1, "1": 2, "null": 3, "x": 4}]


def test_empty_documents_are_passed_over() -> None:
    assert values("---\n---\n# nothing\n---\na: 1\n...\n---\n") == [{"a": 1}]
    assert values("") == []
    assert values("\ufeffa: 1\n") == [{"a": 1}]


def test_anchors_and_merge_keys_work() -> None:
    assert values("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x\n") == [
        {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}, "z": {"a": 1, "b": 2}}
    ]


def test_anchors_end_with_their_document() -> None:
    with pytest.raises(Unreadable, match="no anchor"):
        read_yaml(b"a: &x 1\n---\nb: *x\n")


def message(read: Callable[[bytes], object], data: bytes) -> str:
    """Why the data is refused; "read" if it is not."""
    try:
        read(data)
    except Unreadable as error:
        return error.problem
    return "read"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_one_line(data: bytes) -> None:
    for read in (read_yaml, read_json):
        assert len(message(read, data).splitlines()) == 1


@given(st.text(alphabet="{}[]:,-&*!|>'\"%@` \n\tab1#?<", max_size=60))
def test_any_punctuation_is_read_or_refused_in_one_line(text: str) -> None:
    assert len(message(read_yaml, text.encode()).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', "stands twice"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": 1', "Expecting"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 100 + "]" * 100, "nested deeper than 64 levels"),
        ("1" * 10_000, "too many digits"),
        ("a: 1", "not valid JSON"),
    ],
)
def test_json_keeps_the_rules_of_json(text: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read_json(text.encode())


def test_json_may_hold_what_yaml_may_not() -> None:
    (document,) = read_json(b'\n\t{\n\t"a": "\\ud83d\\ude00"}', with_places=True)
    assert (document.value, document.line, document.column) == ({"a": "\U0001f600"}, 2, 2)
