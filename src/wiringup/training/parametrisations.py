"""How synapses learn: the parameters that an optimiser moves, and how they make up a weight tensor.

The model always holds ordinary weights. After a backward pass, ``project_gradients`` turns the gradient of a
weight into those of its parameters (the chain rule, written out); after the optimiser's step,
``write_weights`` writes the weight that they make. So a network may be observed, scored or saved at any time,
and a parameter that is not there has no momentum, no decay and no state of any optimiser.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wiringup.core.errors import InputError
from wiringup.training.synapses import Synapses


@dataclass(frozen=True)
class Parametrisation:
    """How a set of synapses learns: one of `PARAMETRISATIONS`, and the amount that some of them take."""

    kind: str = "free"
    amount: float = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.amount:g}" if self.amount else self.kind

    def count(self, row: Synapses, synapses: int) -> int:
        """Return how many parameters the optimiser moves for so many synapses of a weight tensor.

        Raises:
            InputError: if they cannot learn in this way.
        """
        return PARAMETRISATIONS[self.kind].count(row, synapses, self.amount)

    def bind(self, weight: nn.Parameter, mask: Tensor | None, stream: torch.Generator) -> "Free":
        """Let (the masked part of) a weight learn in this way; ``stream`` is for what is born at random."""
        return PARAMETRISATIONS[self.kind](weight, mask, self.amount, stream)


FREE = Parametrisation()


class Free:
    """Every parameter is a synapse. Also the interface of all others.

    With a mask the parameters are the chosen entries alone, gathered in a vector.

    Attributes:
        amount_is: what the amount of this parametrisation is; empty if it takes none.
        parameters: what the optimiser moves.
    """

    amount_is = ""

    def __init__(
        self, weight: nn.Parameter, mask: Tensor | None, amount: float, stream: torch.Generator
    ) -> None:
        self.weight, self._mask = weight, mask
        self.parameters = tuple(self._born(amount, stream))

    def _born(self, amount: float, stream: torch.Generator) -> Iterable[nn.Parameter]:
        self._places = None if self._mask is None else _places(self.weight, self._mask)
        return [self.weight if self._places is None else nn.Parameter(_flat(self.weight)[self._places])]

    @property
    def direct(self) -> bool:
        """Whether the optimiser moves the weight itself, and nothing else is to be done."""
        return type(self) is Free and self._places is None

    @classmethod
    def count(cls, row: Synapses, synapses: int, amount: float) -> int:
        """Return the number of parameters for so many synapses of a weight tensor they suit."""
        return synapses

    @torch.no_grad()
    def project_gradients(self) -> None:
        """Give every parameter its gradient, from the gradient of the weight."""
        if self._places is not None:
            self.parameters[0].grad = _flat(_gradient(self.weight))[self._places]

    @torch.no_grad()
    def write_weights(self) -> None:
        """Write the weight that the parameters make."""
        if self._places is not None:
            _flat(self.weight)[self._places] = self.parameters[0]

    def state(self) -> list[Tensor]:
        """Return the parameters that the weight does not tell."""
        return []

    @torch.no_grad()
    def load(self, state: Sequence[Tensor]) -> None:
        """Take over what `state` returned; the weight has been loaded before."""
        if self._places is not None:
            self.parameters[0].copy_(_flat(self.weight)[self._places])


class SignPreserving(Free):
    """No synapse changes the sign that it was born with: after a step, those that would are set to 0.

    Dale's law for single synapses. One that was born as exactly 0 (biases are) has no sign and learns freely.
    """

    def _born(self, amount: float, stream: torch.Generator) -> Iterable[nn.Parameter]:
        (alone,) = super()._born(amount, stream)
        self._signs = alone.detach().sign()
        return [alone]

    @torch.no_grad()
    def write_weights(self) -> None:
        """Project onto the signs, then write the weight."""
        values = self.parameters[0]
        values.masked_fill_(values.sign() * self._signs < 0, 0)
        super().write_weights()


class _OverFrozen(Free):
    """Parameters of their own over a frozen weight matrix, which is that of birth."""

    def _born(self, amount: float, stream: torch.Generator) -> Iterable[nn.Parameter]:
        self._frozen = self.weight.detach().clone()
        return []

    @classmethod
    def count(cls, row: Synapses, synapses: int, amount: float) -> int:
        """Only whole tensors with inputs and outputs will do."""
        if synapses < row.count or len(row.shape) < 2:
            what = "a vector" if len(row.shape) < 2 else "only partly in the set"
            raise InputError(
                f"Low-rank updates and masks need whole weight matrices, but {row.parameter} is {what}. "
                "Take it out, as in lowrank:4:(critical & kind:convolution) + decoder."
            )
        return synapses

    def state(self) -> list[Tensor]:
        """Return all parameters."""
        return [parameter.detach() for parameter in self.parameters]

    @torch.no_grad()
    def load(self, state: Sequence[Tensor]) -> None:
        """Take over the parameters."""
        for parameter, value in zip(self.parameters, state, strict=True):
            parameter.copy_(value)


class LowRank(_OverFrozen):
    """W = W at birth + out · in, with ``out`` (outputs, rank) and ``in`` (rank, inputs x k x k).

    LoRA (Hu et al. 2022) with a scale of 1: ``out`` starts at 0, so learning starts at birth; ``in`` is
    normal with rows of length 1 on average.
    """

    amount_is = "RANK"

    def _born(self, amount: float, stream: torch.Generator) -> Iterable[nn.Parameter]:
        super()._born(amount, stream)
        rank, weight, inputs = int(amount), self.weight, self.weight[0].numel()
        normal = torch.randn((rank, inputs), generator=stream).to(weight)
        self.out = nn.Parameter(weight.new_zeros(len(weight), rank))
        self.inner = nn.Parameter(normal / math.sqrt(inputs))
        return self.out, self.inner

    @classmethod
    def count(cls, row: Synapses, synapses: int, amount: float) -> int:
        """Return the entries of both factors; the rank has to be whole, and no larger than the weight's."""
        super().count(row, synapses, amount)
        outputs, inputs = row.shape[0], row.count // row.shape[0]
        full = min(outputs, inputs)
        if amount != int(amount) or not 1 <= amount <= full:
            raise InputError(f"{row.parameter} can have a rank of 1 to {full}; got lowrank:{amount:g}.")
        return int(amount) * (outputs + inputs)

    @torch.no_grad()
    def project_gradients(self) -> None:
        """d/d out = G · inᵀ and d/d in = outᵀ · G, for the gradient G of the weight."""
        gradient = _gradient(self.weight).flatten(1)
        self.out.grad, self.inner.grad = gradient @ self.inner.mT, self.out.mT @ gradient

    @torch.no_grad()
    def write_weights(self) -> None:
        """Add the product to the weight at birth."""
        self.weight.copy_(self._frozen + (self.out @ self.inner).view(self.weight.shape))


