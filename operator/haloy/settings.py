"""Every setting of `haloy serve`, typed once: a flag, an environment variable `HALOY_...`, a key of the configuration file.

Precedence: flag, then environment, then file, then default. This module is the only reader of the environment.
"""

import hashlib
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from haloy.model.listener import Bind, ClientLimits, Fleet, Listener, Network
from haloy.text import did_you_mean, parse_duration, parse_size

ENVIRONMENT_PREFIX = "HALOY_"
_FILE = "__file__"
"""Under this name `load` hands the file's values to the model's sources."""


class SettingsError(ValueError):
    """A setting is wrong. The message has one line a problem: setting, value, what is expected."""


def parse_bind(text: str) -> tuple[Bind, ...]:
    """`127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for every address of the machine.

    Raises:
        ValueError: another shape, a name instead of an IP, or a port outside 0 to 65535.
    """
    host, colon, port_text = text.strip().rpartition(":")
    if not colon or not port_text.isascii() or not port_text.isdigit() or int(port_text) > 65535:
        raise ValueError(f"{text!r} is not ADDRESS:PORT; write for example 127.0.0.1:8080, [::1]:8080 or :8080")
    port = int(port_text)
    if not host:
        return (Bind("0.0.0.0", port), Bind("::", port))
    if host == "localhost":
        return (Bind("127.0.0.1", port),)
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        raise ValueError(f"{host!r} is not an IP address; a bind takes an address of this machine") from None
    if bracketed != (address.version == 6):
        raise ValueError(f"{text!r}: write IPv6 addresses in brackets, [::1]:8080")
    return (Bind(str(address), port),)


