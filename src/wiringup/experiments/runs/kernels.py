"""The first filters of a study's networks, at birth and after training: what its report shows of them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wiringup.birth.genome import Genome
from wiringup.core.errors import WiringupError
from wiringup.experiments.runs.births import born
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.run import kept_genome, read_spec
from wiringup.experiments.runs.spec import RunSpec
from wiringup.experiments.runs.trainings import SPEC, WEIGHTS
from wiringup.models.weights import read_weights
from wiringup.results.record import Record
from wiringup.results.store import Store

log = logging.getLogger(__name__)

MOST = 8
"""Conditions that are shown."""

KEPT = 3
"""Newborns in memory: most studies have one from Kaiming normal, and one or two others."""

PLAIN = "default-plain"
"""Of BatchNorm: filters do not depend on it, and it needs neither images nor figures."""

Filters = NDArray[np.float32]
State = Mapping[str, Tensor]


def first_filters(records: Sequence[Record], store: Store) -> dict[str, tuple[Filters, Filters]]:
    """Return condition -> the filters (filters, 3, k, k) of its first convolution, newborn and trained.

    Of each condition the first run is taken, of the first `MOST` conditions. Newborn is before anything was
    learned, also without labels. What cannot be made again (a genome or weights are not here) is left out,
    in words.
    """
    firsts: dict[str, Record] = {}
    for record in records:
        firsts.setdefault(record.label, record)
    found, births = {}, dict[object, State]()  # several conditions have one birth
    for label, record in list(firsts.items())[:MOST]:
        try:
            found[label] = _filters(record, store, births)
        except WiringupError as error:
            log.info("The report shows no kernels of %s: %s", label, error)
    return found


def _filters(record: Record, store: Store, births: dict[object, State]) -> tuple[Filters, Filters]:
    folder = store.folder(record.uid)
    spec = read_spec(folder / SPEC)
    genome = _genome(spec, store)
    birth = replace(spec.birth, batchnorm=PLAIN, genome=genome.sha256 if genome else spec.birth.genome)
    if (spec.model, birth) not in births:
        while len(births) >= KEPT:
            births.pop(next(iter(births)))
        births[spec.model, birth] = born(spec.model, birth, genome).state_dict()
    newborn = births[spec.model, birth]
    name = next(name for name, weight in newborn.items() if weight.ndim == 4)
    trained = read_weights(folder / WEIGHTS, newborn).state[name] if spec.learns else newborn[name]
    return newborn[name].numpy(), trained.float().numpy()


def _genome(spec: RunSpec, store: Store) -> Genome | None:
    return kept_genome(spec, store) if spec.genome.distilled_from else StudyInputs().genome(spec)
