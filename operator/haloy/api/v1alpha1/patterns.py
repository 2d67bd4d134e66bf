"""What strings may look like: allow-lists in RE2's syntax, and what each means in words.

The same text is the CRD's `pattern` and pydantic's (both RE2: `$` is the end of the text, not of a line).
"""

from collections.abc import Mapping
from types import MappingProxyType

LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
RULE_NAME = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

TOKEN = r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$"
FIELD_VALUE = r"^[!-~]([\t -~]*[!-~])?$"
QUERY_NAME = r"^[!\"$'-*,-:<>@-~]+$"
"""Visible ASCII without `& = ; ?`, which end a name, `% +`, which mean something else, and `#`, which ends the query: names
are compared as they stand in the URL."""
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

HOST = r"^[^\x00-\x20/\\@?#%'\"*]+$"
HOST_OR_WILDCARD = r"^(\*|(\*\.)?[^\x00-\x20/\\@?#%'\"*]+)$"
"""Wider than what normalise_host lets through, which knows internationalised names."""

DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
_PCHAR = r"[!$&-;=@-Z_a-z~]|%[0-9a-fA-F]{2}"
"""pchar (RFC 3986, 3.3) and the slash, as short as it can be: the API server's cost of a rule grows with its
pattern."""
PATH = rf"^/({_PCHAR})*$"
PATH_OR_EMPTY = rf"^(/({_PCHAR})*)?$"
TARGET = rf"^/({_PCHAR}|\?)*$"
AMBIGUOUS_PATH = r"//|/\.\.?(/|$)|%2[fF]|%5[cC]|%00"
"""What proxies and applications read differently (Gateway API, HTTPPathMatch): empty and dot segments, escaped
separators."""
STATUS_RANGE = r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$"
GRPC_SERVICE = r"^[A-Za-z0-9_.\-/]*$"

_HOST = "is not a host; write a name without scheme, path and blanks, for example shop.example.com"

HELP: Mapping[str, str] = MappingProxyType(
    {
        LABEL: "is not a name; use lower-case letters, digits and inner hyphens, for example shop-1",
        SUBDOMAIN: "is not a name; use lower-case letters, digits, inner hyphens and dots, for example shop-1",
        RULE_NAME: "is not a rule's name; use lower-case letters, digits and inner hyphens, with a letter first, for "
        "example api",
        LABEL_KEY: "is not the name of a label; use letters, digits, -, _ and ., after a prefix and / if any, for "
        "example team",
        LABEL_VALUE: "is not a label's value; use letters, digits, -, _ and ., with a letter or digit first and last",
        TOKEN: "is not a name for a header or cookie; use letters, digits and hyphens, for example x-env (RFC 9110, "
        "5.6.2)",
        FIELD_VALUE: "is not a header's value; use visible ASCII characters, with blanks inside only (RFC 9110, 5.5)",
        QUERY_NAME: "is not the name of a query parameter; use visible ASCII characters without & = ; ? % + and #, since "
        "names are compared as they stand in the URL",
        PRINTABLE: "has control characters; remove them, line breaks included",
        TEXT: "has control characters; use text, tabs and line breaks only",
        HOST: f"{_HOST}; a wildcard is not possible here",
        HOST_OR_WILDCARD: f"{_HOST} or *.example.com",
        PATH_OR_EMPTY: "is not a path; start it with / and write unusual characters percent-encoded, a space as %20",
        TARGET: "is not a path; start it with / and write unusual characters percent-encoded, a space as %20",
        STATUS_RANGE: "is not a status or range; write for example 204 or 200-399, in quotes",
        GRPC_SERVICE: "is not the name of a gRPC service; write it as in its .proto file, for example shop.v1.Orders",
    }
)
"""Continues after the value: "x y" is not a name, ..."""
