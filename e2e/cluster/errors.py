"""What can go wrong with a cluster, told to a person."""


class ClusterError(Exception):
    """The cluster cannot do what was asked; the message says what to do about it."""


class NotPossibleHereError(ClusterError):
    """This machine lacks something (root, a package, a kernel feature); the message names it."""


class ComponentFailedError(ClusterError):
    """A component did not become ready, or ended. The message has its name, the reason and its last log lines."""

    def __init__(self, component: str, reason: str, log: str) -> None:
        super().__init__(f"{component} {reason}; its last log lines:\n{_indented(log) or '    (none)'}")
        self.component = component
        self.reason = reason
        self.log = log


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
