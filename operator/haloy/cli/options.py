"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        help="The YAML file of settings that `haloy serve --config` reads (binds, limits).",
        envvar="HALOY_CONFIG",
        show_default=False,
    ),
]
