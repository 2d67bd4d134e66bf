"""The admin port's HTTP server. Only GET and HEAD, and nothing that a request could change."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from haloy.admin.traffic import TrafficCollector
from haloy.admin.views import View, ViewError
from haloy.metrics import Metrics
from haloy.model.listener import Bind
from haloy.proxies.base import Measurements

log = logging.getLogger(__name__)


class AdminServer:
    """Serves probes, metrics and the views. `refresh` brings gauges up to date before a scrape."""

    def __init__(
        self,
        binds: tuple[Bind, ...],
        view: View,
        metrics: Metrics,
        measure: Callable[[], Awaitable[Measurements]],
        refresh: Callable[[], None],
    ) -> None:
        self._binds = binds
        self._view = view
        self._metrics = metrics
        self._measure = measure
        self._scrape = asyncio.Lock()
        self._refresh = refresh
        self._runner: web.AppRunner | None = None

    async def start(self) -> tuple[Bind, ...]:
        """Listen. Returns the binds with the real ports.

        Raises:
            OSError: a port is taken or an address is not of this machine.
        """
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics_page),
                web.get("/v1/status", self._json(lambda _: self._view.status())),
                web.get("/v1/reloads", self._json(lambda _: self._view.reloads())),
                web.get("/v1/explain/{kind}/{namespace}/{name}", self._json(self._explain)),
                web.get("/v1/route-test", self._json(self._route_test)),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        listening = []
        for bind in self._binds:
            site = web.TCPSite(self._runner, bind.address, bind.port)
            await site.start()
            port = bind.port or self._runner.addresses[-1][1]
            listening.append(Bind(bind.address, port))
        return tuple(listening)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _json(
        self, make: Callable[[web.Request], Mapping[str, Any]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            try:
                return web.json_response(make(request))
            except ViewError as error:
                return web.json_response({"error": str(error)}, status=error.status)

        return handler

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text="haloy: /healthz /readyz /metrics /v1/status /v1/reloads\n")

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        waiting = self._view.not_ready()
        return web.Response(text=f"{waiting or 'ok'}\n", status=503 if waiting else 200)

    async def _metrics_page(self, request: web.Request) -> web.Response:
        """One at a time, and not in the event loop: 10,000 Backends have 300,000 samples, two seconds' work."""
        async with self._scrape:
            return await self._scraped(request)

    async def _scraped(self, request: web.Request) -> web.Response:
        self._refresh()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        traffic = CollectorRegistry()
        try:
            traffic.register(TrafficCollector(await self._measure()))
        except (OSError, TimeoutError) as error:
            log.warning("traffic metrics are missing from this scrape: %s", error)
        body = await asyncio.to_thread(encode, self._metrics.registry)
        extra = await asyncio.to_thread(encode, traffic)
        if "openmetrics" in content_type:
            body = body.removesuffix(b"# EOF\n")
        return web.Response(body=body + extra, headers={"Content-Type": content_type})

    def _explain(self, request: web.Request) -> Mapping[str, Any]:
        info = request.match_info
        return self._view.explain(f"{info['kind']}/{info['namespace']}/{info['name']}")

    def _route_test(self, request: web.Request) -> Mapping[str, Any]:
        query = request.query
        headers = []
        for line in query.getall("header", []):
            name, colon, value = line.partition(":")
            if not colon:
                raise ViewError(f"header {line!r} is not NAME:VALUE", 400)
            headers.append((name.strip().lower(), value.strip()))
        if "url" not in query:
            raise ViewError("the parameter url is missing", 400)
        return self._view.route_test(query.get("method", "GET"), query["url"], tuple(headers))
