"""A real nameserver on UDP, whose records the test changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from haloy.model.listener import Bind
from haloy.sources.lookup import SystemLookup


class Nameserver(asyncio.DatagramProtocol):
    """`records`: (addresses, ttl) by (name, kind). `rcode` other than NOERROR is given to every question."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], tuple[list[str], int]] = {}
        self.rcode = dns.rcode.NOERROR
        self.broken: set[str] = set()
        self.questions: list[tuple[str, str]] = []
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.questions.append((name, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if self.rcode != dns.rcode.NOERROR or kind in self.broken:
            answer.set_rcode(self.rcode if self.rcode != dns.rcode.NOERROR else dns.rcode.SERVFAIL)
        elif (name, kind) in self.records:
            addresses, ttl = self.records[name, kind]
            answer.answer.append(dns.rrset.from_text(question.name, ttl, "IN", kind, *addresses))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), sender)


@asynccontextmanager
async def nameserver() -> AsyncIterator[tuple[Nameserver, SystemLookup]]:
    """It, and a look-up that asks it and no one else."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(Nameserver, ("127.0.0.1", 0))
    try:
        yield server, SystemLookup((Bind("127.0.0.1", server.port),))
    finally:
        transport.close()
