"""One look-up of a DNS name: the hosts file first, then the nameservers, A and AAAA together."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.nameserver import Do53Nameserver

from haloy.model.listener import Bind

DEFAULT_TTL = 30.0
"""Seconds for which an answer without a TTL (hosts file, localhost) counts."""
MIN_TTL, MAX_TTL = 1.0, 300.0
_LIFETIME = 5.0
_HOSTS = Path("/etc/hosts")


@dataclass(frozen=True, slots=True)
class Answer:
    """The addresses of one family, as they are now. `error`: why there is no answer; then `addresses` is empty.

    An empty answer without an error is an answer: the name has no address of this family. `ttl` in seconds.
    """

    addresses: tuple[str, ...] = ()
    ttl: float = DEFAULT_TTL
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What DNS says of one name, for each address family."""

    ipv4: Answer
    ipv6: Answer

    @property
    def ttl(self) -> float:
        """Seconds after which to ask again: the lower TTL of the addresses, within bounds."""
        ttls = [answer.ttl for answer in (self.ipv4, self.ipv6) if answer.addresses]
        return min(max(min(ttls, default=DEFAULT_TTL), MIN_TTL), MAX_TTL)


class Lookup(Protocol):
    """Where the addresses of a name are asked for."""

    async def __call__(self, name: str) -> Answers:
        """Ask once. Failures are part of the Answers; nothing is raised."""
        ...


@dataclass(frozen=True, slots=True)
class SystemLookup:
    """Looks up as the machine is set up: hosts file, then resolv.conf with its search list, read anew each time.

    `nameservers` replace those of resolv.conf (and its search list); `hosts` is the hosts file.
    """

    nameservers: Sequence[Bind] = ()
    hosts: Path = _HOSTS

    async def __call__(self, name: str) -> Answers:
        if found := _in_hosts(self.hosts, name):
            return found
        if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, section 6.3: never asked of a nameserver.
            return await _by_getaddrinfo("localhost")
        try:
            resolver = self._resolver()
        except (dns.resolver.NoResolverConfiguration, OSError):
            return await _by_getaddrinfo(name)
        ipv4, ipv6 = await asyncio.gather(_ask(resolver, name, "A"), _ask(resolver, name, "AAAA"))
        return Answers(ipv4, ipv6)

    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=not self.nameservers)
        if self.nameservers:
            resolver.nameservers = [Do53Nameserver(server.address, server.port) for server in self.nameservers]
        return resolver


async def _ask(resolver: dns.asyncresolver.Resolver, name: str, kind: str) -> Answer:
    try:
        answer = await resolver.resolve(name, kind, search=True, lifetime=_LIFETIME, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return Answer(error="the name does not exist (NXDOMAIN)")
    except dns.resolver.LifetimeTimeout:
        return Answer(error=f"no nameserver answered within {_LIFETIME:g} s")
    except dns.resolver.NoNameservers:
        return Answer(error="the nameservers refuse or fail (SERVFAIL or the like)")
    except (dns.exception.DNSException, OSError, EOFError) as error:
        return Answer(error=f"the look-up failed: {str(error)[:200] or type(error).__name__}")
    addresses = _sorted([record.address for record in answer.rrset or ()])
    return Answer(addresses, float(answer.chaining_result.minimum_ttl))


async def _by_getaddrinfo(name: str) -> Answers:
    try:
        async with asyncio.timeout(_LIFETIME):
            found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        failed = Answer(error=f"no answer within {_LIFETIME:g} s")
        return Answers(failed, failed)
    except OSError as error:
        failed = Answer(error=f"the look-up failed: {error.strerror or error}")
        return Answers(failed, failed)
    return _split([str(address[0]).partition("%")[0] for *_, address in found])


def _in_hosts(hosts: Path, name: str) -> Answers | None:
    """The answer of the hosts file, None if it does not know the name (hosts(5))."""
    try:
        lines = hosts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    rows = (line.partition("#")[0].split() for line in lines)
    addresses = [row[0] for row in rows if len(row) > 1 and name in (alias.lower().rstrip(".") for alias in row[1:])]
    known = [address for address in addresses if _is_ip(address)]
    return _split(known) if known else None


def _split(addresses: list[str]) -> Answers:
    return Answers(
        Answer(_sorted([address for address in addresses if ":" not in address])),
        Answer(_sorted([address for address in addresses if ":" in address])),
    )


def _sorted(addresses: list[str]) -> tuple[str, ...]:
    return tuple(sorted({str(ipaddress.ip_address(address)) for address in addresses}))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