def _split(value: object) -> object:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _binds(value: object) -> object:
    value = _split(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(bind for item in value for bind in parse_bind(item))
    return value


def _networks(value: object) -> object:
    value = _split(value)
    if isinstance(value, (list, tuple)):
        return tuple(ipaddress.ip_network(str(item), strict=False) for item in value)
    return value


def _nameservers(value: object) -> object:
    value = _split(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(map(_nameserver, value))
    return value


def _nameserver(text: str) -> Bind:
    """`10.0.0.2`, `10.0.0.2:5353`, `fd00::2` or `[fd00::2]:5353`. Raises ValueError for another shape."""
    try:
        return Bind(str(ipaddress.ip_address(text.strip("[]"))), 53)
    except ValueError:
        found = parse_bind(text)
    if len(found) != 1 or not found[0].port:
        raise ValueError(f"{text!r} is not ADDRESS or ADDRESS:PORT; write for example 10.0.0.2 or 10.0.0.2:5353")
    return found[0]


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


Binds = Annotated[tuple[Bind, ...], NoDecode, BeforeValidator(_binds), Field(min_length=1, max_length=64)]
OptionalBinds = Annotated[tuple[Bind, ...], NoDecode, BeforeValidator(_binds), Field(max_length=64)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks), Field(max_length=256)]
Nameservers = Annotated[tuple[Bind, ...], NoDecode, BeforeValidator(_nameservers), Field(max_length=8)]
Milliseconds = Annotated[int, BeforeValidator(_duration), Field(ge=1, le=86_400_000)]
Bytes = Annotated[int, BeforeValidator(_size), Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


def default_state_dir(directory: Path) -> Path:
    """A folder of the user's state folder that is this directory's own, so that two `serve`s do not meet in it."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    resolved = directory.resolve()
    digest = hashlib.sha256(str(resolved).encode()).hexdigest()[:8]
    return Path(base) / "haloy" / f"{resolved.name or 'root'}-{digest}"


class Settings(BaseSettings):
    """The settings of one `haloy serve`. Durations are milliseconds, sizes bytes, once parsed."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True, arbitrary_types_allowed=True, env_ignore_empty=True
    )

    directory: Path = Field(description="The directory of YAML to serve.")
    http: Binds = Field(default=(Bind("127.0.0.1", 8080),), description="Where plain HTTP is accepted.")
    https: OptionalBinds = Field(
        default=(Bind("127.0.0.1", 8443),), description="Where HTTPS is accepted; empty: nowhere."
    )
    admin: Binds = Field(default=(Bind("127.0.0.1", 9900),), description="Probes, metrics and status, read-only.")
    state: Path | None = Field(default=None, description="Last known good, sockets, maps, certificates.")
    haproxy: Path | None = Field(default=None, description="The HAProxy binary; default: the embedded one, then PATH.")
    log_format: Literal["text", "json"] = Field(default="text", description="haloy's own log, on standard error.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    access_log: str = Field(
        default="auto",
        description="stdout, off, a file, or auto: stdout, but a file of the state folder on a terminal.",
    )
    once: bool = Field(default=False, description="Apply, report, stop; exit code 0 only if every Route is Ready.")
    demo: bool = Field(default=False, description="Start the two small upstreams of examples/quickstart as well.")
    http_public_port: Port | None = Field(default=None, description="The port clients see; default: the bind's.")
    https_public_port: Port | None = Field(default=None, description="The port clients see; default: the bind's.")
    accept_proxy_protocol: bool = Field(
        default=False, description="Every client connection begins with PROXY v1 or v2."
    )
    trusted_proxies: Networks = Field(default=(), description="Whose X-Forwarded-* and Forwarded are believed.")
    nameservers: Nameservers = Field(
        default=(), description="Who is asked about endpoints' DNS names, in this order; default: as resolv.conf says."
    )
    max_header_size: Annotated[Bytes, Field(ge=4096, le=65_536)] = 15_360
    request_timeout: Milliseconds = 10_000
    idle_timeout: Milliseconds = 30_000
    keep_alive_timeout: Milliseconds = 10_000
    max_streams: Annotated[int, Field(ge=1, le=10_000)] = 100
    max_body_size: Bytes | None = None
    max_connections: Annotated[int, Field(ge=10)] | None = Field(
        default=None,
        description="Client connections at once; default and upper bound: half the descriptors less 2,000.",
    )
    drain_timeout: Milliseconds = Field(default=30_000, description="How long SIGTERM waits for requests to finish.")
    reload_interval: Milliseconds = Field(default=5_000, description="Least time between two reloads.")
    spare_slots: Annotated[int, Field(ge=0, le=16_384)] = Field(
        default=128,
        description="Places laid out ahead for each kind of Backend; 0: none, and every new Backend reloads HAProxy.",
    )
    max_spare_slots: Annotated[int, Field(ge=1, le=16_384)] = Field(
        default=4_096,
        description="Places laid out ahead in all, but for one of each kind; at most 16,384. About 12 kB of memory each.",
    )
    lua: bool = Field(
        default=True,
        description="Conditions and filters are data for HAProxy's Lua; off: compiled, and a change of them reloads HAProxy.",
    )
    proxy_class: str = "default"

    @field_validator("http", "https")
    @classmethod
    def _a_port_each(cls, binds: tuple[Bind, ...]) -> tuple[Bind, ...]:
        if any(bind.port == 0 for bind in binds):
            raise ValueError("port 0 stands for any free port only with --admin; name a port from 1 to 65535")
        return binds

    @model_validator(mode="after")
    def _no_bind_twice(self) -> Self:
        seen: set[tuple[str, int]] = set()
        for bind in (*self.http, *self.https, *self.admin):
            key = (bind.address, bind.port)
            if bind.port and key in seen:
                raise ValueError(f"{bind} is given twice among http, https and admin; each needs a port of its own")
            seen.add(key)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `load` hands flags and the file in as one mapping each; the environment stands between them.
        assert isinstance(init_settings, InitSettingsSource)
        values = dict(init_settings.init_kwargs)
        file = values.pop(_FILE, {})
        return (
            InitSettingsSource(settings_cls, values),
            EnvSettingsSource(settings_cls),
            InitSettingsSource(settings_cls, file),
        )

    @classmethod
    def load(cls, flags: Mapping[str, Any], config: Path | None = None) -> Self:
        """Settings from flags (None: not given), the environment, and the configuration file.

        Raises:
            SettingsError: the file cannot be read, or a value is wrong; all problems at once.
        """
        given = {name: value for name, value in flags.items() if value is not None}
        path = config or (Path(os.environ["HALOY_CONFIG"]) if os.environ.get("HALOY_CONFIG") else None)
        try:
            return cls(**{**given, _FILE: _read_file(path)})
        except ValidationError as error:
            raise SettingsError("\n".join(_explain(problem, cls) for problem in error.errors())) from None

    @property
    def state_dir(self) -> Path:
        return self.state or default_state_dir(self.directory)

    @property
    def fleet(self) -> Fleet:
        """What translation needs to know of these settings."""
        listeners = [
            Listener(
                "http",
                self.http,
                tls=False,
                public_port=self.http_public_port or self.http[0].port,
                accept_proxy_protocol=self.accept_proxy_protocol,
            )
        ]
        if self.https:
            listeners.append(
                Listener(
                    "https",
                    self.https,
                    tls=True,
                    public_port=self.https_public_port or self.https[0].port,
                    accept_proxy_protocol=self.accept_proxy_protocol,
                )
            )
        limits = ClientLimits(
            max_header_size=self.max_header_size,
            request_timeout=self.request_timeout,
            idle_timeout=self.idle_timeout,
            keep_alive_timeout=self.keep_alive_timeout,
            max_streams=self.max_streams,
            max_body_size=self.max_body_size,
        )
        return Fleet(tuple(listeners), self.trusted_proxies, limits)


def _read_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"configuration file {path}: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"configuration file {path}: expected `setting: value` lines, for example `http: :80`")
    return {str(key).replace("-", "_"): value for key, value in content.items()}


def _explain(problem: Any, settings: type[BaseSettings]) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    shown = name.replace("_", "-")
    if problem["type"] == "extra_forbidden":
        near = did_you_mean(name, settings.model_fields)
        hint = f'; did you mean "{near.replace("_", "-")}"?' if near else ""
        return f'unknown setting "{shown}"{hint}'
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not name:
        return message
    return (
        f"{shown}: {message}" if problem["type"] == "value_error" else f"{shown}: {message}, not {problem['input']!r}"
    )
