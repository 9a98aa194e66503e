"""How BatchNorm behaves while other synapses learn.

A BatchNorm whose whole affine learns normalises by the statistics of the batch, and its running averages
follow. What one does that does not learn is a choice of the training. The published models were trained in
PyTorch's training mode throughout: ``batch``, or, where BatchNorm was born with the statistics of a trained
network, ``batch`` or ``held``, which depends on the version of PyTorch (Geiger et al. 2022, research code).
There, too, running averages follow behind a convolution that learns: those of birth are of other weights.
"""

from collections.abc import Collection

from torch import nn

from wiringup.models.batchnorm import batchnorms
from wiringup.training.plasticity import Plasticity
from wiringup.training.spec import BATCH, HELD, NORMS, RUNNING

__all__ = ["BATCH", "HELD", "NORMS", "RUNNING"]

STATISTICS = 2  # mean and variance of every channel


def statistics_of(model: nn.Module) -> dict[str, int]:
    """Return {BatchNorm layer: its running means and variances}, of those that keep any."""
    kept = {layer: norm for layer, norm in batchnorms(model).items() if norm.running_mean is not None}
    return {layer: STATISTICS * norm.num_features for layer, norm in kept.items()}


def set_training_mode(model: nn.Module, following: Collection[str], norms: str) -> dict[str, int]:
    """Put a model in training mode, and its BatchNorms as ``norms`` says; `set_evaluation_mode` undoes it.

    One that keeps no running averages always normalises by the batch.

    Args:
        model: the network.
        following: BatchNorm layers that normalise by the batch and whose running averages follow: their whole
            affine learns or, with `HELD`, the convolution before them.
        norms: what all others do, one of `NORMS`.

    Returns:
        {BatchNorm layer: running means and variances that move}.
    """
    model.train()
    moving = statistics_of(model)
    for layer, norm in batchnorms(model).items():
        follows, keeps = layer in following or norms == BATCH, layer in moving
        norm.train(follows or norms != RUNNING or not keeps)
        norm.track_running_stats = keeps and (follows or norms == RUNNING)
        if keeps and not follows:
            del moving[layer]
    return moving


def set_evaluation_mode(model: nn.Module) -> None:
    """Put a model in evaluation mode: every BatchNorm normalises by its running averages."""
    model.eval()
    for norm in batchnorms(model).values():
        norm.track_running_stats = norm.running_mean is not None


def effective(norms: str, plasticity: Plasticity, model: nn.Module) -> str:
    """Return ``norms``, or the default where nothing hangs on it: trainings alike share one address.

    That is so where every BatchNorm learns from the first step to the last, and where there is none. One that
    has no affine, but keeps running averages, never learns.
    """
    affine = [row for row in plasticity.synapses if row.kind == "batchnorm"]
    at_times = {group.parameter for group in plasticity.groups if group.windows is not None}
    learns = all(row.learns == row.count and row.parameter not in at_times for row in affine)
    bare = any(not n.affine and n.running_mean is not None for n in batchnorms(model).values())
    return BATCH if learns and not bare else norms
