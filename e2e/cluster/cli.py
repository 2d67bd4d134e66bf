"""`python -m e2e.cluster up|down|list|build`. Standard output is for a shell to evaluate; what a person reads goes to standard error."""

import argparse
import shlex
import sys
from collections.abc import Sequence

from e2e.cluster import build, place, run
from e2e.cluster.build import aloud
from e2e.cluster.errors import ClusterError

_DEFAULT = "default"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 (it did not work; standard error says why) or 2 (wrong use)."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "up":
                _up(options.name, node=options.node)
            case "down":
                _down([each.name for each in place.existing()] if options.all else [options.name])
            case "list":
                _list()
            case "build":
                build.programs()
    except ClusterError as error:
        aloud(str(error))
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m e2e.cluster", description="A Kubernetes of your own on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a cluster, print the line that makes kubectl use it")
    up.add_argument("--node", action="store_true", help="with a node that runs pods; needs root")
    down = commands.add_parser("down", help="stop a cluster; nothing of it stays")
    down.add_argument("--all", action="store_true", help="every cluster of this user")
    for command in (up, down):
        command.add_argument("--name", default=_DEFAULT, help="several clusters run side by side [%(default)s]")
    commands.add_parser("list", help="the clusters that run")
    commands.add_parser("build", help="build the programs now (minutes, once), start nothing")
    return parser


def _up(name: str, *, node: bool) -> None:
    cluster = run.start(name, node=node)
    aloud(f"logs: {cluster.place.folder}/*.log; stop: python -m e2e.cluster down --name {name}")
    sys.stdout.write(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}\n")
    sys.stdout.write(f'export PATH={shlex.quote(str(cluster.programs.folder))}:"$PATH"\n')


def _down(names: list[str]) -> None:
    for name in names:
        if place.find(name) is None:
            aloud(f"cluster {name}: there is none")
        else:
            run.stop(run.attached(name))
            aloud(f"cluster {name}: stopped, nothing left")


def _list() -> None:
    for each in place.existing():
        cluster = run.Cluster(each, build.programs())
        states = ", ".join(f"{process.name}{'' if process.runs else ' (ended)'}" for process in cluster.processes)
        sys.stdout.write(f"{each.name}\t{cluster.kubeconfig}\t{states}\n")
