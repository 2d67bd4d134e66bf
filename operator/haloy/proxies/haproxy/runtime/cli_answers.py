"""Whether an answer of HAProxy's CLI says success. There is no code for it, only each command's own words.

The words are those of 2.8.25, each provoked with the real HAProxy; where success is silence, any word is a failure.
"""

import re

from haloy.proxies.haproxy.runtime.cli_commands import Command


class CommandFailed(Exception):
    """HAProxy refused `command` (its payload is not part of it), saying `answer`."""

    def __init__(self, command: str, answer: str) -> None:
        super().__init__(f"{command}: {answer}")
        self.command = command
        self.answer = answer


# First words of a command -> what its answer holds on success; the longest prefix decides.
_SUCCESS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (prefix, re.compile(pattern, re.MULTILINE))
    for prefix, pattern in (
        ("add server", r"^New server registered\.$"),
        ("del server", r"^Server deleted\.$"),
        ("prepare map", r"^New version created: \d+$"),
        ("new ssl cert", r"^New empty certificate store '"),
        ("set ssl cert", r"^Transaction (created|updated) for certificate "),
        ("commit ssl cert", r"^Success!$"),
        ("abort ssl cert", r"^Transaction aborted for certificate "),
        ("del ssl cert", r"^Certificate '.*' deleted!$"),
        ("add ssl crt-list", r"^Success!$"),
        ("del ssl crt-list", r"^Entry '.*' deleted in crtlist "),
        ("new ssl ca-file", r"^New CA file created '"),
        ("set ssl ca-file", r"^transaction (created|updated) for CA "),
        ("add ssl ca-file", r"^transaction (created|updated) for CA "),
        ("commit ssl ca-file", r"^Success!$"),
        ("abort ssl ca-file", r"^Transaction aborted for certificate "),
        ("del ssl ca-file", r"^CA file '.*' deleted!$"),
        ("get var", r"^[^\s:]+: (type=|undefined)"),
    )
)
_SILENT = (
    "add map",
    "set map",
    "del map",
    "clear map",
    "commit map",
    "set server",
    "set weight",
    "set maxconn",
    "set var",
    "set timeout",
    "enable ",
    "disable ",
    "shutdown sessions server",
    "experimental-mode",
)
# `set server B/S addr A port P` reports each change, or that there is none to make (the last form: HAProxy 3.x); all are
# what was asked for.
_ADDRESS_REPORT = re.compile(
    r"^((IP changed from|no need to change|port changed from)[^\n]* by 'stats socket command'|nothing changed)$",
    re.ASCII,
)
_REFUSED = re.compile(
    r"^(Unknown command|Unknown map identifier|Unknown ACL identifier|Permission denied|This command is restricted"
    r"|No such |Can't |Variable not found|Version number |Missing |'[a-z -]+' expects|The command is too big)"
)


def failed(command: Command, answer: str) -> bool:
    """Whether `answer` (as `RuntimeApi` gives it, without final newlines) says that `command` did not happen."""
    line = command.line
    if _REFUSED.match(answer):
        return True
    for prefix, pattern in _SUCCESS:
        if line.startswith(prefix):
            return pattern.search(answer) is None
    if line.startswith("set server ") and _ADDRESS_REPORT.match(answer):
        return False
    return line.startswith(_SILENT) and bool(answer.strip())
