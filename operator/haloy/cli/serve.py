"""`haloy serve`."""

import asyncio
import gc
from pathlib import Path
from typing import Annotated

import typer

from haloy.cli.output import epilog, fail

PROXY = "The proxy's front"
LIMITS = "Limits of the client's side"
OPERATION = "Operation"

EPILOG = (
    "Every option is also an environment variable (HALOY_HTTP for --http) and a key of the file given by --config "
    "(`http:`); an option goes before the variable, the variable before the file.\n\n"
) + epilog(
    "haloy serve examples/quickstart --demo",
    "haloy serve /etc/haloy --http :80 --https :443",
    "haloy serve DIR --once",
    codes="0 stopped as asked (with --once: all is Ready), 1 with --once: something is not, 2 it could not start",
)

Text = Annotated[str | None, typer.Option(show_default=False)]


def serve(
    directory: Annotated[
        Path | None, typer.Argument(help="The directory of YAML to serve.", show_default=False)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file of settings.", show_default=False)] = None,
    http: Annotated[
        list[str] | None,
        typer.Option(help="ADDRESS:PORT for plain HTTP; may be repeated. [127.0.0.1:8080]", rich_help_panel=PROXY),
    ] = None,
    https: Annotated[
        list[str] | None,
        typer.Option(
            help="ADDRESS:PORT for HTTPS; may be repeated; '' for none. [127.0.0.1:8443]", rich_help_panel=PROXY
        ),
    ] = None,
    http_public_port: Annotated[
        int | None, typer.Option(help="The port that clients see for HTTP. [the bind's]", rich_help_panel=PROXY)
    ] = None,
    https_public_port: Annotated[
        int | None, typer.Option(help="The port that clients see for HTTPS. [the bind's]", rich_help_panel=PROXY)
    ] = None,
    accept_proxy_protocol: Annotated[
        bool | None,
        typer.Option(
            "--accept-proxy-protocol", help="Client connections begin with PROXY v1 or v2.", rich_help_panel=PROXY
        ),
    ] = None,
    trusted_proxies: Annotated[
        list[str] | None,
        typer.Option(
            help="CIDR whose X-Forwarded-* and Forwarded are believed; may be repeated.", rich_help_panel=PROXY
        ),
    ] = None,
    nameservers: Annotated[
        list[str] | None,
        typer.Option(
            help="ADDRESS[:PORT] to ask about endpoints' DNS names; may be repeated. [as resolv.conf says]",
            rich_help_panel=PROXY,
        ),
    ] = None,
    haproxy: Annotated[
        Path | None, typer.Option(help="The HAProxy binary. [the embedded one, else PATH]", rich_help_panel=PROXY)
    ] = None,
    max_connections: Annotated[
        int | None,
        typer.Option(help="Client connections at once. [half the descriptors less 2,000]", rich_help_panel=LIMITS),
    ] = None,
    max_header_size: Annotated[
        str | None, typer.Option(help="Largest request head. [15Ki]", rich_help_panel=LIMITS)
    ] = None,
    max_body_size: Annotated[
        str | None, typer.Option(help="Largest request body by its Content-Length. [none]", rich_help_panel=LIMITS)
    ] = None,
    request_timeout: Annotated[
        str | None, typer.Option(help="Longest wait for a request's head. [10s]", rich_help_panel=LIMITS)
    ] = None,
    idle_timeout: Annotated[
        str | None, typer.Option(help="Longest silence of a client within a request. [30s]", rich_help_panel=LIMITS)
    ] = None,
    keep_alive_timeout: Annotated[
        str | None, typer.Option(help="Longest wait for the next request. [10s]", rich_help_panel=LIMITS)
    ] = None,
    max_streams: Annotated[
        int | None, typer.Option(help="HTTP/2 streams at once on a connection. [100]", rich_help_panel=LIMITS)
    ] = None,
    admin: Annotated[
        list[str] | None,
        typer.Option(help="ADDRESS:PORT for probes, metrics, status. [127.0.0.1:9900]", rich_help_panel=OPERATION),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Last known good, sockets, maps, certificates.", rich_help_panel=OPERATION)
    ] = None,
    access_log: Annotated[
        str | None,
        typer.Option(
            help="stdout, off, or a file. [stdout; on a terminal a file of the state]", rich_help_panel=OPERATION
        ),
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json. [text]", rich_help_panel=OPERATION)] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error. [info]", rich_help_panel=OPERATION)
    ] = None,
    drain_timeout: Annotated[
        str | None, typer.Option(help="How long SIGTERM lets requests finish. [30s]", rich_help_panel=OPERATION)
    ] = None,
    reload_interval: Annotated[
        str | None, typer.Option(help="Least time between two reloads. [5s]", rich_help_panel=OPERATION)
    ] = None,
    spare_slots: Annotated[
        int | None,
        typer.Option(
            help="Places for new Backends laid out ahead, for each kind of them; 0: each one reloads. [128]",
            rich_help_panel=OPERATION,
        ),
    ] = None,
    max_spare_slots: Annotated[
        int | None,
        typer.Option(help="Such places in all, about 12 kB of memory each. [4096]", rich_help_panel=OPERATION),
    ] = None,
    lua: Annotated[
        bool | None,
        typer.Option(
            "--lua/--no-lua",
            help="Without Lua, conditions and filters are compiled, and changes of them reload. [with, if HAProxy has it]",
            rich_help_panel=OPERATION,
            show_default=False,
        ),
    ] = None,
    proxy_class: Annotated[
        str | None, typer.Option(help="Routes of which class are served. [default]", rich_help_panel=OPERATION)
    ] = None,
    once: Annotated[
        bool | None,
        typer.Option("--once", help="Apply, report, stop; exit 0 only if all is Ready.", rich_help_panel=OPERATION),
    ] = None,
    demo: Annotated[
        bool | None,
        typer.Option("--demo", help="Start the upstreams of examples/quickstart too.", rich_help_panel=OPERATION),
    ] = None,
) -> None:
    """Run a health-checked HAProxy from a directory of Routes, Backends and HealthPolicies, and keep it true to them."""
    gc.disable()  # What a start makes it keeps; haloy.runtime switches collection on again after the first cycle.
    from rich.console import Console

    from haloy.cli.display import choose
    from haloy.runtime import StartFailed, serve_directory
    from haloy.settings import Settings, SettingsError

    flags = {name: value for name, value in locals().items() if name in Settings.model_fields}
    for name in ("http", "https", "admin", "trusted_proxies", "nameservers"):
        if flags[name]:
            flags[name] = ",".join(flags[name])
    try:
        settings = Settings.load(flags, config)
        display = choose(Console(), settings.once, settings.log_format == "json")
        code = asyncio.run(serve_directory(settings, display))
    except (SettingsError, StartFailed) as error:
        fail(str(error))
    finally:
        gc.enable()
    raise typer.Exit(code)
