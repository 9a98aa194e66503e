"""The genomic bottleneck: a small network, the g-network, that says every weight of a layer.

Source: Shuvaev, Lachi, Koulakov & Zador 2024, "Encoding innate ability through a genomic bottleneck" (PNAS
121:e2409160121). A g-network sees the identity of a synapse, as the binary codes of its output channel, its
input channel and its row and column in the kernel, and answers its weight.

Here one g-network of one hidden layer is fitted to the trained weights of each layer, after training. In the
paper the p-network's task trains both, so that the network becomes one that a g-network can say; weights that
were trained without it, and channels in the arbitrary order in which training left them, are harder to say.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wiringup.birth.distributions import kernel_side, resized
from wiringup.birth.genome_layers import Array, ConvolutionLayer, negative, rounded, values

HIDDEN = 32
"""Most hidden units where the user names no number."""

SHARE = 4  # of the weights for each parameter: fewer would be no bottleneck

MOST_WEIGHTS = 50_000  # of a layer that are fitted, a random subsample
_ITERATIONS = 50
_SEEN = 128  # channels that a summary looks at
_ROWS = 4  # output kernels generated at a time, so that hidden units fit the cache


@dataclass(frozen=True, eq=False)
class GNetwork(ConvolutionLayer):
    """A g-network, and the root mean square of the weights that it was fitted to.

    With c the code of a synapse (+1 and -1), its weight is ``rms (v . relu(U^T c + a) + b)``.

    Attributes:
        kernel_size: side of the kernels that were fitted.
        outputs: output channels of the layer that was fitted.
        inputs: its input channels.
        hidden_weights: (bits, hidden) U.
        hidden_biases: (hidden,) a.
        output_weights: (hidden,) v.
        output_bias: b.
        rms: root mean square of the trained weights.
    """

    kind: ClassVar[str] = "g_network"
    drawn: ClassVar[bool] = False
    sized_by: ClassVar[str] = "hidden units"
    kernel_size: int
    outputs: int
    inputs: int
    hidden_weights: Array = values("bits", "hidden")
    hidden_biases: Array = values("hidden")
    output_weights: Array = values("hidden")
    output_bias: float = values()
    rms: float = values()

    @property
    def shape(self) -> torch.Size:
        """Shape of the weights that were fitted."""
        return torch.Size((self.outputs, self.inputs, self.kernel_size, self.kernel_size))

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        bits = sum(_bits(n) for n in self.shape)
        if len(self.hidden_weights) != bits:
            found = len(self.hidden_weights)
            return f"hidden_weights: {found} bits, but {tuple(self.shape)} weights have {bits}"
        return negative(self, "rms")

    def summary(self) -> str:
        """Return the size, and how much of the weights' power is said (of a large layer, by every nth)."""
        some = torch.Size(min(n, _SEEN) for n in self.shape)
        said = generate(self, some).square().mean().item() / max(self.rms**2, np.finfo(float).tiny)
        shape = "x".join(str(n) for n in self.shape)
        return f"{len(self.output_weights)} hidden units for {shape}, {min(said, 1):.0%} of the power"

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Return the weights (out, in, k, k) that a g-network says, sized to the power of the trained ones.

        Nothing is drawn. A g-network says little of most layers, and so answers small weights; the pattern
        alone would change the network's gain, not what it computes behind BatchNorm.
        """
        said = generate(self, shape)
        size = said.square().mean().sqrt().clamp(min=torch.finfo(torch.float32).tiny)
        return said * (self.rms / size)

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Fit a g-network to trained weights (out, in, k, k), or to `MOST_WEIGHTS` of them.

        Squared error, by L-BFGS from a random start.

        Args:
            weight: the trained weights.
            generator: chooses the subsample and the start.
            size: number of hidden units; 0 for `hidden_units`.

        Raises:
            InputError: if the kernels are not square.
        """
        side = kernel_side(weight.shape, "G-networks describe")
        values = weight.detach().double().flatten()
        rms = values.square().mean().sqrt().item()
        chosen = torch.arange(len(values))
        if len(values) > MOST_WEIGHTS:
            chosen = torch.randint(len(values), (MOST_WEIGHTS,), generator=generator)
        places = torch.unravel_index(chosen, weight.shape)
        codes = torch.cat([_code(place, n) for place, n in zip(places, weight.shape, strict=True)], 1)
        target = values[chosen] / max(rms, np.finfo(float).tiny)
        found = _perceptron(codes.numpy(), target.numpy(), size or hidden_units(weight.shape), generator)
        bias, power = rounded(np.array([found.intercepts_[1][0], rms])).tolist()
        return cls(
            kernel_size=side,
            outputs=weight.shape[0],
            inputs=weight.shape[1],
            hidden_weights=rounded(found.coefs_[0]),
            hidden_biases=rounded(found.intercepts_[0]),
            output_weights=rounded(found.coefs_[1][:, 0]),
            output_bias=bias,
            rms=power,
        )


