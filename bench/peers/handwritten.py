"""The baseline: what somebody who knows HAProxy well writes by hand for one Route with haloy's observable features.

It has no maps and no variables that only a generator needs. Each feature is in the cheapest form that keeps it, as measured.
"""

from pathlib import Path

from bench.site import CHECK_INTERVAL, CIPHERS, HOST, Answer, Launch, Missing, Site
from haloy.proxies.haproxy import binary

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

frontend http
  bind 127.0.0.1:{site.http}
  bind 127.0.0.1:{site.https} ssl crt {bundle} alpn h2,http/1.1
  log stdout len 16384 format raw local0 info
  log-format '{log}'

  http-request set-var(txn.id) req.hdr(x-request-id)
  http-request set-var(txn.id,ifnotexists) uuid()
  http-request set-var(txn.host) req.hdr(host)
  http-request set-var(txn.path) path

  http-request deny deny_status 400 if {{ req.hdr(transfer-encoding) -m found }} {{ req.hdr(content-length) -m found }}
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
  http-request add-header X-Forwarded-Port %[dst_port]
  http-request add-header X-Forwarded-Proto https if {{ ssl_fc }}
  http-request add-header X-Forwarded-Proto http if !{{ ssl_fc }}
  http-request add-header Forwarded for=%[src];host="%[var(txn.host)]";proto=https if {{ ssl_fc }}
  http-request add-header Forwarded for=%[src];host="%[var(txn.host)]";proto=http if !{{ ssl_fc }}
  use_backend shop if shop

backend shop
  option httpchk GET /
  default-server check inter {interval}s fall 3 rise 2
  server a 127.0.0.1:{site.endpoints[0]}
  server b 127.0.0.1:{site.endpoints[1]}
"""

LOG = (
    '{"time":"%[date,utime(%Y-%m-%dT%H:%M:%S)]Z","id":"%[var(txn.id),json(utf8s)]","client":"%ci","method":"%HM",'
    '"host":"%[var(txn.host),json(utf8s)]","path":"%[var(txn.path),json(utf8s)]","status":%ST,"bytes":%B,'
    '"request_ms":%TR,"queue_ms":%Tw,"connect_ms":%Tc,"response_ms":%Tr,"total_ms":%Ta,'
    '"route":"web/shop","rule":"0","backend":"web/shop","endpoint":"%si:%sp","termination":"%ts",'
    '"tls_version":"%sslv","tls_cipher":"%sslc"}'
)


def haproxy() -> Path | Missing:
    """The HAProxy that haloy itself would run, so that all HAProxies of one run are the same build."""
    try:
        return binary.find(None)
    except binary.BinaryError as error:
        return Missing(str(error))


def prepare(site: Site) -> Answer:
    program = haproxy()
    if isinstance(program, Missing):
        return program
    bundle = site.write("site.pem", site.chain.read_text() + site.key.read_text())
    text = CONFIG.format(
        site=site, bundle=bundle, host=HOST, ciphers=":".join(CIPHERS), interval=CHECK_INTERVAL, log=LOG
    )
    config = site.write("haproxy.cfg", text)
    return Launch((str(program), "-W", "-f", str(config)), logs_to_stdout=True)
