"""`haloy route test` and `haloy explain`: why a request goes where it goes, and what an object comes to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from haloy.cli.admin_client import DEFAULT_ADMIN, Admin, ask
from haloy.cli.output import Format, emit, fail
from haloy.cli.status import Output

route = typer.Typer(no_args_is_help=True, help="Ask which Route answers a request.")

Files = Annotated[
    list[Path] | None,
    typer.Option("-f", "--files", help="Files or directories to read; may be repeated. [.]", show_default=False),
]

TEST_EPILOG = """Examples: haloy route test GET http://shop.localhost/api/items -f examples/quickstart ·
haloy route test POST https://shop.example.com/cart -H 'x-env: canary' --live"""
EXPLAIN_EPILOG = (
    """Examples: haloy explain route/default/shop -f examples/quickstart · haloy explain backend/default/shop --live"""
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
    admin: Admin = DEFAULT_ADMIN,
) -> None:
    """Tell which Route and rule win for a request, and why the others lose. Exit 1 if none does (404)."""
    from haloy.admin.views import ViewError, route_test

    lines = header or []
    if live:
        query = [("method", method), ("url", url), *(("header", line) for line in lines)]
        found: Mapping[str, Any] = ask(admin, "/v1/route-test", query)
    else:
        from haloy.cli.offline import translate_paths

        try:
            _, translation = translate_paths(files or [Path()])
            found = route_test(translation.delivery.model.virtual_hosts, method, url, _headers(lines))
        except ViewError as error:
            fail(str(error))
    if output is Format.TABLE:
        _print_selection(Console(), found)
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


def _print_selection(console: Console, found: Mapping[str, Any]) -> None:
    winner = found["winner"]
    console.print(Text(found["reason"]), soft_wrap=True)
    if winner:
        head = f"wins   {winner['route']} rule {winner['rule']} ({winner['match']})"
        console.print(Text(head, style="green"), soft_wrap=True)
        for name in winner["filters"]:
            console.print(Text(f"         filter {name}"), soft_wrap=True)
        for target in winner["backends"]:
            console.print(Text(f"         backend {target['backend']} weight {target['weight']}"), soft_wrap=True)
    for loser in found["losers"]:
        text = f"loses  {loser['route']} rule {loser['rule']} ({loser['match']}): {loser['reason']}"
        console.print(Text(text, style="dim"), soft_wrap=True)


def explain(
    ref: Annotated[str, typer.Argument(metavar="KIND/NAMESPACE/NAME", help="For example route/default/shop.")],
    files: Files = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the running haloy: health and status are included.")
    ] = False,
    admin: Admin = DEFAULT_ADMIN,
) -> None:
    """Show hosts, rules, backends, endpoints and health of an object, its conflicts, and where each value comes from."""
    if live:
        found = ask(admin, f"/v1/explain/{ref}")
        _print_explanation(found["text"], found["status"])
        return
    from haloy.cli.offline import translate_paths
    from haloy.model.refs import ObjectRef
    from haloy.translate.explain import explain as explain_object

    try:
        wanted = ObjectRef.parse(ref)
    except ValueError as error:
        fail(str(error))
    snapshot, translation = translate_paths(files or [Path()])
    try:
        text = explain_object(wanted, snapshot, translation).text()
    except KeyError:
        fail(f"there is no {wanted} in the files", code=1)
    _print_explanation(text, None)


def _print_explanation(text: str, status: Mapping[str, Any] | None) -> None:
    console = Console()
    console.print(Text(text), soft_wrap=True)
    if status is None:
        return
    for endpoint in status["status"].get("endpoints", []):
        line = f"endpoint {endpoint['address']}:{endpoint['port']} {endpoint['health']} ({endpoint['reason']}) since {endpoint['since']}"
        console.print(Text(line), soft_wrap=True)
    for found in status["status"]["conditions"]:
        line = f"{found['type']}={found['status']} ({found['reason']}) {found['message']}"
        console.print(Text(line.rstrip()), soft_wrap=True)
