"""Where the time goes: seconds by phase, for messages. Times never enter results."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Adds up wall-clock seconds by phase.

    Attributes:
        seconds: {phase: seconds spent in it}, in the order of the first use.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the block as spent in the phase ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def told(self) -> str:
        """Return, for example, ``responses 21.0 s, scoring 1.2 s (5 % of both)``: the last one's share."""
        parts = [f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items()]
        total = sum(self.seconds.values())
        share = f" ({list(self.seconds.values())[-1] / total:.0%} of the time)" if total > 0 else ""
        return ", ".join(parts) + share
