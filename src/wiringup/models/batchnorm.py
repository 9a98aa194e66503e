"""The BatchNorms of a network."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm


def batchnorms(model: nn.Module) -> dict[str, BatchNorm]:
    """Return {dotted name: module} for every BatchNorm of a model."""
    return {name: module for name, module in model.named_modules() if isinstance(module, BatchNorm)}
