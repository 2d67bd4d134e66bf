"""Injection: whatever a user's string holds, HAProxy reads it as that string and as nothing else."""

import re
import shutil
from pathlib import Path
from string import punctuation
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from haloy.model.model import Model
from haloy.proxies.haproxy.render.render import config_files, render
from haloy.proxies.haproxy.render.tokens import UnsafeValueError
from tests.haproxy.render.hostile import SECRET, SNIPPETS, escaped, hostile, one_of_everything, with_name
from tests.support.haproxy_words import config_words
from tests.support.running_haproxy import check, options, write_files

MARK = "marker"
_DIGESTS = re.compile(
    r"\b(?:header|query|path|method)\.[0-9a-f]{16}|\bfits[._][0-9a-f]{16}|\bslot\.[0-9a-f]{16}|\?[0-9a-f]{16}|files/[0-9a-f]{24}\.body"
)
_IN_ONE_DIRECTORY = [HealthCheck.function_scoped_fixture]


def lines(model: Model, directory: Path, *, lua: bool) -> list[list[str]]:
    """All configuration lines as words, without what is only a digest of the value."""
    files = config_files(render(model, options(directory, lua=lua)))
    text = "\n".join(files[name].decode() for name in sorted(files) if name.endswith(".cfg"))
    return [[_DIGESTS.sub("DIGEST", word) for word in found] for found in config_words(text)]


def forms(value: str) -> set[str]:
    """How `value` may stand in a word: as it is, in a log-format string, in a path, as an argument, as an expression."""
    path = quote(value, safe="/%:@!$&'()*+,;=~-._")
    plain = {value, escaped(value), path, path.lstrip("/"), path.rstrip("/"), path.strip("/")}
    plain |= {quote(value, safe=punctuation)}
    quoted = {value.replace("'", "'\\''")}
    return plain | quoted | {form.replace("%", "%%") for form in plain}


@settings(max_examples=80, suppress_health_check=_IN_ONE_DIRECTORY)
@given(value=hostile())
@example(value="}")
@example(value="")
@pytest.mark.parametrize("lua", [True, False])
def test_only_the_words_that_hold_the_value_change(value: str, lua: bool, tmp_path: Path) -> None:
    """Line by line and word by word the configuration is that of a harmless value."""
    harmless = lines(one_of_everything(MARK, 80, 81), tmp_path, lua=lua)
    found = lines(one_of_everything(value, 80, 81), tmp_path, lua=lua)
    if not value.strip():  # an empty body needs no file, an empty expectation no line, a Host of blanks is none
        return
    assert [len(line) for line in found] == [len(line) for line in harmless]
    for wanted, got in zip(harmless, found, strict=True):
        for wanted_word, got_word in zip(wanted, got, strict=True):
            if MARK not in wanted_word:
                assert got_word == wanted_word
            else:
                possible = {wanted_word.replace(MARK, form) for form in forms(value)}
                possible.add(wanted_word.replace(f"({MARK})", "('" + value.replace("'", "'\\''") + "')"))
                possible |= {word.replace("//", "/", 1) for word in possible} | {f"/%[path,bytes({n})]" for n in (7, 8)}
                assert got_word in possible


@settings(max_examples=25, suppress_health_check=_IN_ONE_DIRECTORY)
@given(values=st.lists(hostile(), min_size=1, max_size=12, unique=True))
@example(values=SNIPPETS)
def test_haproxy_accepts_every_value_anywhere(values: list[str], haproxy_binary: Path, tmp_path: Path) -> None:
    """Many values at once, each in a file of its own, so that one start of HAProxy checks them all."""
    shutil.rmtree(tmp_path / "conf", ignore_errors=True)
    model = merged([one_of_everything(value, 8080, 81) for value in values])
    for lua in (True, False):
        conf = write_files(tmp_path, render(model, options(tmp_path, lua=lua)))
        assert check(haproxy_binary, conf, {"CANARY": SECRET}) == ""
        shutil.rmtree(conf)


def merged(models: list[Model]) -> Model:
    """The models side by side: hosts, rules and clusters get a number each."""
    from dataclasses import replace

    hosts, clusters = [], []
    for number, model in enumerate(models):
        for one in model.virtual_hosts:
            candidates = tuple(
                replace(
                    item,
                    rule=replace(
                        item.rule,
                        id=f"{item.rule.id}.{number}",
                        targets=tuple(
                            replace(target, cluster=f"{target.cluster}{number}") for target in item.rule.targets
                        ),
                    ),
                )
                for item in one.candidates
            )
            hosts.append(replace(one, host=f"h{number}.example.com", candidates=candidates))
        clusters += [replace(one, name=f"{one.name}{number}") for one in model.clusters]
    return replace(models[0], virtual_hosts=tuple(hosts), clusters=tuple(clusters))


@given(
    value=st.builds(
        lambda before, bad, after: before + bad + after,
        hostile(),
        st.sampled_from(["\n", "\r", "\0", "\x1b", "\x7f", "\t", "\ud800"]),
        hostile(),
    )
)
@settings(suppress_health_check=_IN_ONE_DIRECTORY)
def test_what_no_line_can_hold_is_refused_as_a_whole(value: str, tmp_path: Path) -> None:
    for lua in (True, False):
        with pytest.raises(UnsafeValueError):
            render(one_of_everything(value, 80, 81), options(tmp_path, lua=lua))


@settings(max_examples=60, suppress_health_check=_IN_ONE_DIRECTORY)
@given(value=hostile())
def test_where_only_a_name_may_stand_anything_else_is_refused_or_is_one_word(value: str, tmp_path: Path) -> None:
    for number, (model, benign) in enumerate(zip(with_name(value), with_name("marker"), strict=True)):
        try:
            found = lines(model, tmp_path, lua=False)
        except UnsafeValueError:
            continue
        harmless = lines(benign, tmp_path, lua=False)
        assert [len(line) for line in found] == [len(line) for line in harmless], number
