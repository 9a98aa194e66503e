"""What a run moves: the figures of a plasticity, bound to a model and to the time of the run."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.training.batches import Plan
from wiringup.training.norms import batchnorms, set_evaluation_mode, set_training_mode
from wiringup.training.parametrisations import Parametrisation
from wiringup.training.plasticity import Plasticity, Portion


@dataclass(frozen=True)
class _Bound:
    """A portion with its mechanics, and when it learns: (start, stop) in images, or None for always."""

    portion: Portion
    mechanics: Parametrisation
    spans: tuple[tuple[int, int | None], ...] | None

    def learns(self, seen: int) -> bool:
        if self.spans is None:
            return True
        return any(start <= seen and (stop is None or seen < stop) for start, stop in self.spans)


class Updates:
    """The plastic figures of a model, and the switch that follows the windows of a plasticity.

    A step is ``begin`` (before the forward pass), ``pull`` (after the backward pass), the optimiser's step,
    and ``push``; ``end`` comes after the last. Only weights that learn at that moment have gradients.

    Args:
        model: on its device, in its memory layout, with the weights of birth.
        plasticity: resolved against it.
        plan: the steps of the run.
        seed: of factors and scores that are born at random.
        norms: how BatchNorm behaves that does not learn, one of `norms.NORMS`.

    Raises:
        InputError: if at some time of the run nothing would learn.
    """

    def __init__(self, model: nn.Module, plasticity: Plasticity, plan: Plan, seed: int, norms: str) -> None:
        self.model, self.plasticity, self.norms = model, plasticity, norms
        self._weights = dict(model.named_parameters())
        self._bound = tuple(self._bind(portion, plan, seed) for portion in plasticity.portions)
        figures = {id(figure) for figure in self.figures}
        self._made = {name for name in plasticity.trained if id(self._weights[name]) not in figures}
        self._now: tuple[_Bound, ...] = ()
        self.learning: dict[str, int] = {}
        self.statistics: dict[str, int] = {}
        self._check_windows(plan.total)
        self._freeze(set(plasticity.trained))

    def _bind(self, portion: Portion, plan: Plan, seed: int) -> _Bound:
        weight = self._weights[portion.parameter]
        stream = torch_stream(seed, "figures", portion.parameter)
        mechanics = portion.way.bind(weight, portion.mask, stream)
        windows = portion.windows
        spans = None if windows is None else tuple(w.images(plan.images, plan.batch) for w in windows)
        return _Bound(portion, mechanics, spans)

    def _check_windows(self, total: int) -> None:
        edges = {
            edge for bound in self._bound for span in bound.spans or () for edge in span if edge is not None
        }
        for seen in sorted({0, *edges}):
            if seen < total and not any(bound.learns(seen) for bound in self._bound):
                raise InputError(
                    f"With {self.plasticity.name!r} nothing would learn from image {seen} of {total} on; let "
                    "the windows cover the whole training, or train for less long."
                )

    @property
    def figures(self) -> list[nn.Parameter]:
        """What the optimiser moves: in the order of the model's parameters, whatever the window."""
        return [figure for bound in self._bound for figure in bound.mechanics.figures]

    def begin(self, seen: int) -> bool:
        """Make ready for the step that begins when ``seen`` images have been seen.

        Returns:
            whether other synapses learn now than in the step before.
        """
        now = tuple(bound for bound in self._bound if bound.learns(seen))
        if now == self._now:
            return False
        self._now = now
        self.learning = {}
        for bound in now:
            name = bound.portion.parameter
            self.learning[name] = self.learning.get(name, 0) + bound.portion.figures
        self._freeze(set(self.learning))
        self.statistics = set_training_mode(self.model, self._wholly_learning(), self.norms)
        return True

    def _freeze(self, learning: set[str]) -> None:
        """Let only these parameters have gradients.

        A figure without a gradient is passed over by every optimiser: neither weight decay nor momentum
        moves it, and its state stands still.
        """
        for name, weight in self._weights.items():
            weight.requires_grad_(name in learning)
            weight.grad = None

    def end(self) -> None:
        """Leave the model in evaluation mode."""
        set_evaluation_mode(self.model)

    @property
    def norms_stand_still(self) -> bool:
        """Whether every BatchNorm that does not learn now answers to an image alike in every batch."""
        learning = self._wholly_learning()
        return not any(
            norm.training for layer, norm in batchnorms(self.model).items() if layer not in learning
        )

    def _wholly_learning(self) -> set[str]:
        """Return the BatchNorms whose whole affine learns."""
        return {layer for layer, norm in batchnorms(self.model).items() if self._wholly(layer, norm)}

    def _wholly(self, layer: str, norm: nn.Module) -> bool:
        affine = {f"{layer}.{name}": p.numel() for name, p in norm.named_parameters(recurse=False)}
        return bool(affine) and all(self.learning.get(name) == count for name, count in affine.items())

    def pull(self) -> None:
        """Give the figures that learn now their gradients; weights that are not figures lose theirs."""
        for bound in self._now:
            bound.mechanics.pull()
        for name in self._made & self.learning.keys():
            self._weights[name].grad = None

    def push(self) -> None:
        """Write the weights that the figures make after the optimiser's step."""
        for bound in self._now:
            bound.mechanics.push()

    def state_dict(self) -> list[list[Tensor]]:
        """Return the figures that the weights do not tell."""
        return [bound.mechanics.state() for bound in self._bound]

    def load_state_dict(self, state: Sequence[Sequence[Tensor]]) -> None:
        """Take over what `state_dict` returned, after the weights have been loaded."""
        for bound, figures in zip(self._bound, state, strict=True):
            bound.mechanics.load(figures)
