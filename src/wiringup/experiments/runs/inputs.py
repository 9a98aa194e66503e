"""What specs name, by path and hash, is loaded here: images, benchmarks and genomes, each once."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from wiringup.benchmarks.benchmark import Benchmark, evaluate, index_by_stimuli
from wiringup.benchmarks.catalog import load_benchmark, load_present
from wiringup.benchmarks.suites import Suite, chosen, find_suite, refuse_repeats
from wiringup.birth.apply import OWN, BirthSpec
from wiringup.birth.batchnorm import uses_images
from wiringup.birth.genome import Genome
from wiringup.core.cautions import caution
from wiringup.core.errors import InputError
from wiringup.core.home import data_home
from wiringup.core.score import Score
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.images.keeping import Keeping
from wiringup.experiments.runs.births import own_weights
from wiringup.experiments.runs.genomes import find_genome
from wiringup.experiments.runs.images import (
    calibration_images,
    from_files,
    relabelled,
    rendered,
    validation,
)
from wiringup.experiments.runs.spec import (
    BY_NETWORK,
    CROPPED,
    NO_GENOME,
    RENDERED,
    ExamSpec,
    GenomeSource,
    ImagesSpec,
    RunSpec,
    absolute,
)
from wiringup.models.any_network import is_foreign
from wiringup.models.architecture import ModelSpec, architecture_of, outline
from wiringup.models.device import AUTO, check_device, settled_precision
from wiringup.models.preprocessing import CENTRE, Preprocessing
from wiringup.models.readout import NetworkSubject
from wiringup.results.draws import condensed
from wiringup.training.batches import nested_subset
from wiringup.training.distributed import ALONE, ProcessGroup
from wiringup.training.norms import effective
from wiringup.training.observers import top1
from wiringup.training.plasticity import Plasticity, resolve
from wiringup.training.schedule import between
from wiringup.training.spec import TrainSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Images:
    """What an `ImagesSpec` names.

    Attributes:
        pool: images that may be learned from.
        chosen: those of them that are.
        calibration: unlabelled images for BatchNorm at birth; None where none are asked for.
        held_out: never learned from: held out of the source, or a validation set.
        tested_on: what the held-out images are, in words.
    """

    pool: LabelledImages
    chosen: LabelledImages
    calibration: Stimuli | None
    held_out: LabelledImages
    tested_on: str


@dataclass(frozen=True)
class Exam:
    """What an `ExamSpec` names: the benchmarks of a suite that are here, and held-out images.

    Attributes:
        suite: the suite.
        benchmarks: those of its benchmarks that are here.
        held_out: images for top-1.
        normalisation: of scores by ceilings.
        top1: how images for top-1 are shown, see `ExamSpec`.
    """

    suite: Suite
    benchmarks: tuple[Benchmark, ...]
    held_out: LabelledImages
    normalisation: str
    top1: str = BY_NETWORK
    _known: dict[object, tuple[list[Score], float]] = field(default_factory=dict, repr=False)

    def evaluate(self, candidate: NetworkSubject, group: ProcessGroup = ALONE) -> tuple[list[Score], float]:
        """Return the scores and the top-1 accuracy of a network.

        What was scored once is not scored again: several conditions share one birth. The key is the hash
        of weights and preprocessing, with what is read out; never a name.

        Args:
            candidate: the network.
            group: processes that hold it, all of which call this: each takes sets of images of its own.
        """
        key = candidate.identity, tuple(candidate.areas.items()), candidate.classes
        if key not in self._known:
            found = group.gather(lambda: self._share(candidate, group))
            scores = {i: score for scores, _ in found for i, score in scores.items()}
            (accuracy,) = (value for _, value in found if value is not None)
            self._known[key] = [scores[i] for i in sorted(scores)], accuracy
        return self._known[key]

    def _share(self, candidate: NetworkSubject, group: ProcessGroup) -> tuple[dict[int, Score], float | None]:
        """Return what one process finds: its scores, by the number of their benchmark, and top-1."""
        shares = [*index_by_stimuli(self.benchmarks), []][group.rank :: group.size]
        mine = sorted(i for share in shares for i in share)
        found = evaluate(
            candidate,
            [self.benchmarks[i] for i in mine],
            normalisation=self.normalisation,
            device=candidate.where,
        )
        scores = [condensed(s) for s in found]  # predictions of every image are not kept
        accuracy = None
        if [] in shares:  # the images for top-1 are the last set
            how = self.shown(candidate.preprocessing)
            accuracy = top1(candidate.module, self.held_out, candidate.size, how=how)
        return dict(zip(mine, scores, strict=True)), accuracy

    def shown(self, how: Preprocessing) -> Preprocessing:
        """Return how images for top-1 are shown to a network with such a preprocessing."""
        return replace(how, crop=CENTRE) if self.top1 == CROPPED else how

    @property
    def hashes(self) -> dict[str, str | None]:
        """Every benchmark of the suite -> its hash; None for one that is not here."""
        return dict.fromkeys(self.suite.benchmarks) | {b.name: b.sha256 for b in self.benchmarks}


class StudyInputs:
    """Loads what specs name, and fills in its hashes.

    Args:
        home: the data folder; by default `core.home.data_home`.
        most: images that are packed when they are read, at most; None for any number.
    """

    def __init__(self, home: Path | None = None, most: int | None = None) -> None:
        self.home, self.most = data_home(home), most
        self._read: dict[object, tuple[LabelledImages, LabelledImages]] = {}
        self._images: dict[ImagesSpec, Images] = {}
        self._exams: dict[object, Exam] = {}

    def read(self, spec: ImagesSpec) -> tuple[LabelledImages, LabelledImages]:
        """Return the pool of ``spec``, and what is held out or its validation set."""
        if spec.val and absolute(spec.val) == absolute(spec.source):
            raise InputError(
                f"The validation set {spec.val} is what is learned from. Give other images, or none: "
                "some of those to learn from are held out then."
            )
        val = validation(Path(spec.val), spec.side, spec.keep, self.most) if spec.val else None
        if spec.source == RENDERED:
            pool, held_out = rendered(spec.pool, spec.side, val is None)
        else:
            pool, held_out = from_files(
                Path(spec.source), spec.side, spec.pool, spec.seed, val is None, spec.keep, self.most
            )
        return pool, held_out if val is None else relabelled(val, pool.classes)

    def load(self, spec: ImagesSpec) -> Images:
        """Return the images of a spec; only the last pool is held in memory.

        Raises:
            MissingDataError: if there is nothing at its source.
            NotPackedError: if more images than ``most`` are not packed yet.
            InputError: if they are other images than a pinned spec says, or too few.
        """
        if spec not in self._images:
            source, val = absolute(spec.source), absolute(spec.val)
            key = (source, spec.pool, spec.seed, spec.side, spec.keep, val)
            if key not in self._read:
                pool, held_out = self.read(spec)
                pinned = (source, len(pool), spec.seed if spec.pool else 0, spec.side, spec.keep, val)
                self._read, self._images = {key: (pool, held_out), pinned: (pool, held_out)}, {}
            self._images[spec] = _chosen(spec, *self._read[key])
        return self._images[spec]

    def exam(self, spec: ExamSpec, held_out: LabelledImages, size: int) -> Exam:
        """Return the exam of a spec.

        Args:
            spec: names a suite, or benchmarks alone (the suite `suites.chosen` of them, all of which have to
                be here).
            held_out: labelled images that are never learned from.
            size: side of the network's input in px, at which simulated benchmarks are rendered.

        Raises:
            InputError: if a name is unknown, or data are other ones than a pinned spec says.
            MissingDataError: if no benchmark is here, or one is not that has to be.
        """
        _same_images("The images for top-1, held out or of --val", held_out, spec.held_out)
        key = (spec.suite, tuple(spec.benchmarks), spec.normalisation, spec.top1, held_out.sha256, size)
        if key not in self._exams:
            suite, benchmarks = self.benchmarks(spec, size)
            self._exams[key] = Exam(suite, benchmarks, held_out, spec.normalisation, spec.top1)
        found = self._exams[key]
        for name, sha256 in found.hashes.items():
            _same(f"The data behind {name}", sha256 or "", spec.benchmarks.get(name) or "")
        return found

    def benchmarks(self, spec: ExamSpec, size: int) -> tuple[Suite, tuple[Benchmark, ...]]:
        """Return the suite that an exam names, and those of its benchmarks that are here."""
        pinned = [name for name, sha256 in spec.benchmarks.items() if sha256]
        if pinned:
            suite = Suite(spec.suite, tuple(spec.benchmarks))
            return suite, tuple(load_benchmark(name, self.home, size) for name in pinned)
        if spec.suite == chosen(()).name:
            suite = chosen(list(spec.benchmarks))
            found = [load_benchmark(name, self.home, size) for name in suite.benchmarks]
        else:
            suite = find_suite(spec.suite, self.home)
            found, missing = load_present(suite.benchmarks, self.home, size)
            for name, why in missing.items():
                log.warning("Without %s, which has no part in any score: %s", name, why)
        refuse_repeats(found)
        return suite, tuple(found)

    def birth(
        self, name: str, seed: int, batchnorm: str, model: ModelSpec, *, keep_gain: bool = False
    ) -> tuple[BirthSpec, GenomeSource]:
        """Return the birth called ``name`` (a recipe, a genome file or "own"), and where its genome is.

        Raises:
            InputError: for an unknown recipe, or a genome that does not fit the network.
            MissingDataError: if the genome is not here.
        """
        if name == OWN and is_foreign(model.architecture):
            return BirthSpec(OWN, seed, own_weights(model.architecture), batchnorm), NO_GENOME
        recipe, genome = find_genome(name, self.home, model, keep_gain=keep_gain)
        if genome is None and keep_gain:
            raise InputError(
                f"The recipe {recipe} uses no genome, so there is no gain to keep; leave it out."
            )
        if genome is None:
            return BirthSpec(recipe, seed, "", batchnorm), NO_GENOME
        return BirthSpec(recipe, seed, genome.sha256, batchnorm), GenomeSource(absolute(name), keep_gain)

    def genome(self, spec: RunSpec) -> Genome | None:
        """Return the genome that a run is born from, but for one distilled from another run.

        Raises:
            InputError: if it is another genome than the birth names.
            MissingDataError: if it is not here.
        """
        if not spec.birth.genome or spec.birth.recipe == OWN:
            return None
        name = spec.genome.name or spec.birth.recipe
        genome = find_genome(name, self.home, spec.model, keep_gain=spec.genome.keep_gain)[1]
        _same(f"The genome {name}", genome.sha256 if genome else "", spec.birth.genome)
        return genome

    def network(self, spec: RunSpec) -> ModelSpec:
        """Return the network of a run, with as many classes as its images have."""
        return replace(spec.model, classes=len(self.load(spec.images).pool.classes))

    def pin(self, spec: RunSpec) -> RunSpec:
        """Return the spec with the hashes of what it names, the classes of its images, and settled norms.

        Raises:
            InputError: if anything that it names cannot be used.
            MissingDataError: if it is not here.
        """
        images = self.load(spec.images)
        exam = self.exam(spec.exam, images.held_out, spec.model.size)
        model, number = self.network(spec), len(images.chosen)
        birth = spec.birth
        if birth.recipe == OWN and not birth.genome:
            birth = replace(birth, genome=own_weights(model.architecture))
        calibrated = uses_images(birth.batchnorm)
        # what decides nothing has one value, so that equal runs have one address
        shown = images.calibration if calibrated else None
        return replace(
            canonical(spec, model, number),
            birth=birth,
            images=replace(
                spec.images,
                source=absolute(spec.images.source),
                val=absolute(spec.images.val),
                pool=len(images.pool),
                number=number,
                seed=spec.images.seed if spec.images.pool and spec.images.source != RENDERED else 0,
                calibration=spec.images.calibration if calibrated else 0,
                sha256=images.chosen.sha256,
                calibration_sha256="" if shown is None else shown.sha256,
            ),
            exam=replace(
                spec.exam, suite=exam.suite.name, benchmarks=exam.hashes, held_out=images.held_out.sha256
            ),
        )


def canonical(spec: RunSpec, model: ModelSpec, number: int) -> RunSpec:
    """Return a run of a network that learns from so many images, as its address says it.

    Norms are those that hold for what learns (see `effective`), the precision is one of this machine, the
    length is said in one way, and moments are those between the ends.
    """
    training = _settled(spec.training, model)
    duration = training.duration.settled(number, training.batch)
    return replace(
        spec,
        model=model,
        before=spec.before and replace(spec.before, training=_settled(spec.before.training, model)),
        moments=between(spec.moments, duration, number, training.batch),
        training=replace(training, size=model.size, duration=duration),
    )


def _settled(training: TrainSpec, model: ModelSpec) -> TrainSpec:
    network = outline(model)
    learns = resolve(network, architecture_of(model), training.plasticity, training.seed)
    if training.precision == AUTO:
        training = replace(training, precision=settled_precision(AUTO, check_device(training.device)))
    return replace(training, norms=effective(training.norms, learns, network))


def plasticity_of(name: str, model: ModelSpec, seed: int = 0) -> Plasticity:
    """Return which synapses of a network learn."""
    return resolve(outline(model), architecture_of(model), name, seed)


def _chosen(spec: ImagesSpec, pool: LabelledImages, held_out: LabelledImages) -> Images:
    whole = spec.number is None or spec.number == len(pool)
    chosen = pool if whole else pool.take(nested_subset(pool.labels, spec.number or 0, 0))
    calibration = calibration_images(pool, spec.calibration) if spec.calibration else None
    _same_images(f"The images at {spec.source}", chosen, spec.sha256)
    if calibration is not None:
        _same(f"The images at {spec.source}", calibration.sha256, spec.calibration_sha256)
    told = _tested_on(spec, len(held_out))
    if twice := learned_too(held_out, chosen):
        told += f" ({twice:,} of them learned from too)"
        caution(
            f"{twice:,} of the {len(held_out):,} images for top-1 are learned from too, pixel by pixel: they "
            "tell what was learned by heart. Remove them from one of the two."
        )
    return Images(pool, chosen, calibration, held_out, told)


def learned_too(held_out: LabelledImages, chosen: LabelledImages) -> int:
    """Return how many of the images that are held out are among others, pixel by pixel."""
    each = [bytes(sha256) for sha256 in held_out.stimuli.image_sha256]
    known = set(each)  # the fewer of the two: a million hashes are not held
    found = {one for one in map(bytes, chosen.stimuli.image_sha256) if one in known}
    return sum(one in found for one in each)


def _tested_on(spec: ImagesSpec, images: int) -> str:
    kept = Keeping.parse(spec.keep).described(spec.side)
    if spec.val:
        return f"validation set of {images:,} images, {kept}"
    return f"{images:,} held-out {'rendered' if spec.source == RENDERED else 'training'} images, {kept}"


def _same_images(what: str, found: LabelledImages, pinned: str) -> None:
    """Raise as `_same`; earlier versions pinned a spec to all pixels in a row, which counts too."""
    if pinned and found.sha256 != pinned:
        log.info("%s: comparing all their pixels, as earlier versions did ...", what)
        if found.pixels_sha256 != pinned:
            _same(what, found.sha256, pinned)


def _same(what: str, found: str, pinned: str) -> None:
    """Raise `InputError` if a hash is another than a spec was pinned to."""
    if pinned and found != pinned:
        raise InputError(
            f"{what}: here is {found or 'nothing':.12}, but the run was made with {pinned:.12}. It can be "
            "made again only with what it was made with."
        )
