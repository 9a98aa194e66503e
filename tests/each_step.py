"""Callbacks of a training that hear of its steps alone, not of the moment before the first."""

from collections.abc import Callable
from typing import Any

from wiringup.training.callbacks import Callback
from wiringup.training.state import TrainState


def each_step(hear: Callable[[TrainState], Any]) -> tuple[Callback]:
    """Return, alone in a tuple, a callback that calls ``hear`` after every step."""
    steps: list[int] = []

    def callback(state: TrainState) -> None:
        if steps and state.steps > steps[-1]:
            hear(state)
        steps.append(state.steps)

    return (callback,)
