"""What the shell offers for an argument. Whatever goes wrong, it offers nothing."""

from collections.abc import Iterator
from pathlib import Path


def complete_ref(incomplete: str) -> Iterator[str]:
    """References to the objects below the current directory."""
    from haloy.cli.offline import PathError, read_paths

    try:
        snapshot = read_paths([Path()])
    except PathError:
        return
    yield from sorted(str(ref) for ref in snapshot.objects if str(ref).startswith(incomplete.lower()))
