"""What a run moves: the parameters of a plasticity, bound to a model and to the time of the run."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.models.batchnorm import batchnorms
from wiringup.training.batches import Plan
from wiringup.training.graph import parameters_before_norms
from wiringup.training.norms import HELD, set_evaluation_mode, set_training_mode
from wiringup.training.parametrisations import Free
from wiringup.training.plasticity import ParameterGroup, Plasticity


@dataclass(frozen=True)
class _Bound:
    """A parameter group with what moves it, and when: (start, stop) in images, or None for always."""

    group: ParameterGroup
    parametrised: Free
    spans: tuple[tuple[int, int | None], ...] | None

    def learns(self, seen: int) -> bool:
        if self.spans is None:
            return True
        return any(start <= seen and (stop is None or seen < stop) for start, stop in self.spans)


class Updates:
    """The plastic parameters of a model, and the switch that follows the windows of a plasticity.

    A step is ``begin`` (before the forward pass), ``project_gradients`` (after the backward pass), the
    optimiser's step, and ``write_weights``; ``end`` comes after the last. Only weights that learn at that
    moment have gradients.

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
        self._bound = tuple(self._bind(group, plan, seed) for group in plasticity.groups)
        own = {id(parameter) for parameter in self.parameters}
        self._made = {name for name in plasticity.trained if id(self._weights[name]) not in own}
        self._now: tuple[_Bound, ...] = ()
        self._indirect: list[Free] = []
        self.learning: dict[str, int] = {}
        self.statistics: dict[str, int] = {}
        self._before = parameters_before_norms(model) if norms == HELD else {}
        self._check_windows(plan.total)
        self._freeze(set(plasticity.trained))

    def _bind(self, group: ParameterGroup, plan: Plan, seed: int) -> _Bound:
        # the name of the stream is older than that of what it draws; another one would draw other numbers
        stream = torch_stream(seed, "figures", group.parameter)
        parametrised = group.parametrisation.bind(self._weights[group.parameter], group.mask, stream)
        windows = group.windows
        spans = None if windows is None else tuple(w.images(plan.images, plan.batch) for w in windows)
        return _Bound(group, parametrised, spans)

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
    def parameters(self) -> list[nn.Parameter]:
        """What the optimiser moves: in the order of the model's weights, whatever the window."""
        return [parameter for bound in self._bound for parameter in bound.parametrised.parameters]

    @property
    def hidden(self) -> list[tuple[str, Tensor]]:
        """The parameters that the weights do not tell, each called after its weight."""
        each = ((bound.group, bound.parametrised.state()) for bound in self._bound)
        return [(f"{of.parameter} ({of.parametrisation})", value) for of, state in each for value in state]

    def begin(self, seen: int) -> bool:
        """Make ready for the step that begins when ``seen`` images have been seen.

        Returns:
            whether other synapses learn now than in the step before.
        """
        now = tuple(bound for bound in self._bound if bound.learns(seen))
        if now == self._now:
            return False
        self._now = now
        self._indirect = [bound.parametrised for bound in now if not bound.parametrised.direct]
        self.learning = {}
        for bound in now:
            name = bound.group.parameter
            self.learning[name] = self.learning.get(name, 0) + bound.group.count
        self._freeze(set(self.learning))
        following = self._wholly_learning() | {
            norm for norm, parameters in self._before.items() if parameters & self.learning.keys()
        }
        self.statistics = set_training_mode(self.model, following, self.norms)
        return True

    def _freeze(self, learning: set[str]) -> None:
        """Let only these parameters have gradients.

        A parameter without a gradient is passed over by every optimiser: neither weight decay nor momentum
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

    def project_gradients(self) -> None:
        """Give the parameters that learn now their gradients; weights that are made of others lose theirs."""
        for parametrised in self._indirect:
            parametrised.project_gradients()
        for name in self._made & self.learning.keys():
            self._weights[name].grad = None

    def write_weights(self) -> None:
        """Write the weights that the parameters make after the optimiser's step."""
        for parametrised in self._indirect:
            parametrised.write_weights()

    def state_dict(self) -> list[list[Tensor]]:
        """Return the parameters that the weights do not tell."""
        return [bound.parametrised.state() for bound in self._bound]

    def load_state_dict(self, state: Sequence[Sequence[Tensor]]) -> None:
        """Take over what `state_dict` returned, after the weights have been loaded."""
        for bound, parameters in zip(self._bound, state, strict=True):
            bound.parametrised.load(parameters)
