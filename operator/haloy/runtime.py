"""One process of `haloy serve`: wires sources, reconciler, HAProxy, health and the admin port, and takes them down again."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from haloy import logs
from haloy.admin.server import AdminServer
from haloy.admin.views import View
from haloy.clock import Clock, SystemClock
from haloy.health.agent import AgentServer
from haloy.health.monitor import HealthMonitor
from haloy.metrics import Metrics
from haloy.proxies.haproxy.driver import Haproxy, HaproxySettings
from haloy.reconciler import Cycle, Reconciler
from haloy.retained import RetainedCertificates
from haloy.settings import Settings
from haloy.sources.dns import Resolver
from haloy.sources.files import FilesSource
from haloy.sources.store import Store
from haloy.status.board import StatusBoard
from haloy.translate import Context
from haloy.wiring import backend_names, grpc_targets, route_urls

log = logging.getLogger(__name__)

OBSERVE_INTERVAL = 1.0
DEMO_UPSTREAMS = (("v1", 9001), ("v2", 9002))


class StartFailed(Exception):
    """`serve` cannot start; the message says why and what to do."""


class Display(Protocol):
    """Where a person watches (haloy.cli.display)."""

    def handler(self) -> logging.Handler | None: ...

    def start(self, banner: Sequence[str]) -> None: ...

    def update(self, status: Mapping[str, Any], urls: Mapping[str, str]) -> None: ...

    def finish(self, status: Mapping[str, Any], urls: Mapping[str, str]) -> None: ...

    def stop(self) -> None: ...
