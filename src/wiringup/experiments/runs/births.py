"""A network before the first label: built, born, and, if asked for, taught by spontaneous activity."""

import copy
from functools import lru_cache
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from wiringup.birth.apply import OWN, BirthSpec, give_birth
from wiringup.birth.batchnorm import calibrate_batchnorm, images_for
from wiringup.birth.distill import state_hash
from wiringup.birth.genome import Genome
from wiringup.core.ahead import THREADS
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.models.any_network import make
from wiringup.models.architecture import ModelSpec, architecture_of, build, outline, own_network
from wiringup.models.device import check_device
from wiringup.models.preprocessing import network_input
from wiringup.training.flops import flops_by_layer
from wiringup.training.label_free import LabelFreeSpec, learn_label_free
from wiringup.training.ledger import Account
from wiringup.training.norms import statistics_of

CALIBRATION = "BatchNorm calibration"


@lru_cache(maxsize=4)
def own_weights(name: str) -> str:
    """Return the hash of the weights that a network of another package comes with."""
    return state_hash(make(name, own=True).state_dict())


def born(
    spec: ModelSpec,
    birth: BirthSpec,
    genome: Genome | None = None,
    calibration: Stimuli | None = None,
    device: str = "cpu",
) -> nn.Module:
    """Build a network and give birth to it (see `birth.apply.give_birth`), or let it have its own weights."""
    if birth.recipe == OWN:
        if birth.genome not in ("", own_weights(spec.architecture)):
            raise InputError(
                f"{spec.architecture} comes with other weights than this run was made with. Bring back the "
                "earlier ones, or start anew with what it has now."
            )
        return own_network(spec, birth.seed)
    model = build(spec).to(check_device(device))
    inputs = None if calibration is None else _shown(calibration, spec)
    give_birth(model, birth, genome, inputs, spec.size)
    return model


def recalibrated(model: nn.Module, spec: ModelSpec, images: Stimuli) -> nn.Module:
    """Return a network with the same weights whose BatchNorm is calibrated on other images."""
    again = copy.deepcopy(model)
    calibrate_batchnorm(again, _shown(images, spec))
    return again


def _shown(images: Stimuli, spec: ModelSpec) -> Tensor:
    return network_input(images, slice(None), spec.size, spec.preprocessing, THREADS)


def pretrained(
    spec: ModelSpec,
    birth: BirthSpec,
    genome: Genome | None = None,
    calibration: Stimuli | None = None,
    before: LabelFreeSpec | None = None,
    folder: Path | None = None,
    label: str = "",
    device: str = "cpu",
) -> tuple[nn.Module, dict[str, Account]]:
    """Give birth to a network and let it learn without labels; return it, and what each phase has spent.

    BatchNorm that was calibrated at birth is calibrated again afterwards, on the same images: spontaneous
    activity has other statistics than what is seen later. Statistics of any other policy stay as the
    phase leaves them.

    Args:
        spec: the network.
        birth: the birth.
        genome: what it is born from, for recipes that need one.
        calibration: unlabelled images for BatchNorm statistics.
        before: the phase without labels; None for none.
        folder: where its checkpoint is kept.
        label: how progress calls it.
        device: where BatchNorm is calibrated.
    """
    model = born(spec, birth, genome, calibration, device)
    seen = None if calibration is None else _shown(calibration, spec)
    images = images_for(birth.batchnorm, seen, birth.seed, spec.size)
    shown = 0 if images is None else len(images)
    accounts = {} if images is None else {CALIBRATION: _calibration(model, spec, shown)}
    if before is not None:
        found = learn_label_free(model, architecture_of(spec), before, folder, label=label)
        accounts |= found.ledger.label_free
        if images is not None:
            calibrate_batchnorm(model, images)
            accounts[CALIBRATION] = _calibration(model, spec, shown, passes=2)
    return model, accounts


def _calibration(model: nn.Module, spec: ModelSpec, images: int, passes: int = 1) -> Account:
    """Return the account of unlabelled images, or noise, on which BatchNorm was calibrated."""
    seen = passes * images
    return Account(
        updates=seen,
        images=images,
        statistics={layer: seen * channels for layer, channels in statistics_of(model).items()},
        forward=seen * _forward_flops(spec),
    )


@lru_cache(maxsize=16)
def _forward_flops(spec: ModelSpec) -> int:
    return sum(flops.forward for flops in flops_by_layer(outline(spec), spec.size).values())


def spread_over(stimuli: Stimuli, n: int) -> Stimuli:
    """Return ``n`` images spread evenly over a stack (all of them if there are fewer)."""
    index = np.linspace(0, len(stimuli) - 1, min(n, len(stimuli))).round().astype(np.intp)
    return stimuli.take(index)
