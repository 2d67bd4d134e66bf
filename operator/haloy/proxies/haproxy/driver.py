"""HAProxy behind the Proxy port: one process, kept equal to what was last delivered."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from haloy.clock import Clock
from haloy.model.health import Observation
from haloy.model.model import Delivery, Model
from haloy.proxies.base import Applied, Failed, Measurements, Outcome, Refusal, ReloadCause, ReloadReason
from haloy.proxies.haproxy import certificates, maps_runtime
from haloy.proxies.haproxy.alerts import Alert
from haloy.proxies.haproxy.apply import StepFailed, read_back, take
from haloy.proxies.haproxy.artifacts import Artifacts, Line
from haloy.proxies.haproxy.binary import Build
from haloy.proxies.haproxy.candidate import ConfigFiles, files_of, revision_file, server_states, token
from haloy.proxies.haproxy.diagnose import SourceMap, missing_materials, refusals
from haloy.proxies.haproxy.events import Event, Noted, Reloaded
from haloy.proxies.haproxy.fallback import fallback_pem
from haloy.proxies.haproxy.generations import Generation, Generations, digest_of
from haloy.proxies.haproxy.live import assemble, read_live
