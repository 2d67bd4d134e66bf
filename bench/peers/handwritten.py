"""The baseline: what somebody who knows HAProxy well writes by hand for one Route with haloy's observable features.

It has no maps and no variables that only a generator needs. Each feature is in the cheapest form that keeps it, as measured.
A request with both Content-Length and Transfer-Encoding needs no rule: HAProxy drops the former before its rules run.
"""

from pathlib import Path

from bench.kinds import PLAIN, Kind
from bench.site import CHECK_INTERVAL, CIPHERS, HOST, Answer, Launch, Missing, Site
from haloy.proxies.haproxy.process import binary

CONFIG = r"""
global
  ssl-default-bind-ciphers {ciphers}
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
  maxconn 4000
  hard-stop-after 10m
  spread-checks 10
  stats socket {site.directory}/admin.sock mode 600 level admin

defaults
  mode http
  option idle-close-on-response
  option redispatch
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout queue 5s
  timeout tunnel 1h
  timeout http-request 10s
  timeout http-keep-alive 10s

backend routes
  stick-table type string len 128 size 10k store http_req_cnt,http_err_cnt,http_fail_cnt,bytes_in_cnt,bytes_out_cnt

{frontends}{backends}"""

BACKEND = """\
backend {name}
  option httpchk GET /
  default-server check inter {interval}s fall 3 rise 2
  server a 127.0.0.1:{site.endpoints[0]}
  server b 127.0.0.1:{site.endpoints[1]}

"""

FRONTEND = r"""
frontend {scheme}
  bind 127.0.0.1:{port}{tls}
  log stdout len 16384 format raw local0 info
  log-format '{log}'
  error-log-format '{error_log}'

  http-request set-var(txn.id) req.hdr(x-request-id)
  http-request set-var(txn.id,ifnotexists) uuid()
  http-request set-var(txn.host) req.hdr(host)

  http-request deny deny_status 400 if {{ path -m sub /../ %00 %2e %2E }} || {{ path -m end /.. }}

  acl shop hdr(host),host_only -i {host}
  http-request return status 404 content-type text/plain string "no such host" unless shop

  http-request track-sc0 str(web/shop) table routes
  http-request set-header X-Request-Id %[var(txn.id)]
  http-request del-header x-forwarded- -m beg
  http-request del-header x_forwarded_ -m beg
  http-request del-header forwarded
  http-request add-header X-Forwarded-For %[src]
  http-request add-header X-Forwarded-Host %[var(txn.host)]
  http-request add-header X-Forwarded-Port {port}
  http-request add-header X-Forwarded-Proto {scheme}
  http-request add-header Forwarded 'for=%[src];host="%[var(txn.host)]";proto={scheme}'
{rule}  default_backend web:shop

"""

LOG = (
    '"time":%Ts%ms,"id":"%[var(txn.id),json(utf8s)]","client":"%ci","method":"%HM","host":"%[var(txn.host),json(utf8s)]",'
    '"path":"%[capture.req.uri,json(utf8s)]","protocol":"%HV","status":%ST,"bytes":%B,'
    '"timings":{"request":%TR,"queue":%Tw,"connect":%Tc,"response":%Tr,"total":%Ta},'
    '"route":"%b","rule":"0","backend":"%b","endpoint":"%si:%sp","state":"%ts"'
)
"""Route and Backend share one name, so HAProxy's own word for the section says all three; unrouted: the frontend's name."""

TLS = '"tls":{"version":"%sslv","cipher":"%sslc","sni":"%[ssl_fc_sni,json(utf8s)]"}'

ERROR = '"time":%Ts%ms,"client":"%ci","status":%ST,"state":"%ts","error":"%[fc_err_str,json(utf8s)]"'
TLS_ERROR = '"tls":{"error":"%[ssl_fc_err_str,json(utf8s)]"}'


def haproxy() -> Path | Missing:
    """The HAProxy that haloy itself would run, so that all HAProxies of one run are the same build."""
    try:
        return binary.find_binary(None)
    except binary.BinaryError as error:
        return Missing(str(error))


def prepare(site: Site, *, kind: Kind = PLAIN) -> Answer:
    """One Route of `kind`. The second Backend of a weighted pair has the same endpoints as the first."""
    program = haproxy()
    if isinstance(program, Missing):
        return program
    bundle = site.write("site.pem", site.chain.read_text() + site.key.read_text())
    text = CONFIG.format(
        site=site,
        ciphers=":".join(CIPHERS),
        backends="".join(
            BACKEND.format(name=name, interval=CHECK_INTERVAL, site=site)
            for name in ("web:shop", "web:next")[: len(kind.weights)]
        ),
        frontends=_frontend(kind, "http", site.http, "", LOG, ERROR)
        + _frontend(
            kind, "https", site.https, f" ssl crt {bundle} alpn h2,http/1.1", f"{LOG},{TLS}", f"{ERROR},{TLS_ERROR}"
        ),
    )
    config = site.write("haproxy.cfg", text)
    return Launch((str(program), "-W", "-f", str(config)), logs_to_stdout=True)


def _frontend(kind: Kind, scheme: str, port: int, tls: str, log: str, error: str) -> str:
    rule = "".join(f"  {line}\n" for line in kind.by_hand)
    return FRONTEND.format(
        scheme=scheme, port=port, tls=tls, host=HOST, log="{" + log + "}", error_log="{" + error + "}", rule=rule
    )
