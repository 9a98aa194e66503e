"""``wiringup recipes`` and ``wiringup plan``: which studies there are, and what one of them will take."""

import logging
from collections import Counter
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import OmitArgPrefixes, Positional, arg

from wiringup.cli.arguments import Json, Runs, Val
from wiringup.cli.options import NO_EXAM, NO_TRAINING, GivenExam, GivenTraining, applied, exam_of
from wiringup.cli.show import as_json, table
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.home import data_home
from wiringup.core.memory import free_disk, free_memory, in_gb
from wiringup.experiments.runs.options import ExamOptions

if TYPE_CHECKING:
    from wiringup.experiments.launching.study import Study
    from wiringup.experiments.recipes.planning import Plan, PlannedRun
    from wiringup.experiments.recipes.scale import Scale
    from wiringup.experiments.runs.inputs import StudyInputs
    from wiringup.experiments.runs.spec import RunSpec

log = logging.getLogger(__name__)

SCALE = "small"
PACKED_TO_PLAN = 20_000
"""Images that a plan packs, at most: a minute of work, after which it knows what is done."""
WEIGHT_COMPRESSIONS = ("wc", "distilled")


@dataclass(frozen=True)
class StudyOptions:
    """Which study, and what of it is to be another than usual.

    Attributes:
        recipe: See wiringup recipes; without one, wiringup run makes the main study.
        scale: How large a recipe is, by default small; see wiringup recipes.
        images: Learn from these images (as for wiringup train), not from the usual ones.
        image_size: Side in px at which images are kept.
        keep: What is kept of them: squares, or the whole of each: raw or jpeg:QUALITY (see wiringup pack).
        wc: What weight compression (WC) is in a recipe: wc (the published figures), distilled (from the
            reference of the same seed) or a genome file.
        seed: Seeds; every seed is one birth.
    """

    recipe: Annotated[Positional[str | None], arg(metavar="[RECIPE]", help_behavior_hint="")] = None
    scale: Annotated[str | None, arg(metavar="tiny|small|gpu|paper", help_behavior_hint="")] = None
    images: Annotated[
        Path | None, arg(metavar="PATH", help_behavior_hint="(default: those of the scale)")
    ] = None
    val: Val = None
    image_size: Annotated[
        int | None, arg(metavar="PX", help_behavior_hint="(default: that of the scale)")
    ] = None
    keep: Annotated[
        str | None, arg(metavar="squares|raw|jpeg:Q", help_behavior_hint="(default: that of the scale)")
    ] = None
    wc: Annotated[
        str | None, arg(metavar="wc|distilled|FILE", help_behavior_hint="(default: that of the scale)")
    ] = None
    exam: GivenExam = NO_EXAM
    seed: Annotated[
        tuple[int, ...] | None, arg(metavar="N [N ...]", help_behavior_hint="(default: those of the scale)")
    ] = None
    training: GivenTraining = NO_TRAINING

    def study(self, inputs: "StudyInputs", *, here: bool = True) -> "Study":
        """Return the runs of the recipe.

        Args:
            inputs: load what the runs name.
            here: whether the images have to be here.

        Raises:
            InputError: for a wrong name or number.
            MissingDataError: if images, benchmarks or a genome are not here.
        """
        from wiringup.experiments.recipes.catalog import find_recipe
        from wiringup.models.device import check_device
        from wiringup.training.schedule import parse_moments

        name, found, scale = self.recipe or "", find_recipe(self.recipe or ""), self.asked_scale()
        base = self.base(scale, inputs.home if here else None)
        usual = ExamOptions(suite=scale.suite)
        asked, training = exam_of(self.exam, usual), applied(base.training, self.training)
        asked = replace(asked, top1=self.exam.top1 or scale.top1)
        check_device(training.device)
        moments = parse_moments(" ".join(asked.moments)) if asked.moments else base.moments
        base = replace(base, training=training, exam=asked.spec(), moments=moments)
        return found.study(name, replace(base, keep_weights=asked.keep_weights), inputs, scale)

    def asked_scale(self) -> "Scale":
        """Return the scale, with what is to be another than usual.

        Raises:
            InputError: if there is no such scale, or no such weight compression.
        """
        from wiringup.experiments.recipes.scale import find_scale

        scale = find_scale(self.scale or SCALE)
        if self.wc not in (None, *WEIGHT_COMPRESSIONS) and not str(self.wc).endswith(".json"):
            one_of(str(self.wc), [*WEIGHT_COMPRESSIONS, "FILE.json"], "weight compression")
        return replace(
            scale,
            wc=self.wc or scale.wc,
            seeds=self.seed or scale.seeds,
            birth_seeds=self.seed or scale.birth_seeds,
            side=scale.side if self.image_size is None else self.image_size,
            keep=self.keep or scale.keep,
        )

    def base(self, scale: "Scale", home: Path | None) -> "RunSpec":
        """Return the run that a recipe varies, but for options of training and exam.

        Args:
            scale: that was asked for.
            home: the data folder, where images have to be here; None where they need not.
        """
        named = str(self.images or "")
        return scale.base(named if home is None else scale.source(home, named), str(self.val or ""))

    def check_named(self) -> None:
        """Raise `MissingDataError` if images, a validation set or a genome file are named but absent."""
        genome = Path(self.wc) if self.wc and self.wc not in WEIGHT_COMPRESSIONS else None
        for flag, path in {"--images": self.images, "--val": self.val, "--wc": genome}.items():
            if path is not None and not path.exists():
                raise MissingDataError(
                    f"{flag} {path} is not here. Name what is, or leave {flag} out: a plan then says what is "
                    "expected."
                )


