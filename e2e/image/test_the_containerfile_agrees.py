"""The Containerfile runs the same builder; what it says itself (user, settings, labels) is what the builder says."""

import json
import re
import shlex
from pathlib import Path

import haloy
from image.build import ENVIRONMENT, Origin
from image.oci import Image

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Of the last stage, in order, with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", (ROOT / "Containerfile").read_text(), flags=re.MULTILINE))
    lines = [line.partition(" ") for line in text.splitlines() if line.strip()]
    last = max(number for number, (word, _, _) in enumerate(lines) if word == "FROM")
    return [(word, rest) for word, _, rest in lines[last:]]


def said(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def pairs(word: str) -> dict[str, str]:
    return dict(item.split("=", 1) for rest in said(word) for item in shlex.split(rest))


def test_it_stands_on_nothing() -> None:
    assert said("FROM") == ["scratch"]


def test_the_layers_come_from_what_changes_least() -> None:
    assert said("COPY") == [f"--from=build /layers/{name} /" for name in ("base", "libraries", "haloy")]


def test_the_settings_are_the_builders() -> None:
    assert pairs("ENV") == dict(ENVIRONMENT)


def test_the_labels_are_the_builders() -> None:
    arguments = {"${VERSION}": haloy.__version__, "${REVISION}": "abc"}
    labels = {name: arguments.get(value, value) for name, value in pairs("LABEL").items()}
    assert labels == Origin(haloy.__version__, 0, "abc").labels()


def test_the_version_is_the_one_in_the_source() -> None:
    assert f"VERSION={haloy.__version__}" in said("ARG")


def test_user_entry_point_and_ports_are_the_builders() -> None:
    built = Image(layers=(), architecture="amd64", created=0, entrypoint=("haloy",))
    assert said("USER") == [built.user]
    assert json.loads(said("ENTRYPOINT")[0]) == list(built.entrypoint)
    assert said("STOPSIGNAL") == [built.stop_signal]
    assert said("EXPOSE") == ["8080/tcp 8443/tcp"]


def test_the_build_gets_all_it_needs_and_no_environment_of_a_checkout() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Containerfile").read_text(), flags=re.MULTILINE)
        for name in line.split()[:-1]
    }
    assert "*" in ignored
    assert copied == {line.removeprefix("!") for line in ignored if line.startswith("!")}
