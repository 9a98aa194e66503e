"""Description length: how many bits it takes to say what a network is before it sees anything.

Source: Geiger et al. 2022, supplement (brain match against bits).

Counted are the parameters of the distributions that a birth draws from, each at a stated precision; one that
layers share counts once. A rule (Kaiming normal) has no parameters, unless it holds published statistics. Not
counted are the program itself (formulas and their constants), the architecture, and the seed: any other seed
gives as good a birth, so it says nothing. Running statistics of BatchNorm that are calibrated come from what
is seen, and are not counted either; those of a teacher are. A trained network is described by all its
parameters.
"""

from dataclasses import dataclass

from torch import nn

from wiringup.birth.apply import BirthSpec, describe_birth
from wiringup.birth.genome import Genome
from wiringup.core.checks import at_least

PARAMETER_BITS, WEIGHT_BITS = 16, 32
"""Bits of a parameter of a distribution, and of one of a trained network, unless said otherwise."""


@dataclass(frozen=True)
class Description:
    """The size of what a network is made from.

    Attributes:
        n_parameters: how many numbers.
        precision: bits of each.
    """

    n_parameters: int
    precision: int

    def __post_init__(self) -> None:
        at_least(self.precision, 1, "the precision in bits")

    @property
    def bits(self) -> int:
        """Description length."""
        return self.n_parameters * self.precision


def of_birth(spec: BirthSpec, genome: Genome | None = None, precision: int = PARAMETER_BITS) -> Description:
    """Return the size of a birth state; ``genome`` is the one that ``spec`` names."""
    return Description(int(describe_birth(spec, genome)["parameters"]), precision)


def of_trained(model: nn.Module, precision: int = WEIGHT_BITS) -> Description:
    """Return the size of a network whose every parameter was learned."""
    return Description(sum(p.numel() for p in model.parameters()), precision)
