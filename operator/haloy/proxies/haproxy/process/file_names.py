"""How long the names of the configuration's files may be together.

To reload, HAProxy's master executes itself with the names of all files that it has read in one variable of the environment,
`HAPROXY_CFGFILES=DIR/NAME;DIR/NAME;...`. Linux takes 131,072 bytes of one variable with its end (MAX_ARG_STRLEN, execve(2)). One byte
more, and the master dies: "Failed to reexecute the master process: Argument list too long" (HAProxy 2.8.25, tried).
"""

import os
from collections.abc import Collection
from pathlib import Path

LIMIT = 98_304
"""Three quarters of what Linux takes."""


def length(directory: Path, names: Collection[str]) -> int:
    """Bytes of the variable for files `names` in `directory`, as HAProxy was given it."""
    folder = len(os.fsencode(directory)) + 1
    return len("HAPROXY_CFGFILES=") + sum(folder + len(os.fsencode(name)) + 1 for name in names)


def too_long(directory: Path, names: Collection[str]) -> str | None:
    """Why HAProxy must not be given these files; None: it may."""
    found = length(directory, names)
    if found <= LIMIT:
        return None
    return (
        f"HAProxy could not reload any more: the names of its {len(names)} configuration files have {found} bytes together, "
        f"{LIMIT} are allowed; a shorter --state, or fewer spare slots (--spare-slots, --max-spare-slots) help"
    )
