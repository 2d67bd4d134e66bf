"""Manifests, and a running source over a directory of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from haloy.api.load import load_object
from haloy.api.snapshot import Object, Place, Snapshot
from haloy.clock import SystemClock
from haloy.model.refs import ObjectRef
from haloy.sources.files import FilesSource
from haloy.sources.loss import Reading
from haloy.sources.store import Store


def route(name: str, host: str | None = None) -> str:
    """A Route as YAML; it names a Backend of its own name."""
    return f"""\
apiVersion: haloy.dev/v1alpha1
kind: Route
metadata: {{name: {name}}}
spec:
  hosts: [{host or name + ".example.com"}]
  rules:
  - backendRefs: [{{name: {name}}}]
"""


def backend(name: str, address: str = "10.0.0.5") -> str:
    return f"""\
apiVersion: haloy.dev/v1alpha1
kind: Backend
metadata: {{name: {name}}}
spec:
  endpoints: [{{address: {address}, port: 8080}}]
"""


def join(*documents: str) -> str:
    return "---\n".join(documents)


def route_object(name: str, host: str | None = None) -> Object:
    return load_object(
        {
            "apiVersion": "haloy.dev/v1alpha1",
            "kind": "Route",
            "metadata": {"name": name},
            "spec": {"hosts": [host or f"{name}.example.com"], "rules": [{"backendRefs": [{"name": name}]}]},
        }
    )


def ref(kind: str, name: str) -> ObjectRef:
    return ObjectRef(kind, "default", name)


def reading(*objects: Object, **rest: object) -> Reading:
    """A reading of these objects, each from a file of its own."""
    places = {item.ref: Place(f"{item.ref.name}.yaml", 1, 1) for item in objects}
    return Reading({item.ref: item for item in objects}, places, **rest)


def names(snapshot: Snapshot) -> list[str]:
    return [str(found) for found in sorted(snapshot.objects)]


def hosts(snapshot: Snapshot, name: str) -> tuple[str, ...]:
    return snapshot.objects[ref("Route", name)].spec.hosts


class Running:
    """A source that runs, and the Store it fills."""

    def __init__(self, source: FilesSource, store: Store) -> None:
        self.source = source
        self.store = store

    async def until(self, condition: Callable[[Snapshot], bool], what: str, seconds: float = 10) -> Snapshot:
        """The first Snapshot for which `condition` holds; fails the test with `what` if there is none in time."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(snapshot := self.store.snapshot()):
                    await self.store.changed(self.store.version)
        except TimeoutError:
            snapshot = self.store.snapshot()
            raise AssertionError(f"not within {seconds:g} s: {what}; {names(snapshot)} {snapshot.rejections}") from None
        return snapshot

    async def synced(self) -> Snapshot:
        return await self.until(lambda snapshot: snapshot.synced, "synced")

    async def holds(self, condition: Callable[[Snapshot], bool], seconds: float) -> None:
        """Fails as soon as a Snapshot of the next `seconds` does not meet `condition`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0:
            snapshot = self.store.snapshot()
            assert condition(snapshot), f"{names(snapshot)} {snapshot.rejections}"
            try:
                async with asyncio.timeout(left):
                    await self.store.changed(self.store.version)
            except TimeoutError:
                return


@asynccontextmanager
async def serving(directory: Path, state: Path | None = None) -> AsyncIterator[Running]:
    """Run a source over `directory` until the block ends."""
    clock = SystemClock()
    source = FilesSource(directory, clock, state)
    store = Store(clock, [source.name])
    task = asyncio.create_task(source.run(store))
    try:
        yield Running(source, store)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled() and task.exception() is not None:
        raise task.exception()
