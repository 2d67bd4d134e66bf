"""What is committed is what `make generate` writes."""

from pathlib import Path

from haloy.cli.generate import generated, main

ROOT = Path(__file__).parents[2]


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    main(["--out", str(tmp_path)])
    written = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path.is_file()}
    assert set(written) == set(generated())
    for name, path in written.items():
        assert path.read_bytes() == (ROOT / name).read_bytes(), f"{name} is out of date: run `make generate`"
