"""Maps at run time: the commands of a step, and what HAProxy holds."""

import re
from collections.abc import Iterable

from haloy.proxies.haproxy.plan.steps import SetMapEntries, SwapMap
from haloy.proxies.haproxy.render.maps import CHECK_HOSTS, CHECK_PATHS, MAP_ORDER
from haloy.proxies.haproxy.runtime.cli_answers import CommandFailed
from haloy.proxies.haproxy.runtime.cli_commands import Command, command, map_commands
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi

_MAP = re.compile(r"^-?\d+ \((?P<name>[^)]+)\) .* curr_ver=(?P<current>\d+) next_ver=(?P<next>\d+) entry_cnt=\d+$")
_ENTRY = re.compile(r', found=yes, idx=\w+, key="(?P<key>[^ ]*)", value="(?P<value>.*)", type="\w+"$', re.DOTALL)
_FOLDER = "maps/"


def set_commands(step: SetMapEntries, limit: int | None) -> list[Command]:
    """New entries in as few payloads as fit, then the changed ones."""
    return [
        *map_commands(("add", "map", step.map), step.new, limit),
        *(command("set", "map", step.map, key, value) for key, value in step.changed),
    ]


def delete_commands(name: str, keys: Iterable[str]) -> list[Command]:
    return [command("del", "map", name, key) for key in keys]


def get_command(name: str, key: str) -> Command:
    return command("get", "map", name, key)


def found(answer: str, key: str) -> str | None:
    """What `get map` says of exactly this key, None: it is not there. Of a map of prefixes it may say what a shorter key has.

    Raises ValueError for an answer of another shape.
    """
    match = _ENTRY.search(answer)
    if match is not None:
        return match["value"] if match["key"] == key else None
    if "found=no" in answer:
        return None
    raise ValueError(f"not a `get map`: {answer[:100]!r}")


async def swap(api: RuntimeApi, step: SwapMap) -> None:
    """Build a new version beside the present one and commit it: a look-up sees the one or the other.

    A version that could not be finished is cleared away. Raises what `RuntimeApi.run` raises.
    """
    (answer,) = await api.run([command("prepare", "map", step.map)])
    version = answer.rsplit(" ", 1)[-1]
    try:
        await api.run(map_commands(("add", "map", f"@{version}", step.map), step.entries, api.limit))
        await api.run([command("commit", "map", f"@{version}", step.map)])
    except Exception:
        await api.attempt([command("clear", "map", f"@{version}", step.map)])
        raise


async def clear_unfinished(api: RuntimeApi) -> int:
    """Drop versions that a killed haloy prepared and never committed; how many maps had any."""
    text = (await api.run(["show map"]))[0]
    stale = [match for match in map(_MAP.match, text.splitlines()) if match and match["next"] != match["current"]]
    commands = [
        command("clear", "map", f"@{version}", match["name"])
        for match in stale
        for version in range(int(match["current"]) + 1, int(match["next"]) + 1)
    ]
    await api.run(commands)
    return len(stale)


async def read(api: RuntimeApi, names: Iterable[str] | None) -> dict[str, dict[str, str]]:
    """The content of the maps `names`, None: of all that are loaded. A name that is not loaded is left out.

    The listing of HAProxy says where each map is used, and leaves those out that are used so often that this does not fit into
    one buffer: what every slot looks up. So those of haloy's own names that it lacks are asked for one by one.
    """
    listing = (await api.run(["show map"]))[0]
    found = (match["name"] for match in map(_MAP.match, listing.splitlines()) if match)
    listed = [name for name in found if name.startswith(_FOLDER)]
    possible = [*listed, *(name for name in (CHECK_PATHS, CHECK_HOSTS, *MAP_ORDER) if name not in listed)]
    chosen = possible if names is None else sorted(set(names) & set(possible))
    answers = await api.attempt([command("show", "map", name) for name in chosen])
    loaded = {}
    for name, answer in zip(chosen, answers, strict=True):
        if not answer.failed:
            loaded[name] = parse(answer.text)
        elif name in listed:
            raise CommandFailed(str(answer.command), answer.text)
    return loaded


def parse(text: str) -> dict[str, str]:
    """`show map NAME`. Entries of one key with different values, which only a fault leaves, give a value equal to none."""
    entries: dict[str, str] = {}
    for line in text.split("\n"):
        parts = line.split(" ", 2)
        if len(parts) < 2:
            continue
        value = parts[2] if len(parts) > 2 else ""
        if entries.setdefault(parts[1], value) != value:
            entries[parts[1]] = f"{entries[parts[1]]}\n{value}"
    return entries
