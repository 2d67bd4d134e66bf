"""Any printable text reaches HAProxy as one argument, and comes back as it was."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloy.proxies.haproxy.runtime.cli_parsers import parse_map_entries
from haloy.proxies.haproxy.runtime.runtime_api import UnsafeCommand, command, map_payload
from tests.support.ports import free_port
from tests.support.small_haproxy import answering, small_haproxy

HOSTILE = [
    "a;b",
    "a; shutdown sessions server b/s",
    "back\\slash",
    "ends in \\",
    "'single'",
    '"double"',
    "#hash",
    "<<",
    "<<EOF",
    "two  blanks",
    " outer ",
    "$x ${HOME} %[env(HOME)]",
    "é漢",
    "@1",
    "\\n",
    "=",
    "-",
]


async def test_hostile_values_come_back_as_they_were(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        (haproxy.conf / "a.map").write_text("")
        await haproxy.start("r1", answering(free_port()) + "    http-request set-header x %[path,map(a.map)]\n")
        await haproxy.runtime.run(
            [command("add", "map", "a.map", f"key{number}", value) for number, value in enumerate(HOSTILE)]
        )
        shown = parse_map_entries(await haproxy.runtime.call("show", "map", "a.map"))
        assert [entry.value for entry in shown] == HOSTILE
        await haproxy.runtime.run([command("set", "map", "a.map", f"key{n}", f"{v}!") for n, v in enumerate(HOSTILE)])
        shown = parse_map_entries(await haproxy.runtime.call("show", "map", "a.map"))
        assert [entry.value for entry in shown] == [f"{value}!" for value in HOSTILE]
        await haproxy.runtime.run([command("del", "map", "a.map", f"key{n}") for n in range(len(HOSTILE))])
        assert await haproxy.runtime.call("show", "map", "a.map") == ""


async def test_hostile_keys_are_one_argument_too(haproxy_binary: Path, tmp_path: Path) -> None:
    keys = [key for key in HOSTILE if " " not in key]
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        (haproxy.conf / "a.map").write_text("")
        await haproxy.start("r1", answering(free_port()) + "    http-request set-header x %[path,map(a.map)]\n")
        await haproxy.runtime.run([command("add", "map", "a.map", key, "v") for key in keys])
        await haproxy.runtime.call("add", "map", "a.map", payload=map_payload([(f"{key}2", "w") for key in keys]))
        shown = parse_map_entries(await haproxy.runtime.call("show", "map", "a.map"))
        assert [(entry.key, entry.value) for entry in shown] == [
            *((key, "v") for key in keys),
            *((f"{key}2", "w") for key in keys),
        ]


@given(st.text(min_size=1))
def test_a_word_never_ends_its_command(word: str) -> None:
    try:
        line = command("show", "map", word).line
    except UnsafeCommand:
        assert any(ord(character) < 32 or ord(character) == 127 for character in word)
        return
    bare = line.replace("\\\\", "").replace("\\ ", "").replace("\\;", "").replace("\\<", "")
    assert ";" not in bare
    assert "<" not in bare
    assert bare.count(" ") == 2


@pytest.mark.parametrize(
    ("key", "value"), [("", "v"), ("a b", "v"), ("a\nb", "v"), ("k", ""), ("k", " v"), ("k", "v\n"), ("k", "a\x7f")]
)
def test_an_entry_that_would_not_be_read_back_is_refused(key: str, value: str) -> None:
    with pytest.raises(UnsafeCommand):
        map_payload([(key, value)])
