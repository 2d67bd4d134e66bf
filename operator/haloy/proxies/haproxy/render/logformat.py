"""The access log: one JSON object per line, whatever the client sends.

What a client may choose goes through json(utf8s), which drops bytes that are no UTF-8; everything else is a number or of a
harmless alphabet. Absent values print as `-` or -1. `time` is when the line is written, in milliseconds since 1970.
"""

from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.tokens import Token

LOG_LENGTH = 65_535

_REQUEST = (
    ("time", "%[date(0,ms)]"),
    ("id", '"%[var(txn.id)]"'),
    ("client", '"%ci"'),
    ("method", '"%HM"'),
    ("host", '"%[var(txn.host),json(utf8s)]"'),
    ("path", '"%[capture.req.uri,json(utf8s)]"'),
    ("protocol", '"%HV"'),
    ("status", "%ST"),
    ("bytes", "%B"),
    ("timings", '{"request":%TR,"queue":%Tw,"connect":%Tc,"response":%Tr,"total":%Ta}'),
    ("route", '"%[var(txn.rule),field(1,:)]"'),
    ("rule", '"%[var(txn.rule),field(2,:)]"'),
    ("backend", '"%[var(txn.cluster)]"'),
    ("endpoint", '"%[srv_name]"'),
    ("state", '"%ts"'),
)

_TLS = (("tls", '{"version":"%sslv","cipher":"%sslc","sni":"%[ssl_fc_sni,json(utf8s)]"}'),)

# Of a connection without an error of its own (an unreadable request) HAProxy says "Success".
_ERROR = (
    ("time", "%[date(0,ms)]"),
    ("client", '"%ci"'),
    ("status", "%ST"),
    ("state", '"%ts"'),
    ("error", '"%[fc_err_str,regsub(^Success$,-),json(utf8s)]"'),
)

_TLS_ERROR = (("tls", '{"error":"%[ssl_fc_err_str,json(utf8s)]","sni":"%[ssl_fc_sni,json(utf8s)]"}'),)


def access_log(*, tls: bool) -> Token:
    """The format for requests."""
    return _format(*_REQUEST, *(_TLS if tls else ()))


def error_log(*, tls: bool) -> Token:
    """The format for what never became a request: failed handshakes, bad PROXY headers, unreadable requests."""
    return _format(*_ERROR, *(_TLS_ERROR if tls else ()))


def _format(*fields: tuple[str, str]) -> Token:
    return tokens.log_format("{" + ",".join(f'"{name}":{value}' for name, value in fields) + "}")