@dataclass(frozen=True, eq=False)
class NoisyGNetwork(GNetwork):
    """A g-network whose weights get normal noise, so that they have the power of the trained ones."""

    kind: ClassVar[str] = "noisy_g_network"
    drawn: ClassVar[bool] = True

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Return the weights (out, in, k, k) that a g-network says, and noise of the power that they lack."""
        said = generate(self, shape)
        missing = max(0.0, self.rms**2 - said.square().mean().item())
        return said + torch.randn(shape, generator=generator).mul_(math.sqrt(missing))


def hidden_units(shape: torch.Size) -> int:
    """Return how many hidden units say weights (out, in, k, k): `HIDDEN`, fewer if `SHARE` asks for it."""
    each = sum(_bits(n) for n in shape) + 2
    return min(HIDDEN, max(1, (shape.numel() // SHARE - 2) // each))


def generate(layer: GNetwork, shape: torch.Size) -> Tensor:
    """Return what a g-network says of weights (out, in, k, k), float32.

    Another number of channels takes identities evenly spaced among those that were fitted (several channels
    share one if there are more); another kernel size resizes.
    """
    fitted = layer.shape
    taken = (shape[0], shape[1], *fitted[2:])
    weights = torch.split(torch.from_numpy(layer.hidden_weights).float(), [_bits(n) for n in fitted])
    parts = []
    for part, wanted, known in zip(weights, taken, fitted, strict=True):
        identity = torch.arange(wanted) * known // wanted
        parts.append(_code(identity, known).float() @ part)
    output, inner, rows, columns = parts
    inner = inner + torch.from_numpy(layer.hidden_biases).float()
    inner = inner[:, None, None] + rows[:, None] + columns  # (in, k, k, hidden)
    v = torch.from_numpy(layer.output_weights).float()
    said = torch.cat(
        [torch.relu(inner + some[:, None, None, None]) @ v for some in torch.split(output, _ROWS)]
    )
    return resized((said + layer.output_bias) * layer.rms, shape[2])


def _bits(n: int) -> int:
    """Number of binary digits that tell ``n`` things apart."""
    return (n - 1).bit_length()


def _code(index: Tensor, n: int) -> Tensor:
    """Return the binary digits of an index below n as +1 and -1, float64 (len(index), bits)."""
    digits = index[:, None] >> torch.arange(_bits(n)) & 1
    return digits.double() * 2 - 1


def _perceptron(codes: NDArray[Any], target: NDArray[Any], hidden: int, generator: Generator) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    start = int(torch.randint(2**31 - 1, (1,), generator=generator))
    network = MLPRegressor(
        hidden_layer_sizes=(hidden,), solver="lbfgs", alpha=0.0, max_iter=_ITERATIONS, random_state=start
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as many iterations as are worth their time
        return network.fit(codes, target)
