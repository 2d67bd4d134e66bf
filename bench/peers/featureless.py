"""HAProxy with nothing but two servers: the floor that features are paid on top of."""

from bench.peers.handwritten import haproxy
from bench.site import Answer, Launch, Missing, Site

CONFIG = """\
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen http
  bind 127.0.0.1:{site.http}
  server a 127.0.0.1:{site.endpoints[0]}
  server b 127.0.0.1:{site.endpoints[1]}
"""


def prepare(site: Site) -> Answer:
    program = haproxy()
    if isinstance(program, Missing):
        return program
    config = site.write("haproxy.cfg", CONFIG.format(site=site))
    return Launch((str(program), "-W", "-f", str(config)), lacks=("everything: the floor",))
