"""What happens to the running HAProxy besides what was asked for: for the log, the status and metrics."""

from dataclasses import dataclass

from haloy.proxies.base import Refusal, ReloadReason


@dataclass(frozen=True, slots=True)
class Died:
    """HAProxy ended and nobody had stopped it. It is started again in `again_in` seconds."""

    reason: str
    again_in: float

    def __str__(self) -> str:
        return f"{self.reason}; it is started again in {self.again_in:g} s"


@dataclass(frozen=True, slots=True)
class Started:
    """A process runs generation `generation`. `adopted`: it is one that an earlier haloy had left running."""

    generation: str
    pid: int
    adopted: bool = False

    def __str__(self) -> str:
        how = "found running and taken over" if self.adopted else "started"
        return f"HAProxy {how} (pid {self.pid}, generation {self.generation})"


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A new worker took over, or (`refusals`) it did not and the old one serves on."""

    generation: str
    reasons: tuple[ReloadReason, ...]
    seconds: float
    refusals: tuple[Refusal, ...] = ()

    @property
    def success(self) -> bool:
        return not self.refusals

    def __str__(self) -> str:
        why = _few([str(reason) for reason in self.reasons])
        if self.success:
            return f"HAProxy reloaded in {self.seconds:.2f} s (generation {self.generation}): {why}"
        said = _few([refusal.message for refusal in self.refusals])
        return f"HAProxy refused generation {self.generation} and serves on with the one before: {said} (wanted for: {why})"


@dataclass(frozen=True, slots=True)
class Unusable:
    """A generation on disk cannot be started; the one before it is tried."""

    generation: str
    reason: str

    def __str__(self) -> str:
        return f"generation {self.generation} cannot be used: {self.reason}"


@dataclass(frozen=True, slots=True)
class Emptied:
    """What was live is lost: none of the generations that lead somewhere could be started. `lost`: which, and why."""

    lost: tuple[Unusable, ...]

    def __str__(self) -> str:
        return f"HAProxy answers 404 to everything until a change can be applied; what was live is LOST: {_few(list(map(str, self.lost)))}"


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a person should know."""

    text: str

    def __str__(self) -> str:
        return self.text


Event = Died | Started | Reloaded | Unusable | Emptied | Noted

_SHOWN = 20


def _few(sentences: list[str]) -> str:
    more = len(sentences) - _SHOWN
    return "; ".join(sentences[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
