"""Envoy, with a static configuration."""

import json
from typing import Any

from bench.site import CHECK_INTERVAL, CIPHERS, HOST, Answer, Launch, Missing, Site, binary

_HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_FILE_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"

LOG = {
    "time": "%START_TIME%",
    "id": "%REQ(X-REQUEST-ID)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(:METHOD)%",
    "host": "%REQ(:AUTHORITY)%",
    "path": "%REQ(:PATH)%",
    "status": "%RESPONSE_CODE%",
    "bytes": "%BYTES_SENT%",
    "request_ms": "%REQUEST_DURATION%",
    "response_ms": "%RESPONSE_DURATION%",
    "total_ms": "%DURATION%",
    "route": "%ROUTE_NAME%",
    "rule": "0",
    "backend": "%UPSTREAM_CLUSTER%",
    "endpoint": "%UPSTREAM_HOST%",
    "termination": "%RESPONSE_FLAGS%",
    "tls_version": "%DOWNSTREAM_TLS_VERSION%",
    "tls_cipher": "%DOWNSTREAM_TLS_CIPHER%",
}


def prepare(site: Site) -> Answer:
    program = binary(site, "lib/python3*/site-packages/envoy/_bin/envoy")
    if isinstance(program, Missing):
        return program
    config = site.write("envoy.json", json.dumps(_bootstrap(site), indent=1))
    # Hot restart would need a shared memory id of its own for every Envoy on the machine.
    return Launch((str(program), "-c", str(config), "--disable-hot-restart", "--log-level", "warning"))


def _bootstrap(site: Site) -> dict[str, Any]:
    return {
        "admin": {"address": _address(site.admin)},
        "static_resources": {
            "listeners": [
                {"name": "http", "address": _address(site.http), "filter_chains": [{"filters": [_http(site, "http")]}]},
                {
                    "name": "https",
                    "address": _address(site.https),
                    "filter_chains": [{"filters": [_http(site, "https")], "transport_socket": _tls(site)}],
                },
            ],
            "clusters": [_cluster(site)],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _header(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _http(site: Site, scheme: str) -> dict[str, Any]:
    forwarded = f'for=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%;host="%REQ(:AUTHORITY)%";proto={scheme}'
    typed: dict[str, Any] = {
        "@type": _HTTP,
        "stat_prefix": scheme,
        "use_remote_address": True,
        "skip_xff_append": True,
        "common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"},
        "normalize_path": True,
        "preserve_external_request_id": True,
        "stream_idle_timeout": "30s",
        "request_headers_timeout": "10s",
        "access_log": [
            {
                "name": "file",
                "typed_config": {
                    "@type": _FILE_LOG,
                    "path": str(site.access_log),
                    "log_format": {"json_format": LOG},
                },
            }
        ],
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
        "route_config": {
            "name": "routes",
            "virtual_hosts": [
                {
                    "name": "web/shop",
                    "domains": [HOST, f"{HOST}:*"],
                    "request_headers_to_add": [
                        _header("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
                        _header("x-forwarded-host", "%REQ(:AUTHORITY)%"),
                        _header("x-forwarded-port", "%DOWNSTREAM_LOCAL_PORT%"),
                        _header("forwarded", forwarded),
                    ],
                    "routes": [
                        {
                            "name": "web/shop",
                            "match": {"prefix": "/"},
                            "route": {"cluster": "web/shop", "timeout": "30s"},
                        }
                    ],
                }
            ],
        },
    }
    return {"name": "http", "typed_config": typed}


def _tls(site: Site) -> dict[str, Any]:
    certificate = {"certificate_chain": {"filename": str(site.chain)}, "private_key": {"filename": str(site.key)}}
    parameters = {"tls_minimum_protocol_version": "TLSv1_2", "cipher_suites": list(CIPHERS)}
    context = {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [certificate], "tls_params": parameters}
    return {"name": "tls", "typed_config": {"@type": _TLS, "common_tls_context": context}}


def _cluster(site: Site) -> dict[str, Any]:
    return {
        "name": "web/shop",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "web/shop",
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": _address(port)}} for port in site.endpoints]},
            ],
        },
        "health_checks": [
            {
                "timeout": "5s",
                "interval": f"{CHECK_INTERVAL}s",
                "unhealthy_threshold": 3,
                "healthy_threshold": 2,
                "http_health_check": {"path": "/"},
            }
        ],
    }
