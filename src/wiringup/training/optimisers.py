"""The optimisers by name, with the hyper-parameters that each of them has."""

from collections.abc import Callable, Mapping, Sequence

from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer

from wiringup.training.spec import TrainSpec

Build = Callable[[Sequence[nn.Parameter], TrainSpec], Optimizer]


def _sgd(parameters: Sequence[nn.Parameter], s: TrainSpec) -> Optimizer:
    return SGD(parameters, s.lr, momentum=s.momentum, weight_decay=s.weight_decay, nesterov=s.nesterov)


def _adam(parameters: Sequence[nn.Parameter], s: TrainSpec) -> Optimizer:
    return Adam(parameters, s.lr, s.betas, s.eps or 1e-8, weight_decay=s.weight_decay)


def _adamw(parameters: Sequence[nn.Parameter], s: TrainSpec) -> Optimizer:
    return AdamW(parameters, s.lr, s.betas, s.eps or 1e-8, weight_decay=s.weight_decay)


def _adagrad(parameters: Sequence[nn.Parameter], s: TrainSpec) -> Optimizer:
    start, eps = s.accumulator, s.eps or 1e-10
    return Adagrad(parameters, s.lr, s.lr_decay, s.weight_decay, initial_accumulator_value=start, eps=eps)


_OPTIMISERS: Mapping[str, Build] = {"sgd": _sgd, "adam": _adam, "adamw": _adamw, "adagrad": _adagrad}


def optimiser(parameters: Sequence[nn.Parameter], spec: TrainSpec) -> Optimizer:
    """Return the optimiser of ``spec`` for these parameters."""
    return _OPTIMISERS[spec.optimiser](parameters, spec)
