"""A signal: one decision about limits, told to the caller with its reason."""

from dataclasses import dataclass
from typing import Literal

SignalKind = Literal["throttle", "handoff", "pressure", "degraded"]


@dataclass(frozen=True, slots=True)
class Signal:
    """What changed and why: `level` is a context level, or the name of what is pressed (`cpu`, `net`, …)."""

    kind: SignalKind
    level: str
    reason: str
    action: str

    def line(self) -> str:
        return f"📡 {self.kind} {self.level}: {self.reason}: {self.action}"

    def data(self) -> dict[str, str]:
        return {"kind": self.kind, "level": self.level, "reason": self.reason, "action": self.action}
