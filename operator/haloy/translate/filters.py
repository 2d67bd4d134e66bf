"""Filters of a rule: the API's tagged structs → the Model's closed union, in one order."""

from collections.abc import Iterable
from typing import get_args

from haloy.api.v1alpha1 import filters as api
from haloy.model import filters as model

ORDER: tuple[type, ...] = get_args(model.Filter)
"""A type stands at most once in a rule and the order in the manifest means nothing, so the Model has its own."""


def translate_filters(items: Iterable[api.Filter]) -> tuple[model.Filter, ...]:
    """Filters in the one order in which they act (ORDER), whatever order they are written in."""
    return tuple(sorted((_filter(item) for item in items), key=lambda item: ORDER.index(type(item))))


def _filter(item: api.Filter) -> model.Filter:
    """The one field that is set: the schema ties it to `type`."""
    if item.request_header_modifier is not None:
        return model.RequestHeaderModifier(_headers(item.request_header_modifier))
    if item.response_header_modifier is not None:
        return model.ResponseHeaderModifier(_headers(item.response_header_modifier))
    if item.url_rewrite is not None:
        return model.UrlRewrite(item.url_rewrite.hostname, _path(item.url_rewrite.path))
    if item.request_redirect is not None:
        redirect = item.request_redirect
        return model.RequestRedirect(
            redirect.scheme, redirect.hostname, redirect.port, _path(redirect.path), redirect.status_code
        )
    if item.direct_response is not None:
        response = item.direct_response
        return model.DirectResponse(response.status, response.body, response.content_type)
    raise ValueError(f"a filter of type {item.type} without its settings got past validation")


def _headers(modifier: api.HeaderModifier) -> model.HeaderModifier:
    return model.HeaderModifier(
        set=tuple(model.Header(header.name, header.value) for header in modifier.set),
        add=tuple(model.Header(header.name, header.value) for header in modifier.add),
        remove=tuple(modifier.remove),
    )


def _path(path: api.PathModifier | None) -> model.PathModifier | None:
    return None if path is None else model.PathModifier(model.PathModifierKind(path.type), path.value)
