"""The record of a generation: its Artifacts as JSON beside the configuration, so that a haloy that comes up later knows
what each section and server was made from.

It lies in `record/`, which HAProxy does not read, one file per configuration file so that a small change writes little.
Maps and files are not repeated: they are read back from the generation itself.
"""

import json
from collections.abc import Mapping

from haloy.model.cluster import EndpointState
from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.apply.generations import Generation, digest_of
from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Fragment, Section, Server

INDEX = "record/index.json"
UNKNOWN_DIGEST = "unknown"
"""Begins what stands for a Material that nobody can tell any more; equal to no digest."""


class RecordError(Exception):
    """The record is missing or damaged."""


class RecordWriter:
    """Turns Artifacts into record files; remembers the last text per fragment, since most do not change."""

    def __init__(self) -> None:
        self._fragments: dict[str, tuple[Fragment, bytes]] = {}

    def files(self, artifacts: Artifacts, pem: Mapping[str, bytes]) -> dict[str, bytes]:
        """Record files by name. `pem`: file name -> content of every PEM file."""
        files: dict[str, bytes] = {}
        fragments: dict[str, tuple[Fragment, bytes]] = {}
        for fragment in artifacts.fragments:
            known = self._fragments.get(fragment.filename)
            if known is None or known[0] != fragment:
                known = fragment, _dump([_section_to_json(section) for section in fragment.sections])
            fragments[fragment.filename] = known
            files[_record_name(fragment.filename)] = known[1]
        self._fragments = fragments
        files[INDEX] = _dump(
            {
                "revision": artifacts.revision,
                "fragments": [fragment.filename for fragment in artifacts.fragments],
                "maps": list(artifacts.maps),
                "files": list(artifacts.files),
                "pem_files": {path: [digest, digest_of(pem[path])] for path, digest in artifacts.pem_files.items()},
                "certificates": [
                    [line.path, list(line.options), list(line.filters)] for line in artifacts.certificates
                ],
            }
        )
        return files


def read_record(generation: Generation) -> Artifacts:
    """The Artifacts that `generation` was last meant to be.

    A PEM file whose content is not the one recorded gets `unknown:` and a digest of what is there. Raises RecordError.
    """
    try:
        index = json.loads(_required(generation, INDEX))
        fragments = tuple(
            Fragment(name, _sections_from_json(json.loads(_required(generation, _record_name(name)))))
            for name in index["fragments"]
        )
        return Artifacts(
            revision=str(index["revision"]),
            fragments=fragments,
            maps={name: parse_map(_required(generation, name)) for name in index["maps"]},
            files={name: _required(generation, name) for name in index["files"]},
            pem_files={
                path: _material(digest, content, digest_of(generation.read(path) or b""))
                for path, (digest, content) in index["pem_files"].items()
            },
            certificates=tuple(
                CertificateLine(path, tuple(options), tuple(filters))
                for path, options, filters in index["certificates"]
            ),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"the record of generation {generation.name} is damaged: {error}") from error


def parse_map(content: bytes) -> dict[str, str]:
    """A map file: key, white space, value. Comments and empty lines do not count (HAProxy manual, `map`)."""
    entries: dict[str, str] = {}
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        text = line.strip()
        if text and not text.startswith("#"):
            key, _, value = text.partition(" ")
            entries.setdefault(key, value.strip())
    return entries


def _material(digest: str, recorded: str, found: str) -> str:
    return digest if found == recorded else f"{UNKNOWN_DIGEST}:{found}"


def _required(generation: Generation, name: str) -> bytes:
    content = generation.read(name)
    if content is None:
        raise RecordError(f"generation {generation.name} has no {name}")
    return content


def _record_name(filename: str) -> str:
    return f"record/{filename}.json"


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _section_to_json(section: Section) -> list[object]:
    source = section.source
    return [
        section.name,
        section.text,
        None if source is None else [source.kind, source.namespace, source.name],
        [_server_to_json(server) for server in section.servers],
        section.dynamic,
    ]


def _sections_from_json(data: object) -> tuple[Section, ...]:
    if not isinstance(data, list):
        raise TypeError("sections is not a list")
    return tuple(_section_from_json(section) for section in data)


def _section_from_json(data: list[object]) -> Section:
    name, text, source, servers, dynamic = data
    if not isinstance(servers, list):
        raise TypeError("servers is not a list")
    return Section(
        str(name),
        str(text),
        ObjectRef(*(str(part) for part in source)) if isinstance(source, list) else None,
        tuple(_server_from_json(server) for server in servers),
        dynamic is True,
    )


def _server_to_json(server: Server) -> dict[str, object]:
    return {
        "name": server.name,
        "address": server.address,
        "port": server.port,
        "id": server.id,
        "weight": server.weight,
        "endpoint": server.endpoint,
        "options": list(server.options),
        "state": server.state.value,
        "checked": server.checked,
        "start_down": server.start_down,
        "agent": server.agent,
    }


def _server_from_json(data: dict[str, object]) -> Server:
    options = data["options"]
    if not isinstance(options, list):
        raise TypeError("options is not a list")
    return Server(
        name=str(data["name"]),
        address=str(data["address"]),
        port=int(str(data["port"])),
        id=int(str(data["id"])),
        weight=int(str(data["weight"])),
        endpoint=str(data["endpoint"]),
        options=tuple(str(option) for option in options),
        state=EndpointState(data["state"]),
        checked=data["checked"] is True,
        start_down=data["start_down"] is True,
        agent=data["agent"] is True,
    )
