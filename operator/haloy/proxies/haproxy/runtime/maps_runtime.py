"""Maps at run time: the commands of a step, and what HAProxy holds."""

import re
from collections.abc import Iterable

from haloy.proxies.haproxy.plan.steps import DeleteMapEntries, SetMapEntries, SwapMap
from haloy.proxies.haproxy.runtime.cli_commands import Command, command, map_commands
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi

_MAP = re.compile(r"^-?\d+ \((?P<name>[^)]+)\) .* curr_ver=(?P<current>\d+) next_ver=(?P<next>\d+) entry_cnt=\d+$")
_FOLDER = "maps/"


def set_commands(step: SetMapEntries, limit: int | None) -> list[Command]:
    """New entries in as few payloads as fit, then the changed ones."""
    return [
        *map_commands(("add", "map", step.map), step.new, limit),
        *(command("set", "map", step.map, key, value) for key, value in step.changed),
    ]


def delete_commands(step: DeleteMapEntries) -> list[Command]:
    return [command("del", "map", step.map, key) for key in step.keys]


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
    """The content of the maps `names`, None: of all that are loaded. A name that is not loaded is left out."""
    listing = (await api.run(["show map"]))[0]
    found = (match["name"] for match in map(_MAP.match, listing.splitlines()) if match)
    loaded = [name for name in found if name.startswith(_FOLDER)]
    chosen = loaded if names is None else sorted(set(names) & set(loaded))
    answers = await api.run([command("show", "map", name) for name in chosen])
    return {name: parse(answer) for name, answer in zip(chosen, answers, strict=True)}


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
