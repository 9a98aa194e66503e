"""What looks at trainings in tests."""

from collections.abc import Callable
from typing import Any

from wiringup.core.stimuli import LabelledImages
from wiringup.training.callbacks import Callback
from wiringup.training.observers import Observer, top1
from wiringup.training.state import TrainState


def each_step(hear: Callable[[TrainState], Any]) -> tuple[Callback]:
    """Return, alone in a tuple, a callback that calls ``hear`` after every step."""
    steps: list[int] = []

    def callback(state: TrainState) -> None:
        if steps and state.steps > steps[-1]:
            hear(state)
        steps.append(state.steps)

    return (callback,)


def accuracy(data: LabelledImages, size: int = 32) -> Observer:
    """Return an observer of the top-1 accuracy."""
    return lambda moment: {"top1": top1(moment.model, data, size)}
