"""Whether an HAProxy that an earlier haloy left behind may be kept."""

import os
import stat
from pathlib import Path

from haloy.proxies.haproxy.runtime.cli_answers import CommandFailed
from haloy.proxies.haproxy.runtime.cli_parsers import parse_info
from haloy.proxies.haproxy.runtime.master_api import MasterApi
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable

_ADDED_BY_RELOAD = ("-sf", "-st", "-x")
"""Options that a master may give itself when it starts anew; each with values."""


async def unfit(pid: int, arguments: list[str], log: int, master: MasterApi, runtime: RuntimeApi) -> str | None:
    """Why the master `pid` must be replaced, or None. It must be what would be started now (`arguments`), write its
    access log where `log` leads, have one worker, and that worker must answer and not be on its way out."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
        running = str(Path(f"/proc/{pid}/exe").readlink())
        their_log = Path(f"/proc/{pid}/fd/1").stat()
    except OSError as error:
        return f"it cannot be looked at ({error.strerror})"
    if running != os.path.realpath(arguments[0]):
        return f"it runs {running}, not {arguments[0]}"
    if _without_reload_options(words)[1:] != arguments[1:]:
        return "it was started with other arguments"
    if not _same_log(their_log, os.fstat(log)):
        return "its access log goes elsewhere"
    try:
        workers = (await master.processes()).workers
        info = parse_info(await runtime.call("show", "info"))
    except (RuntimeUnavailable, CommandFailed, ValueError) as error:
        return f"it does not answer ({error})"
    if info.get("Stopping") != "0" or info.get("Pid") not in [str(worker.pid) for worker in workers]:
        await runtime.disconnect()
        return "it is stopping"
    return None


def _without_reload_options(words: list[str]) -> list[str]:
    kept: list[str] = []
    skipping = False
    for word in words:
        if word.startswith("-"):
            skipping = word in _ADDED_BY_RELOAD
        if not skipping:
            kept.append(word)
    return kept


def _same_log(theirs: os.stat_result, ours: os.stat_result) -> bool:
    """The same file, pipe or terminal. A socket (systemd's journal) is good for its whole life, whoever opened it."""
    if stat.S_ISSOCK(theirs.st_mode) and stat.S_ISSOCK(ours.st_mode):
        return True
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)
