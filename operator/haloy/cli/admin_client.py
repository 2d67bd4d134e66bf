"""Questions to the admin port of a running haloy."""

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import typer

from haloy.cli.output import fail

Admin = Annotated[
    str,
    typer.Option("--admin", envvar="HALOY_ADMIN", help="ADDRESS:PORT or URL of the admin port of the running haloy."),
]
DEFAULT_ADMIN = "127.0.0.1:9900"


def ask(admin: str, path: str, part: str, query: list[tuple[str, str]] | None = None) -> Mapping[str, Any]:
    """GET a view, which must have `part`. Leaves with a message for a person when nobody answers or the view is refused."""
    url = f"http://{_reachable(admin)}{path}" + (f"?{urlencode(query)}" if query else "")
    try:
        # Never through a proxy from the environment: the admin port is this machine's own.
        with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
            found = json.load(answer)
    except HTTPError as error:
        with error:
            fail(_words(error.read()) or f"{url} answers {error.code}", code=1 if error.code == 404 else 2)
    except (URLError, OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        fail(f"no haloy answers at {admin} ({reason}); is `haloy serve` running, or is --admin another port?")
    if not isinstance(found, dict) or part not in found:
        fail(f"what answers at {admin} is not haloy; is --admin another port?")
    return found


def _reachable(admin: str) -> str:
    """Where to connect for what `serve --admin` was given: the first of several, this machine for "every address". A URL does
    as well."""
    first = admin.split(",")[0].strip().removeprefix("http://").rstrip("/")
    return f"127.0.0.1{first}" if first.startswith(":") else first


def _words(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return ""
