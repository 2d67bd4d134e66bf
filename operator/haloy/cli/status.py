"""`haloy status` and `haloy reloads`: what a running haloy says of itself."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from haloy.cli.admin_client import DEFAULT_ADMIN, Admin, ask
from haloy.cli.display import condition, message_of, name, problem_lines, route_table, routes
from haloy.cli.output import Format, console, emit, epilog, one_line

Output = Annotated[Format, typer.Option("-o", "--output", help="table, json or yaml.")]

STATUS_EPILOG = epilog(
    "haloy status",
    "haloy status -o json",
    "haloy status --admin 127.0.0.1:9901",
    codes="0 all is Ready, 1 something is not, 2 no haloy answers",
)
RELOADS_EPILOG = epilog("haloy reloads", "haloy reloads -o yaml")


def status(output: Output = Format.TABLE, admin: Admin = DEFAULT_ADMIN) -> None:
    """Show the state of every object of the running haloy."""
    found = ask(admin, "/v1/status", "objects")
    if output is Format.TABLE:
        _print_tables(console(), found)
    else:
        emit(found, output)
    raise typer.Exit(0 if found["ready"] else 1)


def _print_tables(out: Console, found: Mapping[str, Any]) -> None:
    out.print(route_table(routes(found), {}))
    backends = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("BACKEND", "READY", "UP", "CHECK", "ENDPOINTS NOT HEALTHY", "MESSAGE"):
        backends.add_column(heading, overflow="fold")
    for item in found["objects"]:
        if item["kind"] != "Backend":
            continue
        bad = [
            f"{endpoint['address']}:{endpoint['port']} {endpoint['health']} ({endpoint['reason']})"
            for endpoint in item["status"]["endpoints"]
            if endpoint["health"] != "Healthy"
        ]
        ready = condition(item, "Ready").get("status", "Unknown")
        columns = item["status"]
        backends.add_row(
            *(
                one_line(cell)
                for cell in (
                    name(item),
                    ready,
                    columns.get("up", ""),
                    columns.get("check", ""),
                    ", ".join(bad),
                    message_of(item),
                )
            )
        )
    out.print()
    out.print(backends)
    for line in problem_lines(found):
        out.print(one_line(line, "red"), soft_wrap=True)
    out.print()
    for line in (*found["notes"], found["cycle"]):
        out.print(one_line(line, "dim"), soft_wrap=True)


def reloads(output: Output = Format.TABLE, admin: Admin = DEFAULT_ADMIN) -> None:
    """Show the last reloads of HAProxy and why each one was needed."""
    found = ask(admin, "/v1/reloads", "reloads")
    if output is not Format.TABLE:
        emit(found, output)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("TIME", "GENERATION", "RESULT", "SECONDS", "CAUSE", "OBJECT", "DETAIL"):
        table.add_column(heading, overflow="fold")
    for record in found["reloads"]:
        first = [
            record["at"][:19],
            str(record["generation"]),
            "ok" if record["success"] else f"failed: {record['alert']}",
            f"{record['seconds']:.2f}",
        ]
        for reason in record["reasons"] or [{"cause": "", "source": None, "detail": ""}]:
            told = (*first, reason["cause"], reason["source"] or "", reason["detail"])
            table.add_row(*map(one_line, told))
            first = ["", "", "", ""]
    console().print(table)
