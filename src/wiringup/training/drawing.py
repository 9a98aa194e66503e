"""Which operations of a network draw random numbers: dropout by whatever name, stochastic depth, noise."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.utils._python_dispatch import TorchDispatchMode

from wiringup.training.flops import on_meta


class Draws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes whether random numbers are drawn while it is open.

    Attributes:
        any: whether they were.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.any = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation; PyTorch says of each whether it takes from the global random stream."""
        self.any |= torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def drawing(traced: fx.GraphModule, batch: Sequence[int]) -> set[fx.Node]:
    """Return the operations of a traced network that draw random numbers in its present mode.

    It is run once on PyTorch's meta device, which computes shapes alone.

    Args:
        traced: the network.
        batch: shape of what it is given.
    """
    watched = _Watched(traced)
    watched.run(torch.empty(*batch, dtype=next(traced.parameters()).dtype, device="meta"))
    return watched.found


class _Watched(fx.Interpreter):
    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.found: set[fx.Node] = set()

    def run_node(self, n: fx.Node) -> Any:
        with Draws() as draws:
            answer = super().run_node(n)
        if draws.any:
            self.found.add(n)
        return answer

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        value = self.fetch_attr(target)
        return value.to("meta") if isinstance(value, Tensor) else value

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        module: nn.Module = self.fetch_attr(target)
        if type(module).forward is BatchNorm.forward:
            return args[0]  # it draws nothing, and takes most of the time there
        return functional_call(module, on_meta(module), args, kwargs)
