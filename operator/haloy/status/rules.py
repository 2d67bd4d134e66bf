"""Which Routes have rules that are more than a host and a path."""

from haloy.model.flatten import unconditional
from haloy.model.model import Model
from haloy.model.refs import ObjectRef

COMPILED_RULES = (
    "HAProxy runs without Lua: conditions and filters are compiled into its configuration, and a change of them reloads it "
    "(compiled-rules)"
)


def with_conditions_or_filters(model: Model) -> frozenset[ObjectRef]:
    """The Routes with a rule that has a filter, or a match that more than an exact path or a prefix decides."""
    return frozenset(
        candidate.rule.route
        for vhost in model.virtual_hosts
        for candidate in vhost.candidates
        if candidate.rule.filters or not unconditional(candidate)
    )
