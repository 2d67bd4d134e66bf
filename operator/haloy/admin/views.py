"""What the admin port shows, as plain JSON values; the command line shows the same offline."""

from collections.abc import Callable, Mapping
from typing import Any, assert_never
from urllib.parse import urlsplit

from haloy.api.snapshot import Snapshot, owner_of_files
from haloy.api.v1alpha1.host import normalise_authority
from haloy.model.filters import (
    DirectResponse,
    Filter,
    RequestHeaderModifier,
    RequestRedirect,
    ResponseHeaderModifier,
    UrlRewrite,
)
from haloy.model.health import EndpointKey
from haloy.model.refs import ObjectRef
from haloy.model.routing import Candidate, VirtualHost
from haloy.model.select import Request, Selection, parse_query, select
from haloy.proxies.base import ReloadRecord
from haloy.reconciler import Reconciler
from haloy.status.board import StatusBoard
from haloy.status.rules import COMPILED_RULES
from haloy.translate import Translation
from haloy.translate.explain import explain


class ViewError(Exception):
    """The view cannot be given; `status` is the HTTP status that says so."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class View:
    """The state of one runtime, as JSON. `alive`: why the proxy is not serving, empty when it is."""

    def __init__(
        self,
        board: StatusBoard,
        reconciler: Reconciler,
        reload_log: Callable[[], tuple[ReloadRecord, ...]],
        alive: Callable[[], str],
    ) -> None:
        self._board = board
        self._reconciler = reconciler
        self._reload_log = reload_log
        self._alive = alive

    def not_ready(self) -> str:
        """Why the proxy does not serve what was asked for; empty when it does."""
        if trouble := self._alive():
            return trouble
        if self._reconciler.state.translation is None:
            return "waiting for the first cycle"
        if not self._reconciler.state.applied:
            return "nothing of the directory is live yet"
        return ""

    def status(self) -> dict[str, Any]:
        last = self._reconciler.last
        statuses = [status for _, status in sorted(self._board.statuses.items())]
        return {
            "ready": all(status.ready for status in statuses) and not self._board.rejections and not self.not_ready(),
            "cycle": str(last) if last else "",
            "notes": [COMPILED_RULES] if self._board.programming.compiled else [],
            "problems": [
                {
                    "place": str(rejection.place),
                    "object": str(owner_of_files(rejection.ref) if rejection.ref is not None else ""),
                    "messages": list(rejection.problems),
                }
                for rejection in self._board.rejections
            ],
            "objects": [status.to_json() for status in statuses],
        }

    def reloads(self) -> dict[str, Any]:
        return {"reloads": [record.to_json() for record in self._reload_log()]}

    def explain(self, text: str) -> dict[str, Any]:
        """Raises ViewError: not a reference (400), no such object (404)."""
        try:
            ref = ObjectRef.parse(text)
        except ValueError as error:
            raise ViewError(str(error), 400) from None
        snapshot, translation = self._translated()
        try:
            lines = explain(ref, snapshot, translation).text(self._health_notes())
        except KeyError:
            raise ViewError(f"there is no {ref}", 404) from None
        status = self._board.statuses.get(ref)
        return {"text": lines, "status": status.to_json() if status else None}

    def _health_notes(self) -> dict[EndpointKey, str]:
        return {
            EndpointKey(status.ref.key, endpoint.key): f"{endpoint.health.value} ({endpoint.reason})"
            for status in self._board.statuses.values()
            for endpoint in status.endpoints
        }

    def route_test(self, method: str, url: str, headers: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        _, translation = self._translated()
        return route_test(translation.delivery.model.virtual_hosts, method, url, headers)

    def _translated(self) -> tuple[Snapshot, Translation]:
        state = self._reconciler.state
        if state.snapshot is None or state.translation is None:
            raise ViewError("no configuration yet: waiting for the first cycle", 503)
        return state.snapshot, state.translation


def route_test(
    virtual_hosts: tuple[VirtualHost, ...], method: str, url: str, headers: tuple[tuple[str, str], ...]
) -> dict[str, Any]:
    """Which Route and rule win for a request, and why the others lose.

    Raises:
        ViewError: the URL has no scheme and host, or the host is none (400).
    """
    example = "http://shop.example.com/cart"
    try:
        parts = urlsplit(url)
        named = next((value for name, value in headers if name == "host"), parts.netloc.rpartition("@")[2])
        # Clients send international names as A-labels; other odd hosts are left as they are, since they can be sent.
        host = named if named.isascii() else normalise_authority(named)
    except ValueError as error:
        raise ViewError(f"{url!r} is not a URL such as {example}: {error}", 400) from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ViewError(f"{url!r} is not a URL such as {example}", 400)
    request = Request(
        host=host,
        path=parts.path or "/",
        method=method.upper(),
        headers=headers,
        query=parse_query(parts.query),
        tls=parts.scheme == "https",
    )
    return _selection(select(virtual_hosts, request))


def _selection(selection: Selection) -> dict[str, Any]:
    winner = selection.winner
    return {
        "host": selection.virtual_host.host if selection.virtual_host else None,
        "redirect": selection.redirect,
        "reason": selection.reason,
        "winner": None if winner is None else _candidate(winner),
        "losers": [{**_candidate(loss.candidate), "reason": loss.reason} for loss in selection.losers],
    }


def _candidate(candidate: Candidate) -> Mapping[str, Any]:
    rule = candidate.rule
    return {
        "route": rule.route.key,
        "rule": rule.id.partition(":")[2],
        "match": candidate.source.field,
        "backends": [
            {"backend": target.cluster or "(missing: 500)", "weight": target.weight} for target in rule.targets
        ],
        "filters": [_filter_type(item) for item in rule.filters],
    }


def _filter_type(item: Filter) -> str:
    """The filter's type as the API writes it."""
    match item:
        case RequestHeaderModifier() | ResponseHeaderModifier() | RequestRedirect() | DirectResponse():
            return type(item).__name__
        case UrlRewrite():
            return "URLRewrite"
        case _:
            assert_never(item)
