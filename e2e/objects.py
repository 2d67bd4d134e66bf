"""Objects of a cluster, as plain dictionaries: apply, get, list, delete, wait. A person's kubeconfig works too, whatever its log-in."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
from urllib3.exceptions import HTTPError

from e2e.cluster.waiting import WaitedTooLongError, until

Object = dict[str, Any]
FIELD_MANAGER = "haloy-e2e"
_REQUEST = (5.0, 30.0)
"""Seconds to connect, and to read."""


class RejectedError(Exception):
    """The API server refused; `message` is its own, with everything it found wrong."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class UnreachableError(Exception):
    """The API server did not answer, or not in time."""


class Objects:
    """The API of one cluster. `cache` is a file for what the client learns about its kinds; `direct`: past the environment's proxy."""

    def __init__(self, kubeconfig: Path, cache: Path, *, direct: bool = True) -> None:
        configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.retries = False
        if direct:
            configuration.proxy = None
        self._client = client.ApiClient(configuration)
        self.cache = cache
        self._dynamic: DynamicClient | None = None

    def close(self) -> None:
        """Its connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def apply(
        self, objects: str | Iterable[Object], namespace: str | None = None, *, dry_run: bool = False
    ) -> list[Object]:
        """Server-side, in the given order, owning every field it names; unknown fields are refused. Raises RejectedError."""
        listed = parsed(objects) if isinstance(objects, str) else list(objects)
        return [self._apply(each, namespace, dry_run=dry_run) for each in listed]

    def create(self, body: Object, namespace: str | None = None, *, dry_run: bool = False) -> Object:
        """As `kubectl create` does. Raises RejectedError."""
        kind = self._kind(body["apiVersion"], body["kind"])
        words = {"dry_run": "All"} if dry_run else {}
        return self._call(kind.create, body=body, query_params=_strictly(), **_place(kind, body, namespace), **words)

    def get(
        self, api_version: str, kind: str, name: str, namespace: str | None = None, *, within: float = 30.0
    ) -> Object | None:
        """None: there is none. Raises RejectedError, UnreachableError."""
        timeout = (min(within, 5.0), within)
        try:
            return self._call(
                self._kind(api_version, kind).get, name=name, namespace=namespace, _request_timeout=timeout
            )
        except RejectedError as error:
            if error.status == 404:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str | None = None, *, selector: str = "") -> list[Object]:
        """Those with the labels that `selector` asks for."""
        found = self._call(self._kind(api_version, kind).get, namespace=namespace, label_selector=selector)
        items: list[Object] = found["items"]
        return items

    def delete(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> None:
        """Its dependents follow in the background. Nothing happens if there is none."""
        try:
            self._call(self._kind(api_version, kind).delete, name=name, namespace=namespace)
        except RejectedError as error:
            if error.status != 404:
                raise

    def logs(self, pod: str, namespace: str, *, container: str | None = None, lines: int = 100) -> str:
        """The end of a container's log. Raises RejectedError: it has not started."""
        words: dict[str, Any] = {} if container is None else {"container": container}
        api = client.CoreV1Api(self._client)
        try:
            return str(
                api.read_namespaced_pod_log(pod, namespace, tail_lines=lines, _request_timeout=_REQUEST, **words)
            )
        except client.ApiException as error:
            raise _rejected(error) from error
        except HTTPError as error:
            raise UnreachableError(str(error)) from error

    def _apply(self, body: Object, namespace: str | None, *, dry_run: bool) -> Object:
        kind = self._kind(body["apiVersion"], body["kind"])
        words: dict[str, Any] = {"dry_run": "All"} if dry_run else {}
        return self._call(
            self._resources().server_side_apply,
            kind,
            body=body,
            field_manager=FIELD_MANAGER,
            query_params=_strictly(),
            force_conflicts=True,
            **_place(kind, body, namespace),
            **words,
        )

    def _call(self, method: Callable[..., Any], *words: Any, **named: Any) -> Object:
        try:
            answer = method(*words, **{"_request_timeout": _REQUEST, **named})
        except DynamicApiError as error:
            raise _rejected(error) from error
        except HTTPError as error:
            raise UnreachableError(str(error)) from error
        content: Object = answer.to_dict()
        return content

    def _kind(self, api_version: str, kind: str) -> Any:
        """A kind that was defined a moment ago is served a moment later, so this waits for it. Raises WaitedTooLongError."""
        found: list[Any] = []

        def is_served() -> str | None:
            try:
                found.append(self._resources().resources.get(api_version=api_version, kind=kind))
            except ResourceNotFoundError:
                return f"the cluster does not serve {kind} of {api_version}"
            except HTTPError as error:
                raise UnreachableError(str(error)) from error
            return None

        until(is_served, within=15.0)
        return found[0]

    def _resources(self) -> DynamicClient:
        if self._dynamic is None:
            self._dynamic = DynamicClient(self._client, cache_file=str(self.cache))  # type: ignore[no-untyped-call]
        return self._dynamic


def parsed(text: str) -> list[Object]:
    """The documents of a YAML text; a List becomes its items."""
    documents = [each for each in yaml.safe_load_all(text) if each is not None]
    return [item for each in documents for item in (each["items"] if each["kind"] == "List" else [each])]


def condition(obj: Mapping[str, Any], kind: str) -> Object | None:
    """A condition of its status, by type."""
    listed: list[Object] = obj.get("status", {}).get("conditions") or []
    return next((each for each in listed if each["type"] == kind), None)


def lacks(obj: Mapping[str, Any], kind: str, *, status: str = "True") -> str | None:
    """Why the condition is not (yet) as wanted; None: it is."""
    found = condition(obj, kind)
    name = f"{obj['kind']} {obj['metadata']['name']}"
    if found is None:
        return f"{name} has no condition {kind}"
    if found["status"] == status:
        return None
    return f"{name} has {kind}={found['status']} ({found.get('reason', '')}): {found.get('message', '')}"


def _strictly() -> list[tuple[str, str]]:
    """The client knows no `field_validation`, and adds to the list it is given, so each call has a new one."""
    return [("fieldValidation", "Strict")]


def _place(kind: Any, body: Object, namespace: str | None) -> dict[str, str]:
    if not kind.namespaced:
        return {}
    return {"namespace": body["metadata"].get("namespace") or namespace or "default"}


def _rejected(error: Any) -> RejectedError:
    try:
        message = str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        message = str(error.body or error.reason)
    return RejectedError(int(error.status or 0), message)


__all__ = [
    "Object",
    "Objects",
    "RejectedError",
    "UnreachableError",
    "WaitedTooLongError",
    "condition",
    "lacks",
    "parsed",
]
