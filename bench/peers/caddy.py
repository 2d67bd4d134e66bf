"""Caddy, with a Caddyfile."""

from bench.site import CHECK_INTERVAL, HOST, Answer, Launch, Missing, Site, binary

# Caddy's own TLS defaults are TLS 1.2 and 1.3 with the intermediate profile's suites.
CONFIG = """\
{{
  admin off
  auto_https off
  persist_config off
  metrics {{
    per_host
  }}
  servers {{
    protocols h1 h2
  }}
  log default {{
    level WARN
  }}
}}
(shop) {{
  log {{
    output file {site.directory}/access.log
    format json
  }}
  log_append id {{http.request.header.X-Request-Id}}
  log_append route web/shop
  log_append rule 0
  log_append backend web/shop
  log_append endpoint {{http.reverse_proxy.upstream.hostport}}
  @anonymous not header X-Request-Id *
  request_header @anonymous X-Request-Id {{http.request.uuid}}
  reverse_proxy 127.0.0.1:{site.endpoints[0]} 127.0.0.1:{site.endpoints[1]} {{
    lb_policy round_robin
    health_uri /
    health_interval {interval}s
    header_up X-Forwarded-Port {{http.request.local.port}}
    header_up Forwarded "for={{http.request.remote.host}};host={{http.request.host}};proto={{http.request.scheme}}"
    transport http {{
      keepalive_idle_conns_per_host 64
    }}
  }}
}}
http://{host}:{site.http} {{
  bind 127.0.0.1
  import shop
}}
https://{host}:{site.https} {{
  bind 127.0.0.1
  tls {site.chain} {site.key}
  import shop
}}
http://:{site.http} {{
  bind 127.0.0.1
  respond "no such host" 404
}}
"""


def prepare(site: Site) -> Answer:
    program = binary(site, "bin/caddy")
    if isinstance(program, Missing):
        return program
    config = site.write("Caddyfile", CONFIG.format(site=site, host=HOST, interval=CHECK_INTERVAL))
    return Launch(
        (str(program), "run", "--config", str(config), "--adapter", "caddyfile"),
        lacks=("termination state", "upstream timings in the log"),
    )
