"""For every rule over several fields: parts that keep it and parts that break it."""

from typing import Any

Examples = tuple[list[dict[str, Any]], list[dict[str, Any]]]

_PREFIX = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
_FULL = {"type": "ReplaceFullPath", "replaceFullPath": "/"}
_REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
_DIRECT = {"type": "DirectResponse", "directResponse": {"status": 204}}
_REWRITE = {"type": "URLRewrite", "urlRewrite": {"hostname": "a.example"}}
_REFS = [{"name": "shop"}]
_EXACT = {"path": {"type": "Exact", "value": "/"}}
_LONG = "a" * 513
_IP = [{"address": "10.0.0.5", "port": 1}]
_NAMED = [{"address": "shop.internal", "port": 1}]

EXAMPLES: dict[str, Examples] = {
    "header-not-hop-by-hop": (
        [{"name": "x-env", "value": "1"}, {"name": "hostname", "value": "1"}],
        [{"name": "Host", "value": "1"}, {"name": "connection", "value": "1"}, {"name": "TE", "value": "1"}],
    ),
    "header-removable": ([{"remove": ["server"]}, {"set": []}], [{"remove": ["x", "Transfer-Encoding"]}]),
    "header-in-one-list": (
        [{"set": [{"name": "a", "value": "1"}], "add": [{"name": "b", "value": "1"}], "remove": ["c"]}, {}],
        [
            {"set": [{"name": "a", "value": "1"}], "add": [{"name": "A", "value": "1"}]},
            {"set": [{"name": "a", "value": "1"}], "remove": ["A"]},
            {"add": [{"name": "a", "value": "1"}], "remove": ["a"]},
        ],
    ),
    "full-path-with-its-type": ([_FULL, _PREFIX], [{"type": "ReplaceFullPath"}, {**_PREFIX, "replaceFullPath": "/"}]),
    "prefix-match-with-its-type": (
        [_FULL, _PREFIX],
        [{"type": "ReplacePrefixMatch"}, {**_FULL, "replacePrefixMatch": "/"}],
    ),
    "redirect-changes-something": ([{"port": 8443}, {"path": _FULL}], [{}, {"statusCode": 301}]),
    "rewrite-changes-something": ([{"hostname": "a.example"}, {"path": _PREFIX}], [{}]),
    "direct-response-body-allowed": (
        [{"status": 204}, {"status": 304, "body": ""}, {"status": 200, "body": "ok"}],
        [{"status": 204, "body": "ok"}, {"status": 304, "body": "ok"}],
    ),
    "filter-requestHeaderModifier": (
        [{"type": "RequestHeaderModifier", "requestHeaderModifier": {}}],
        [{"type": "RequestHeaderModifier"}, {**_REDIRECT, "requestHeaderModifier": {}}],
    ),
    "filter-responseHeaderModifier": (
        [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {}}],
        [{"type": "ResponseHeaderModifier"}, {**_REDIRECT, "responseHeaderModifier": {}}],
    ),
    "filter-requestRedirect": (
        [_REDIRECT],
        [{"type": "RequestRedirect"}, {**_REWRITE, "requestRedirect": {"port": 1}}],
    ),
    "filter-urlRewrite": ([_REWRITE], [{"type": "URLRewrite"}, {**_DIRECT, "urlRewrite": {"hostname": "a.example"}}]),
    "filter-directResponse": (
        [_DIRECT],
        [{"type": "DirectResponse"}, {**_REDIRECT, "directResponse": {"status": 204}}],
    ),
    "path-characters": (
        [{"value": "/a-b_c~d%20!"}, {"type": "RegularExpression", "value": "^.*$"}, {}],
        [{"value": "api"}, {"type": "Exact", "value": "/a b"}, {"value": "/a?b"}, {"value": "/%zz"}, {"value": "/ä"}],
    ),
    "path-unambiguous": (
        [{"value": "/a/.b/..c"}, {"type": "RegularExpression", "value": "/a//b"}],
        [{"value": "/a//b"}, {"value": "/a/../b"}, {"value": "/a/."}, {"value": "/a%2fb"}, {"value": "/%00"}],
    ),
    "path-regex-length": (
        [{"type": "RegularExpression", "value": "a" * 512}, {"value": "/" + _LONG}],
        [{"type": "RegularExpression", "value": _LONG}],
    ),
    "header-regex-length": (
        [{"name": "a", "value": _LONG}, {"name": "a", "type": "RegularExpression", "value": "a"}],
        [{"name": "a", "type": "RegularExpression", "value": _LONG}],
    ),
    "query-regex-length": (
        [{"name": "a", "value": _LONG}, {"name": "a", "type": "RegularExpression", "value": "a"}],
        [{"name": "a", "type": "RegularExpression", "value": _LONG}],
    ),
    "no-redirect-with-rewrite": (
        [{"filters": [_REWRITE], "backendRefs": _REFS}, {"filters": [_REDIRECT]}, {"backendRefs": _REFS}],
        [{"filters": [_REWRITE, _REDIRECT]}, {"filters": [_DIRECT, _REWRITE]}],
    ),
    "one-terminal-filter": (
        [{"filters": [_REDIRECT]}, {"filters": [_DIRECT]}, {"backendRefs": _REFS}],
        [{"filters": [_REDIRECT, _DIRECT]}],
    ),
    "backends-or-answer": (
        [{"backendRefs": _REFS}, {"filters": [_REDIRECT]}, {"filters": [_REWRITE], "backendRefs": _REFS}],
        [{}, {"backendRefs": [], "filters": []}, {"filters": [_REWRITE]}, {"filters": [_DIRECT], "backendRefs": _REFS}],
    ),
    "prefix-replacement-needs-prefix": (
        [
            {"filters": [{"type": "URLRewrite", "urlRewrite": {"path": _PREFIX}}], "backendRefs": _REFS},
            {"filters": [{"type": "RequestRedirect", "requestRedirect": {"path": _FULL}}], "matches": [_EXACT]},
        ],
        [
            {
                "filters": [{"type": "URLRewrite", "urlRewrite": {"path": _PREFIX}}],
                "backendRefs": _REFS,
                "matches": [{}, _EXACT],
            },
            {"filters": [{"type": "RequestRedirect", "requestRedirect": {"path": _PREFIX}}], "matches": [_EXACT]},
        ],
    ),
    "rule-names-once": (
        [{"rules": [{"name": "a", "backendRefs": _REFS}, {"backendRefs": _REFS}, {"backendRefs": _REFS}]}],
        [{"rules": [{"name": "a", "backendRefs": _REFS}, {"name": "a", "backendRefs": _REFS}]}],
    ),
    "hsts-preload": (
        [{"preload": True, "includeSubDomains": True}, {"maxAge": "0s"}],
        [{"preload": True}, {"preload": True, "includeSubDomains": True, "maxAge": "8759h"}],
    ),
    "tls-one-certificate": (
        [{"secretName": "a"}, {"issuer": "selfSigned"}, {"redirect": True}],
        [{"secretName": "a", "issuer": "selfSigned"}],
    ),
    "header-with-algorithm": (
        [{"algorithm": "Header", "header": "x-user"}, {}],
        [{"algorithm": "Header"}, {"header": "x-user"}],
    ),
    "values-with-operator": (
        [{"key": "a", "operator": "In", "values": ["b"]}, {"key": "a", "operator": "Exists"}],
        [{"key": "a", "operator": "NotIn"}, {"key": "a", "operator": "Exists", "values": ["b"]}],
    ),
    "selector-with-from": (
        [{}, {"from": "All"}, {"from": "Selector", "selector": {}}],
        [{"from": "Selector"}, {"from": "All", "selector": {}}],
    ),
    "service-or-endpoints": (
        [{"service": {"name": "a", "port": 1}}, {"endpoints": _IP}],
        [{}, {"endpoints": []}, {"service": {"name": "a", "port": 1}, "endpoints": _IP}],
    ),
    "tls-with-protocol": (
        [{"endpoints": _IP, "protocol": "h2", "tls": {"serverName": "a.example"}}, {"endpoints": _IP}],
        [{"endpoints": _IP, "tls": {"serverName": "a.example"}}, {"endpoints": _IP, "protocol": "h2c", "tls": {}}],
    ),
    "tls-server-name": (
        [{"endpoints": _NAMED, "protocol": "https"}, {"endpoints": _IP, "protocol": "h2c"}],
        [
            {"endpoints": _IP, "protocol": "https"},
            {"endpoints": [{"address": "2001:db8::1", "port": 1}], "protocol": "h2", "tls": {}},
            {"service": {"name": "a", "port": 1}, "protocol": "https"},
        ],
    ),
    "status-range-order": (
        [{"expectedStatuses": ["204", "200-200", "200-399"]}],
        [{"expectedStatuses": ["204", "399-200"]}],
    ),
    "head-has-no-body": (
        [{"method": "HEAD"}, {"expectedBody": "ok"}],
        [{"method": "HEAD", "expectedBody": "ok"}],
    ),
    "one-kind-of-check": (
        [{"http": {}}, {"tcp": {}}, {"grpc": {}}],
        [{}, {"http": {}, "tcp": {}}, {"tcp": {}, "grpc": {}}],
    ),
    "timeout-within-interval": (
        [{"tcp": {}, "interval": "5s"}, {"tcp": {}, "interval": "60s", "timeout": "1m"}],
        [{"tcp": {}, "interval": "4s"}, {"tcp": {}, "timeout": "15001ms"}],
    ),
}
