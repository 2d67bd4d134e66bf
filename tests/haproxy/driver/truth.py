"""What HAProxy itself says it does, and what Artifacts say it should do, in one shape. Does not use the driver's readers."""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha1
from typing import Any

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from tests.haproxy.driver.pem import leaf
from tests.support.small_haproxy import eventually

CRT_LIST = "certs/list.crt-list"


async def truth(api: RuntimeApi, unlisted: Iterable[str] = ()) -> dict[str, Any]:
    """Maps, servers (address, port, weight, maintenance, drain), certificates and the lines that name them.

    `unlisted`: maps that are loaded for certain; HAProxy's list lacks those that are used in too many places.
    """
    maps = {}
    for name in {*re.findall(r"\((maps/[^)]+)\)", await api.call("show", "map")), *unlisted}:
        lines = (await api.call("show", "map", name)).splitlines()
        maps[name] = sorted(line.split(" ", 1)[1] for line in lines if line)
    servers = set()
    for line in (await api.call("show", "servers", "state")).splitlines()[2:]:
        fields = line.split()
        admin = int(fields[6])
        servers.add(
            (fields[1], fields[3], fields[4], int(fields[18]), int(fields[7]), bool(admin & 1), bool(admin & 8))
        )
    certificates = {}
    listing = (await api.call("show", "ssl", "cert")).splitlines()
    assert not any(line.startswith("*") for line in listing), "a transaction is open"
    for name in (line for line in listing if line.startswith("certs/")):
        found = re.search(r"SHA1 FingerPrint: (\w+)", await api.call("show", "ssl", "cert", name))
        certificates[name] = found[1] if found else ""
    listed: set[str] = set()
    if CRT_LIST in await api.call("show", "ssl", "crt-list"):
        for line in (await api.call("show", "ssl", "crt-list", "-n", CRT_LIST)).splitlines()[1:]:
            listed.add(re.sub(r":\d+", "", line, count=1))
    return {"maps": maps, "servers": servers, "certificates": certificates, "lines": listed}


def expected(artifacts: Artifacts, pem: Mapping[str, bytes]) -> dict[str, Any]:
    """`pem`: content by file name of what is loaded."""
    return {
        "maps": {
            name: sorted(f"{key} {value}" for key, value in held.items()) for name, held in artifacts.maps.items()
        },
        "servers": {
            (
                section.name,
                server.name,
                server.address,
                server.port,
                server.weight,
                False,
                server.state is EndpointState.DRAINING,
            )
            for fragment in artifacts.fragments
            for section in fragment.sections
            for server in section.servers
        },
        "certificates": {path: sha1(leaf(content)).hexdigest().upper() for path, content in pem.items()},
        "lines": {
            " ".join([line.path, *([f"[{' '.join(line.options)}]"] if line.options else []), *line.filters])
            for line in artifacts.certificates
        },
    }


def without_unused(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Certificates that lie loaded without a line that names them do no harm until the next reload."""
    return {
        **found,
        "certificates": {path: held for path, held in found["certificates"].items() if path in wanted["certificates"]},
    }


async def check_wanted(api: RuntimeApi, wanted: dict[str, Any], what: str) -> None:
    """Everything that is wanted is there at once, beside what is still to be deleted."""
    found = await truth(api, wanted["maps"])
    for name, entries in wanted["maps"].items():
        assert set(entries) <= set(found["maps"][name]), (what, name)
    assert wanted["servers"] <= found["servers"], what
    assert wanted["certificates"].items() <= found["certificates"].items(), what
    assert wanted["lines"] == found["lines"], what


def differing(found: Any, wanted: Any) -> tuple[Any, Any]:
    """What is too much, and what is missing."""
    if isinstance(found, dict):
        return (
            {key: value for key, value in found.items() if wanted.get(key) != value},
            {key: value for key, value in wanted.items() if found.get(key) != value},
        )
    return set(found) - set(wanted), set(wanted) - set(found)


async def check(api: RuntimeApi, wanted: dict[str, Any], what: str) -> None:
    """HAProxy does what is wanted and, once what waits to be deleted is, nothing else."""

    async def equal() -> bool:
        return without_unused(await truth(api, wanted["maps"]), wanted) == wanted

    try:
        await eventually(equal, what, 5)
    except AssertionError:
        found = without_unused(await truth(api, wanted["maps"]), wanted)
        wrong = {key: differing(found[key], wanted[key]) for key in wanted if found[key] != wanted[key]}
        assert not wrong, f"{what}: {wrong}"
