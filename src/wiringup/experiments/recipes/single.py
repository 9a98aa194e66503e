"""One training of one network.

    wiringup train cornet_s --images imagenet100.zip --birth wc --plasticity critical --epochs 6

What it takes and what it reaches depends on the images; docs/training.md has tables.
"""

from dataclasses import replace

from wiringup.experiments.runs.inputs import StudyInputs, plasticity_of
from wiringup.experiments.runs.spec import RunSpec


def single(base: RunSpec, inputs: StudyInputs, birth: str, *, keep_gain: bool = False) -> RunSpec:
    """Return one pinned run.

    Args:
        base: the run, but for its birth.
        inputs: loads what it names.
        birth: a recipe or a genome file.
        keep_gain: see `birth.transfer`.

    Raises:
        InputError: for names, images or sizes that cannot be used.
        MissingDataError: if images, a genome or a benchmark are missing.
    """
    # a name that cannot be read is told before the images are
    for training in [base.training] + ([base.before.training] if base.before else []):
        plasticity_of(training.plasticity, base.model, training.seed)
    chosen, genome = inputs.birth(
        birth, base.birth.seed, base.birth.batchnorm, base.model, keep_gain=keep_gain
    )
    waited = f" + {base.before.stimuli}" if base.before else ""
    label = f"{chosen.recipe}{waited} + {base.training.plasticity}"
    return inputs.pin(replace(base, birth=chosen, genome=genome, label=label))
