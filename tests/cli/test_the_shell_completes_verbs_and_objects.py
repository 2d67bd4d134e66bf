from pathlib import Path

from tests.cli.command import EXAMPLES, haloy


def complete(words: str, cwd: Path) -> list[str]:
    env = {"_HALOY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    return haloy(cwd=cwd, env=env).out.split()


def test_the_script_for_the_shell_is_printed() -> None:
    assert "complete -o default -F _haloy_completion haloy" in haloy(env={"_HALOY_COMPLETE": "source_bash"}).out


def test_verbs_are_offered() -> None:
    assert complete("haloy re", EXAMPLES) == ["render", "reloads"]


def test_objects_of_the_current_directory_are_offered() -> None:
    assert complete("haloy explain backend/", EXAMPLES / "quickstart") == [
        f"backend/default/{name}" for name in ("api", "shop", "v1", "v2")
    ]


def test_broken_files_offer_nothing_and_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    assert complete("haloy explain ", tmp_path) == []
