"""Traefik, with the file provider. Both files are JSON, which is YAML too."""

import json

from bench.site import CHECK_INTERVAL, CIPHERS, HOST, Answer, Launch, Missing, Site, binary


def prepare(site: Site) -> Answer:
    program = binary(site, "bin/traefik")
    if isinstance(program, Missing):
        return program
    routers = {
        scheme: {"rule": f"Host(`{HOST}`)", "service": "shop", "entryPoints": [scheme]} | extra
        for scheme, extra in (("http", {}), ("https", {"tls": {"options": "default"}}))
    }
    dynamic = {
        "http": {
            "routers": routers,
            "services": {
                "shop": {
                    "loadBalancer": {
                        "servers": [{"url": f"http://127.0.0.1:{port}"} for port in site.endpoints],
                        "healthCheck": {"path": "/", "interval": f"{CHECK_INTERVAL}s", "timeout": "5s"},
                    }
                }
            },
        },
        "tls": {
            "options": {
                "default": {"minVersion": "VersionTLS12", "cipherSuites": [_go_name(name) for name in CIPHERS]}
            },
            "certificates": [{"certFile": str(site.chain), "keyFile": str(site.key)}],
        },
    }
    routes = site.write("routes.yml", json.dumps(dynamic, indent=1))
    static = {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": {
            "http": {"address": f"127.0.0.1:{site.http}"},
            "https": {"address": f"127.0.0.1:{site.https}"},
            "metrics": {"address": f"127.0.0.1:{site.admin}"},
        },
        "providers": {"file": {"filename": str(routes)}},
        "accessLog": {
            "filePath": str(site.access_log),
            "format": "json",
            "fields": {"headers": {"names": {"X-Request-Id": "keep"}}},
        },
        "metrics": {"prometheus": {"entryPoint": "metrics", "addRoutersLabels": True}},
        "log": {"level": "WARN"},
    }
    config = site.write("traefik.yml", json.dumps(static, indent=1))
    return Launch(
        (str(program), f"--configFile={config}"),
        lacks=("making request ids", "Forwarded", "termination state"),
    )


def _go_name(openssl: str) -> str:
    """Go's name of a TLS 1.2 cipher suite that is written in OpenSSL's way."""
    exchange, authentication, *cipher = openssl.split("-")
    text = "_".join(cipher).replace("AES128", "AES_128").replace("AES256", "AES_256")
    suffix = "_SHA256" if text.startswith("CHACHA20") else ""
    return f"TLS_{exchange}_{authentication}_WITH_{text}{suffix}"
