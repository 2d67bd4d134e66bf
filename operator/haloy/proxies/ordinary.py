"""The changes that need no reload: one name each, for docs/reloads.md and for the tests that show it."""

from enum import StrEnum


class OrdinaryChange(StrEnum):
    """What a person changes while everything keeps running. `meaning` says what, `way` how it gets to the proxy.

    tests/proof/ordinary has one test for each member, and fails for a member without one.
    """

    NEW_ROUTE = "new-route"
    ROUTE_DELETED = "route-deleted"
    NEW_HOST = "new-host"
    EVERY_HOST = "every-host"
    NEW_PATH = "new-path"
    EXACT_PATH = "exact-path"
    HEADER_CONDITION = "header-condition"
    QUERY_CONDITION = "query-condition"
    METHOD_CONDITION = "method-condition"
    REQUEST_HEADERS = "request-headers"
    RESPONSE_HEADERS = "response-headers"
    REWRITE = "rewrite"
    REDIRECT = "redirect"
    DIRECT_RESPONSE = "direct-response"
    WEIGHTS = "weights"
    TIMEOUTS = "timeouts"
    NEW_BACKEND = "new-backend"
    BACKEND_DELETED = "backend-deleted"
    ANOTHER_BACKEND = "another-backend"
    KNOWN_PROFILE = "known-profile"
    ENDPOINT_ADDED = "endpoint-added"
    ENDPOINT_REMOVED = "endpoint-removed"
    ENDPOINT_WEIGHT = "endpoint-weight"
    ENDPOINT_BACKUP = "endpoint-backup"
    ENDPOINT_LIMIT = "endpoint-limit"
    UPSTREAM_TLS = "upstream-tls"
    CLIENT_CERTIFICATE = "client-certificate"
    CHECK_PATH = "check-path"
    CHECK_HOST = "check-host"
    CHECK_RHYTHM = "check-rhythm"
    NEW_CERTIFICATE = "new-certificate"
    RENEWED_CERTIFICATE = "renewed-certificate"
    HTTPS_REDIRECT = "https-redirect"
    CANONICAL_HOST = "canonical-host"

    @property
    def meaning(self) -> str:
        return _WORDS[self][0]

    @property
    def way(self) -> str:
        return _WORDS[self][1]


_MAPS = "entries of maps"
_PROGRAM = "a program for the Lua action, and the entry that leads to it"
_FILTERS = (
    "the rule's record and program, and the entry that leads to it. The program is run by the Lua action until the next reload "
    "where it changes something that is not compiled yet"
)
_SERVERS = "commands to the servers of the Backend's slot"
_MOVE = "the Backend moves to a fresh slot, with the health of its endpoints, then one entry flips"

_WORDS = {
    OrdinaryChange.NEW_ROUTE: ("A Route is new.", _MAPS),
    OrdinaryChange.ROUTE_DELETED: ("A Route is deleted.", _MAPS),
    OrdinaryChange.NEW_HOST: ("A Route answers to another host, exact or wildcard.", _MAPS),
    OrdinaryChange.EVERY_HOST: ("A Route answers to every host.", _MAPS),
    OrdinaryChange.NEW_PATH: ("A Route has another path prefix.", _MAPS),
    OrdinaryChange.EXACT_PATH: ("A path is matched exactly.", _MAPS),
    OrdinaryChange.HEADER_CONDITION: ("A match demands a header.", _PROGRAM),
    OrdinaryChange.QUERY_CONDITION: ("A match demands a query parameter.", _PROGRAM),
    OrdinaryChange.METHOD_CONDITION: ("A match demands a method.", _PROGRAM),
    OrdinaryChange.REQUEST_HEADERS: ("A filter changes headers of requests.", _FILTERS),
    OrdinaryChange.RESPONSE_HEADERS: (
        "A filter changes headers of responses.",
        f"{_FILTERS}. In answers of HAProxy's own, a name that is not well known follows with the next reload",
    ),
    OrdinaryChange.REWRITE: ("A filter rewrites host or path.", _FILTERS),
    OrdinaryChange.REDIRECT: ("A filter redirects.", _PROGRAM),
    OrdinaryChange.DIRECT_RESPONSE: ("A filter answers by itself.", _PROGRAM),
    OrdinaryChange.WEIGHTS: ("Weights of backendRefs change.", "a weight set of a new name, then one entry flips"),
    OrdinaryChange.TIMEOUTS: ("A rule gets time-outs.", _MAPS),
    OrdinaryChange.NEW_BACKEND: (
        "A Backend of a known profile is new.",
        "a spare slot is filled, then one entry leads to it",
    ),
    OrdinaryChange.BACKEND_DELETED: (
        "A Backend is deleted.",
        "its servers finish what they have and go; its slot rests",
    ),
    OrdinaryChange.ANOTHER_BACKEND: ("A rule refers to another Backend.", _MAPS),
    OrdinaryChange.KNOWN_PROFILE: ("A Backend takes another known profile: another algorithm, say.", _MOVE),
    OrdinaryChange.ENDPOINT_ADDED: ("An endpoint is added.", _SERVERS),
    OrdinaryChange.ENDPOINT_REMOVED: ("An endpoint is removed.", _SERVERS),
    OrdinaryChange.ENDPOINT_WEIGHT: ("An endpoint's weight changes.", _SERVERS),
    OrdinaryChange.ENDPOINT_BACKUP: ("An endpoint becomes a backup.", _MOVE),
    OrdinaryChange.ENDPOINT_LIMIT: ("The limit of connections to an endpoint changes.", _MOVE),
    OrdinaryChange.UPSTREAM_TLS: ("A Backend speaks TLS, or trusts another CA.", f"the CA file; {_MOVE}"),
    OrdinaryChange.CLIENT_CERTIFICATE: (
        "A Backend shows its endpoints a client certificate, another one, or none any more.",
        f"the certificate file; {_MOVE}",
    ),
    OrdinaryChange.CHECK_PATH: ("A HealthPolicy asks for another path.", _MAPS),
    OrdinaryChange.CHECK_HOST: ("A HealthPolicy with a host asks for another one.", _MAPS),
    OrdinaryChange.CHECK_RHYTHM: ("Interval or thresholds of a HealthPolicy change.", _MOVE),
    OrdinaryChange.NEW_CERTIFICATE: ("A host gets a certificate.", "commands to the list of certificates"),
    OrdinaryChange.RENEWED_CERTIFICATE: ("A certificate is renewed.", "the certificate is replaced in memory"),
    OrdinaryChange.HTTPS_REDIRECT: ("Plain HTTP is redirected to HTTPS.", _MAPS),
    OrdinaryChange.CANONICAL_HOST: ("The other hosts of a Route are redirected to its canonical one.", _MAPS),
}
