"""What haloy writes as status is what the CRDs describe; the server would prune everything else."""

from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator

from haloy.api.conditions import ConditionStatus, ConditionType, Reason
from haloy.model.health import Health
from haloy.model.refs import ObjectRef
from haloy.status.values import Condition, EndpointStatus, Status
from tests.api.schemas import closed, crd_schema

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)
COLUMNS = {
    "Route": {"hosts": "shop.example.com +2", "backends": "3/4", "proxies": "1/1", "certificateExpires": ""},
    "Backend": {"up": "3/4", "algorithm": "RoundRobin", "health": "Degraded", "check": "GET / every 15s"},
    "HealthPolicy": {"targets": "3", "check": "tcp every 15s"},
}


@pytest.mark.parametrize("kind", list(COLUMNS))
def test_a_status_is_valid_and_nothing_of_it_is_pruned(kind: str) -> None:
    conditions = tuple(
        Condition(type, ConditionStatus.TRUE, Reason.ACCEPTED, "all is well", 3, MOMENT) for type in ConditionType
    )
    endpoints = (EndpointStatus("10.0.0.5", 8080, Health.DEGRADED, "L7STS/503", MOMENT, "1/2", "shop.internal"),)
    status = Status(ObjectRef(kind, "web", "shop"), 3, conditions, COLUMNS[kind], endpoints)
    Draft202012Validator(closed(crd_schema(kind)["properties"]["status"])).validate(status.to_json()["status"])
