"""The optimisers by name."""

from collections.abc import Callable, Mapping, Sequence

from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer

from wiringup.training.spec import TrainSpec

Build = Callable[[Sequence[nn.Parameter], TrainSpec], Optimizer]

_OPTIMISERS: Mapping[str, Build] = {
    "sgd": lambda p, s: SGD(p, s.lr, momentum=s.momentum, weight_decay=s.weight_decay),
    "adam": lambda p, s: Adam(p, s.lr, weight_decay=s.weight_decay),
    "adamw": lambda p, s: AdamW(p, s.lr, weight_decay=s.weight_decay),
    "adagrad": lambda p, s: Adagrad(p, s.lr, weight_decay=s.weight_decay),
}


def optimiser(figures: Sequence[nn.Parameter], spec: TrainSpec) -> Optimizer:
    """Return the optimiser of ``spec`` for these figures."""
    return _OPTIMISERS[spec.optimiser](figures, spec)
