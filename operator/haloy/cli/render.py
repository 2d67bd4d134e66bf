"""`haloy render`: the HAProxy configuration that files come to."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haloy.cli.completion import complete_ref
from haloy.cli.options import Config
from haloy.cli.output import epilog, fail, warn

if TYPE_CHECKING:
    from haloy.cli.configuration import Configuration

MANIFEST = ".haloy-render"
"""Lists what `--out` wrote, so that the next time takes away what is no longer part of it, and nothing else."""

EPILOG = epilog(
    "haloy render examples/quickstart",
    "haloy render examples/canary --object route/default/shop",
    "haloy render . --out haproxy && haproxy -c -f haproxy",
    codes="0 all of it, 1 something was left out (said on standard error), 2 it could not be done",
)


def render(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and directories; - is standard input. [.]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the directory that HAProxy would read.", show_default=False)
    ] = None,
    ref: Annotated[
        str | None,
        typer.Option(
            "--object",
            metavar="KIND/NAMESPACE/NAME",
            help="Print only what comes from this object.",
            show_default=False,
            autocompletion=complete_ref,
        ),
    ] = None,
    config: Config = None,
    no_resolve: Annotated[
        bool, typer.Option("--no-resolve", help="Do not look up DNS names; each stands for an address of nobody.")
    ] = False,
) -> None:
    """Print the configuration that would run, every block under a comment that names its object and field.

    Certificates and keys are never printed, only their names and digests; with --out they are written, for the owner only.
    """
    from haloy.cli.configuration import configuration, write
    from haloy.cli.excerpt import excerpt
    from haloy.cli.lookup import look_up
    from haloy.cli.offline import PathError, rejection_lines, settings_for, translate_paths
    from haloy.model.refs import ObjectRef
    from haloy.proxies.haproxy.render.tokens import UnsafeValueError
    from haloy.settings import SettingsError

    chosen = paths or [Path()]
    try:
        wanted = ObjectRef.parse(ref) if ref is not None else None
        snapshot, translation = translate_paths(chosen, config, None if no_resolve else look_up)
        settings = settings_for(chosen, config)
        rendered = configuration(translation.delivery, settings, settings.state_dir)
    except (PathError, SettingsError, UnsafeValueError, ValueError) as error:
        fail(str(error))
    if wanted is not None and wanted not in snapshot.objects:
        fail(f"there is no {wanted} in the files", code=1)
    if wanted is not None:
        lines, entries = excerpt(rendered, wanted)
        _print_files(lines)
        _print_maps(entries, rendered)
    elif out is None:
        _print_files({name: text for name, text in rendered.files.items() if name not in rendered.artifacts.maps})
        _print_maps(rendered.artifacts.maps, rendered)
        _print_pem(rendered)
    else:
        try:
            _prepare(out)
            names = write(rendered, out)
            _finish(out, names)
        except OSError as error:
            fail(f"{error.filename or out} cannot be written: {error.strerror or error}")
        typer.echo(f"{out}: {len(names)} files, revision {rendered.artifacts.revision}")
    left_out = [
        *rejection_lines(snapshot),
        *(_unresolved(name, words) for name, words in _failed(snapshot.resolutions)),
    ]
    for line in left_out:
        warn(line)
    raise typer.Exit(1 if left_out else 0)


def _failed(resolutions: Mapping[str, object]) -> list[tuple[str, str]]:
    failed = ((name, str(getattr(answer, "error", "") or "")) for name, answer in resolutions.items())
    return [(name, words) for name, words in failed if words]


def _unresolved(name: str, words: str) -> str:
    return f"left out: the address {name} does not resolve: {words}"


def _print_files(files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        typer.echo(f"# ===== {name} =====")
        typer.echo(content.decode("utf-8", "replace").rstrip("\n"))
        typer.echo()


def _print_maps(maps: Mapping[str, Mapping[str, str]], rendered: "Configuration") -> None:
    """Their entries; above a program what it does."""
    from haloy.cli.programs import described, texts
    from haloy.proxies.haproxy.render.maps import PROGRAMS

    for name, entries in maps.items():
        typer.echo(f"# ===== {name} =====")
        programs = texts(entries) if name == PROGRAMS else {}
        for key, value in entries.items():
            if key in programs:
                for sentence in described(programs[key], rendered.artifacts.layout.expressions):
                    typer.echo(f"# {key} {sentence}")
            typer.echo(f"{key} {value}")
        typer.echo()


def _print_pem(rendered: "Configuration") -> None:
    from haloy.proxies.haproxy.render.frontends import DEFAULT_CERTIFICATE

    for name, digest in rendered.digests.items():
        typer.echo(f"# ===== {name}: not printed, sha256 {digest} =====")
    for name in (rendered.options.fallback_certificate, DEFAULT_CERTIFICATE):
        if name not in rendered.digests:
            typer.echo(f"# ===== {name}: haloy's own, self-signed, made at the start =====")


def _prepare(out: Path) -> None:
    """Make sure that `out` is a directory of ours: none yet, an empty one, or one that `render` made before."""
    try:
        entries = {entry.name for entry in out.iterdir()} if out.exists() else set()
    except NotADirectoryError:
        fail(f"{out} is not a directory; --out takes a directory to write to")
    if entries and MANIFEST not in entries:
        fail(f"{out} holds other things; --out takes a new or an empty directory, or one that haloy render wrote")
    out.mkdir(parents=True, exist_ok=True)


def _finish(out: Path, names: list[str]) -> None:
    """Take away what an earlier run wrote and this one did not."""
    manifest = out / MANIFEST
    before = manifest.read_text(encoding="utf-8").splitlines() if manifest.exists() else []
    manifest.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    for name in set(before) - set(names):
        path = out / name
        if path.resolve().is_relative_to(out.resolve()):
            path.unlink(missing_ok=True)
