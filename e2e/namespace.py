"""A namespace of a test's own, and what is done in it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from e2e.cluster.waiting import until
from e2e.objects import Object, Objects, RejectedError, UnreachableError, lacks
from e2e.target import KubectlError, Target

_WITHIN = 60.0
_LOG_LINES = 30


@dataclass(frozen=True, slots=True)
class Namespace:
    """`within` is in seconds everywhere; what is late raises WaitedTooLongError with the last reason."""

    name: str
    target: Target

    @property
    def objects(self) -> Objects:
        return self.target.objects

    def apply(self, objects: str | Iterable[Object]) -> list[Object]:
        """YAML or dictionaries, server-side. Raises RejectedError."""
        return self.objects.apply(objects, self.name)

    def get(self, api_version: str, kind: str, name: str) -> Object | None:
        return self.objects.get(api_version, kind, name, self.name)

    def list(self, api_version: str, kind: str, *, selector: str = "") -> list[Object]:
        return self.objects.list(api_version, kind, self.name, selector=selector)

    def delete(self, api_version: str, kind: str, name: str) -> None:
        self.objects.delete(api_version, kind, name, self.name)

    def kubectl(self, *words: str) -> str:
        """In this namespace. Raises KubectlError."""
        return self.target.kubectl(f"--namespace={self.name}", *words)

    def refused(self, *words: str) -> str:
        """What kubectl says on standard error; it must fail."""
        with pytest.raises(KubectlError) as failed:
            self.kubectl(*words)
        return str(failed.value)

    def wait(
        self, api_version: str, kind: str, name: str, holds: Callable[[Object], str | None], *, within: float = _WITHIN
    ) -> Object:
        """Until `holds` returns None for the object; a string says why not yet. Returns the object as it was then."""
        seen: list[Object] = []

        def is_so() -> str | None:
            found = self.get(api_version, kind, name)
            if found is None:
                return f"{kind} {name} is not there"
            seen.append(found)
            return holds(found)

        until(is_so, within=within)
        return seen[-1]

    def wait_for_condition(
        self, api_version: str, kind: str, name: str, condition: str, *, status: str = "True", within: float = _WITHIN
    ) -> Object:
        """Until its status has the condition so."""
        return self.wait(api_version, kind, name, lambda found: lacks(found, condition, status=status), within=within)

    def diagnosis(self) -> str:
        """Objects, events and logs, for a person who reads why a test failed. Never raises for what the cluster refuses."""
        parts = [self._told(what, words) for what, words in _QUESTIONS]
        try:
            pods = self.list("v1", "Pod")
        except (RejectedError, UnreachableError) as error:
            return "\n".join([*parts, f"pods: {error}"])
        return "\n".join(
            [*parts, *(self._log_of(pod, container["name"]) for pod in pods for container in pod["spec"]["containers"])]
        )

    def _told(self, what: str, words: tuple[str, ...]) -> str:
        try:
            return f"--- {what}\n{self.kubectl(*words).rstrip() or '(none)'}"
        except Exception as error:
            return f"--- {what}: {error}"

    def _log_of(self, pod: Object, container: str) -> str:
        name = pod["metadata"]["name"]
        try:
            text = self.objects.logs(name, self.name, container=container, lines=_LOG_LINES).rstrip()
        except (RejectedError, UnreachableError) as error:
            text = str(error)
        return f"--- log of {name}/{container}\n{text or '(empty)'}"


_QUESTIONS = (
    ("objects", ("get", "pods,services,endpointslices,deployments", "--output=wide")),
    ("haloy's objects", ("get", "haloy", "--output=yaml")),
    ("events", ("get", "events", "--sort-by=.lastTimestamp")),
)
