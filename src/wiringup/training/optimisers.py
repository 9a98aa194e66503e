"""The optimisers by name, with the hyper-parameters that each of them has."""

from collections.abc import Sequence

from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer

from wiringup.training.spec import TrainSpec


def optimiser(parameters: Sequence[nn.Parameter], s: TrainSpec) -> Optimizer:
    """Return the optimiser of a spec for these parameters; on a card one kernel moves them all."""
    fused = True if all(parameter.is_cuda for parameter in parameters) else None
    if s.optimiser == "sgd":
        return SGD(
            parameters, s.lr, s.momentum, weight_decay=s.weight_decay, nesterov=s.nesterov, fused=fused
        )
    if s.optimiser == "adagrad":
        return Adagrad(parameters, s.lr, s.lr_decay, s.weight_decay, s.accumulator, s.eps or 1e-10)
    kind = Adam if s.optimiser == "adam" else AdamW
    return kind(parameters, s.lr, s.betas, s.eps or 1e-8, s.weight_decay, fused=fused)
