"""`haloy route test` and `haloy explain`: why a request goes where it goes, and what an object comes to."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from haloy.cli.admin_client import DEFAULT_ADMIN, Admin, ask
from haloy.cli.completion import complete_ref
from haloy.cli.options import Config
from haloy.cli.output import Format, console, emit, epilog, fail, one_line, warn
from haloy.cli.status import Output

if TYPE_CHECKING:
    from haloy.api.snapshot import Snapshot
    from haloy.cli.offline import Resolve
    from haloy.translate import Translation

route = typer.Typer(no_args_is_help=True, help="Ask which Route answers a request.")

Files = Annotated[
    list[Path] | None,
    typer.Option("-f", "--files", help="Files or directories to read; may be repeated. [.]", show_default=False),
]

MOST_LOSERS = 20

TEST_EPILOG = epilog(
    "haloy route test GET http://shop.localhost/api/items -f examples/quickstart",
    "haloy route test POST https://shop.example.com/cart -H 'x-env: canary' --live",
    codes="0 a rule or a redirect answers, 1 none does (404), 2 it could not be told",
)
EXPLAIN_EPILOG = epilog(
    "haloy explain route/default/shop -f examples/quickstart",
    "haloy explain backend/default/shop --live",
    codes="0 explained, 1 there is no such object, 2 it could not be told",
)


@route.command("test", epilog=TEST_EPILOG)
def test(
    method: Annotated[str, typer.Argument(help="GET, POST, ...")],
    url: Annotated[str, typer.Argument(help="http://HOST/PATH or https://...")],
    header: Annotated[
        list[str] | None, typer.Option("-H", "--header", help="NAME: VALUE; may be repeated.", show_default=False)
    ] = None,
    files: Files = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the running haloy instead of reading files.")] = False,
    output: Output = Format.TABLE,
    config: Config = None,
    admin: Admin = DEFAULT_ADMIN,
) -> None:
    """Tell which Route and rule win for a request, and why the others lose."""
    from haloy.admin.views import ViewError, route_test

    pairs = _headers(header or [])
    if live:
        query = [("method", method), ("url", url), *(("header", f"{name}:{value}") for name, value in pairs)]
        found: Mapping[str, Any] = ask(admin, "/v1/route-test", "losers", query)
    else:
        _, translation = _translated(files, config)
        try:
            found = route_test(translation.delivery.model.virtual_hosts, method, url, pairs)
        except ViewError as error:
            fail(str(error))
    if output is Format.TABLE:
        _print_selection(console(), found)
    else:
        emit(found, output)
    raise typer.Exit(0 if found["winner"] or found["redirect"] else 1)


def _headers(lines: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            fail(f"-H {line!r} is not 'NAME: VALUE'")
        pairs.append((name.strip().lower(), value.strip()))
    return tuple(pairs)


def _print_selection(out: Console, found: Mapping[str, Any]) -> None:
    winner = found["winner"]
    out.print(one_line(found["reason"]), soft_wrap=True)
    if winner:
        head = f"wins   {winner['route']} rule {winner['rule']} ({winner['match']})"
        out.print(one_line(head, "green"), soft_wrap=True)
        for name in winner["filters"]:
            out.print(one_line(f"         filter {name}"), soft_wrap=True)
        for target in winner["backends"]:
            out.print(one_line(f"         backend {target['backend']} weight {target['weight']}"), soft_wrap=True)
    losers = found["losers"]
    for loser in losers[:MOST_LOSERS]:
        text = f"loses  {loser['route']} rule {loser['rule']} ({loser['match']}): {loser['reason']}"
        out.print(one_line(text, "dim"), soft_wrap=True)
    if len(losers) > MOST_LOSERS:
        out.print(one_line(f"... and {len(losers) - MOST_LOSERS} more; -o json lists all"), soft_wrap=True)


def _translated(
    files: list[Path] | None, config: Path | None, resolve: "Resolve | None" = None
) -> "tuple[Snapshot, Translation]":
    """What the files come to; what is left out of them is said on standard error."""
    from haloy.cli.offline import PathError, rejection_lines, translate_paths
    from haloy.settings import SettingsError

    try:
        snapshot, translation = translate_paths(files or [Path()], config, resolve)
    except (PathError, SettingsError) as error:
        fail(str(error))
    for line in rejection_lines(snapshot):
        warn(line)
    return snapshot, translation


def explain(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="KIND/NAMESPACE/NAME", help="For example route/default/shop.", autocompletion=complete_ref
        ),
    ],
    files: Files = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the running haloy: health and status are included.")
    ] = False,
    config: Config = None,
    admin: Admin = DEFAULT_ADMIN,
) -> None:
    """Show hosts, rules, backends, endpoints and health of an object, its conflicts, and where each value comes from."""
    from haloy.model.refs import ObjectRef

    try:
        wanted = ObjectRef.parse(ref)
    except ValueError as error:
        fail(str(error))
    if live:
        found = ask(admin, f"/v1/explain/{quote(str(wanted))}", "text")
        _print_explanation(found["text"], found["status"])
        return
    from haloy.cli.lookup import look_up
    from haloy.translate.explain import explain as explain_object

    snapshot, translation = _translated(files, config, look_up)
    try:
        text = explain_object(wanted, snapshot, translation).text()
    except KeyError:
        fail(f"there is no {wanted} in the files", code=1)
    _print_explanation(text, None)


def _print_explanation(text: str, status: Mapping[str, Any] | None) -> None:
    out = console()
    for line in text.splitlines():
        out.print(one_line(line), soft_wrap=True)
    if status is None:
        return
    for endpoint in status["status"].get("endpoints", []):
        where = f"{endpoint['address']}:{endpoint['port']}"
        line = f"endpoint {where} {endpoint['health']} ({endpoint['reason']}) since {endpoint['since']}"
        out.print(one_line(line), soft_wrap=True)
    for found in status["status"]["conditions"]:
        line = f"{found['type']}={found['status']} ({found['reason']}) {found['message']}"
        out.print(one_line(line.rstrip()), soft_wrap=True)