class Mask(_OverFrozen):
    """Edge-popup (Ramanujan et al. 2020): weights stay as born, and learning chooses which of them act.

    Every weight has a score; those with the largest absolute scores in their layer act, all others are 0.
    The gradient of a score is that of its weight times the weight (straight through the choice). Scores are
    born uniform within ± 1 / sqrt(inputs), as published. The mask acts from the first forward pass on.
    """

    amount_is = "FRACTION"

    def _born(self, amount: float, stream: torch.Generator) -> Iterable[nn.Parameter]:
        super()._born(amount, stream)
        weight = self.weight
        self._acting = max(1, round(amount * weight.numel()))
        uniform = 2 * torch.rand(weight.shape, generator=stream) - 1
        self.scores = nn.Parameter((uniform / math.sqrt(weight[0].numel())).to(weight))
        self.write_weights()
        return [self.scores]

    @classmethod
    def count(cls, row: Synapses, synapses: int, amount: float) -> int:
        """Return the number of scores; the fraction has to be between 0 and 1."""
        if not 0 < amount < 1:
            raise InputError(f"The fraction of weights that act lies between 0 and 1; got mask:{amount:g}.")
        return super().count(row, synapses, amount)

    @torch.no_grad()
    def project_gradients(self) -> None:
        """Straight through the choice: G times the weight at birth, with the sign of the score."""
        self.scores.grad = _gradient(self.weight) * self._frozen * self.scores.sign()

    @torch.no_grad()
    def write_weights(self) -> None:
        """Let the weights with the largest absolute scores act."""
        chosen = self.scores.abs().flatten().topk(self._acting, sorted=False).indices
        acts = torch.zeros(self.scores.numel(), dtype=torch.bool, device=self.weight.device)
        acts[chosen] = True
        self.weight.copy_(self._frozen * acts.view(self.weight.shape))


PARAMETRISATIONS: Mapping[str, type[Free]] = {
    FREE.kind: Free,
    "sign": SignPreserving,
    "lowrank": LowRank,
    "mask": Mask,
}
"""Every parametrisation, by the word for it in a plasticity's name."""


def _gradient(weight: nn.Parameter) -> Tensor:
    """The gradient of a weight, in the layout of the weight."""
    gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
    same = gradient.stride() == weight.stride()
    return gradient if same else torch.empty_like(weight).copy_(gradient)


def _flat(tensor: Tensor) -> Tensor:
    """View the values of a dense tensor in the order in which they lie in memory."""
    return tensor.detach().as_strided((tensor.numel(),), (1,))


def _places(weight: Tensor, mask: Tensor) -> Tensor:
    """Return where in memory the chosen entries lie, row by row whatever the layout: int64 (chosen,)."""
    return torch.arange(weight.numel()).as_strided(weight.shape, weight.stride())[mask].to(weight.device)
