"""The rules over several fields are CEL in the CRDs and Python in haloy. The real API server judges the same examples the same way."""

import pytest

from e2e import manifests
from e2e.namespace import Namespace
from e2e.objects import RejectedError
from tests.api.rule_examples import EXAMPLES
from tests.api.test_every_rule_says_the_same_in_cel_and_in_python import RULES

pytestmark = pytest.mark.usefixtures("crds")
_MODELS = {rule.id: (model.__name__, rule.message) for model, rule in RULES}


@pytest.mark.parametrize("rule", sorted(_MODELS))
def test_the_same_examples_are_accepted_and_rejected(rule: str, namespace: Namespace) -> None:
    model, message = _MODELS[rule]
    accepted, rejected = EXAMPLES[rule]
    for part in accepted:
        namespace.objects.apply([manifests.AROUND[model](part)], namespace.name, dry_run=True)
    for part in rejected:
        with pytest.raises(RejectedError) as refusal:
            namespace.objects.apply([manifests.AROUND[model](part)], namespace.name, dry_run=True)
        assert message in refusal.value.message, part
