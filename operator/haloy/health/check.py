"""One check of one target."""

import asyncio
from typing import assert_never

from haloy.health.check_grpc import check_grpc
from haloy.health.check_http import check_http
from haloy.health.connection import CheckFailedError, connected
from haloy.health.target import CheckResult, MonitorTarget
from haloy.model.health import GrpcCheck, HttpCheck, TcpCheck


async def check(target: MonitorTarget) -> CheckResult:
    """Check once, within the check's time-out.

    Raises:
        CheckImpossibleError: nothing can be said of the endpoint, because this machine is out of descriptors, memory or ports.
    """
    try:
        async with asyncio.timeout(target.check.timeout / 1000):
            return await _check(target)
    except CheckFailedError as error:
        return error.result
    except TimeoutError:
        return CheckResult(False, f"L7TOUT/no answer within {target.check.timeout} ms")


async def _check(target: MonitorTarget) -> CheckResult:
    match target.check.kind:
        case HttpCheck() as kind:
            return await check_http(target, kind)
        case TcpCheck():
            async with connected(target):
                return CheckResult(True, "L6OK" if target.tls else "L4OK")
        case GrpcCheck() as kind:
            return await check_grpc(target, kind)
        case _:
            assert_never(target.check.kind)