STUDY = StudyOptions()
Which = Annotated[StudyOptions, OmitArgPrefixes, arg(name="")]


def recipes(json: Json = False) -> None:
    """List the recipes, one for each claim of the paper, and the scales at which they are run.

    For example:
      wiringup recipes

      wiringup plan combination --scale gpu

      wiringup run combination --scale gpu
    """
    from wiringup.experiments.recipes.catalog import RECIPES
    from wiringup.experiments.recipes.scale import SCALES

    if json:
        known = {n: {"claim": r.claim, "panels": list(r.panels)} for n, r in RECIPES.items()}
        as_json({"recipes": known, "scales": {name: scale.says for name, scale in SCALES.items()}})
        return
    table(["recipe", "figures", "claim"], [[n, ", ".join(r.panels), r.claim] for n, r in RECIPES.items()])
    table(["scale", "what it is"], [[name, scale.says] for name, scale in SCALES.items()])
    log.info(
        "What one takes: wiringup plan RECIPE --scale S. Without a recipe, wiringup run is the main study."
    )


def plan(
    study: Which = STUDY,
    probe: Annotated[bool, arg(help="Measure this machine for a moment, instead of recorded rates.")] = False,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Show what a recipe will take before anything starts: runs, updates, time, memory and disk.

    What is finished in the folder of runs is told. Times rest on a rate that is named: one recorded on a
    machine that the scale is made for, or (--probe) that of this machine. More than 20,000 images that are
    not packed yet (wiringup pack) are counted, not packed, but for --probe. Without a recipe, those that
    there are are listed.

    For example:
      wiringup plan combination --scale gpu

      wiringup plan critical --scale small --probe --seed 0
    """
    from wiringup.experiments.recipes.planning import planned, probed
    from wiringup.experiments.recipes.scale import find_scale
    from wiringup.experiments.runs.inputs import StudyInputs
    from wiringup.results.store import Store

    if study.recipe is None:
        if study != STUDY or probe:
            raise InputError("Options of a plan are of a recipe: name one (wiringup recipes lists them).")
        recipes(json)
        return
    scale, missing = find_scale(study.scale or SCALE), ""
    inputs = StudyInputs(most=None if probe else PACKED_TO_PLAN)
    study.check_named()
    try:
        found = study.study(inputs)
    except MissingDataError as error:
        if probe:
            raise
        missing, found = _expected(study, error)
    store = Store(out)
    measured = probed(found, store, inputs) if probe else {}
    precision = found.runs[0].training.precision
    told = planned(found, store, lambda model: measured.get(model) or scale.rate_of(model, precision))
    if json:
        facts: dict[str, Any] = {"recipe": study.recipe, "scale": study.scale or SCALE, "missing": missing}
        facts |= {
            "panels": found.about["panels"],
            "rates": _rates(told),
            "pixels": told.pixels,
            "precisions": told.precisions,
        }
        left = {what: told.left(what) for what in ("updates", "synaptic_updates", "seconds", "disk")}
        facts |= {"memory": told.memory, "checkpoints": told.checkpoints, "left": left}
        as_json(facts | {"runs": [asdict(run) for run in told.runs]})
        return
    _print(told, missing, out)


def _expected(study: StudyOptions, error: MissingDataError) -> tuple[str, "Study"]:
    """Return a study of which something is missing, and what to say of its numbers."""
    from wiringup.core.errors import NotPackedError
    from wiringup.experiments.recipes.planning import Expected, not_packed
    from wiringup.experiments.runs.images import counted
    from wiringup.experiments.runs.spec import RENDERED

    scale, lacking = study.asked_scale(), [str(error)]
    told, number = "Numbers are those that are expected, and what is done cannot be told", scale.expected
    if here := isinstance(error, NotPackedError):
        told = "What is done cannot be told before its images are packed"
        images = study.base(scale, data_home()).images
        lacking = not_packed(images, PACKED_TO_PLAN)
        if images.source != RENDERED:
            number = counted(Path(images.source), images.side, not images.val)
    inputs = Expected(number)
    found = study.study(inputs, here=here)
    inputs.check_benchmarks(found)
    return f"{told}: {' '.join(dict.fromkeys([*lacking, *inputs.lacking]))}", found


def _print(plan: "Plan", missing: str, out: Path) -> None:
    from wiringup.experiments.recipes.planning import PROCESS

    header = ["condition", "runs", "done", "trained", "updates", "synaptic updates", "time left"]
    conditions = [list(runs) for _, runs in groupby(plan.runs, key=lambda run: run.label)]
    table(header, [_row(runs) for runs in conditions])
    count = Counter(run.state for run in plan.runs)
    only = f" {count['trained']} were trained before and are only scored." if count["trained"] else ""
    log.info(
        f"{len(plan.runs)} runs: {count['done']} are done, {count['diverged']} diverged before, "
        f"{count['to do']} are to be made: {plan.left('updates'):,.0f} supervised updates, "
        f"{plan.left('synaptic_updates'):.3g} supervised synaptic updates.{only}"
    )
    log.info(
        f"Time: about {duration(plan.left('seconds'))}, one run after the other, in "
        f"{' and '.join(plan.precisions)}, at the rate of {_rate_told(plan)} for a scored moment."
    )
    if len(plan.rates) > 1 and len({*plan.rates.values()}) == 1:
        log.info(
            "Narrow networks and other architectures may be slower than operations say: --probe measures."
        )
    free = free_memory()
    log.info(
        f"Memory: about {in_gb(plan.memory)} for the largest run, beside {in_gb(PROCESS)} of libraries and "
        f"recordings in each process{f' ({in_gb(free)} are free here)' if free else ''}; "
        f"{in_gb(plan.pixels)} of images are read from the disk. Disk: about "
        f"{in_gb(plan.left('disk'))} in {out}, and {in_gb(plan.checkpoints)} for each run while it is made "
        f"({in_gb(free_disk(out))} are free)."
    )
    if missing:
        log.warning("%s", missing)


def _rates(plan: "Plan") -> list[dict[str, Any]]:
    return [asdict(model) | asdict(rate) for model, rate in plan.rates.items()]


def _rate_told(plan: "Plan") -> str:
    """Return the rates that times rest on, in words: of several networks the least and the most."""
    rates = [*plan.rates.values()]
    flops, scoring = {rate.flops / 1e9 for rate in rates}, {rate.scoring for rate in rates}
    speed, moment = (
        f"{min(v):{form}} to {max(v):{form}}" if len(v) > 1 else f"{min(v):{form}}"
        for v, form in ((flops, ",.0f"), (scoring, ".2g"))
    )
    return f"{rates[-1].where}: {speed} Gflop/s of training, {moment} s"


def _row(runs: list["PlannedRun"]) -> list[str]:
    first = runs[0]
    left = sum(run.left("seconds") for run in runs)
    done = sum(run.state in ("done", "diverged") for run in runs)
    spent = [f"{first.trained:,}", f"{first.updates:,}", f"{first.synaptic_updates:.3g}"]
    return [first.label, str(len(runs)), str(done), *spent, duration(left) if left else "–"]


def duration(seconds: float) -> str:
    """Return seconds for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
