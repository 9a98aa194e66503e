"""Score one model, born or trained, on any benchmarks: what ``wiringup score`` does."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Suppress, arg

from wiringup import __version__
from wiringup.benchmarks.benchmark import Benchmark, by_stimuli, evaluate
from wiringup.benchmarks.decoding import MATCHED
from wiringup.benchmarks.layer_map import LayerMap, refuse_seen, unseen
from wiringup.birth.apply import OWN
from wiringup.birth.batchnorm import POLICIES
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.progress import Clock
from wiringup.core.score import DEFAULT_NORMALISATION, Score, check_normalisation
from wiringup.core.spec import neutral, omit_default, uid
from wiringup.data.images.names import read_class_names
from wiringup.experiments.candidates import Candidate, makers
from wiringup.experiments.options import NetworkOptions
from wiringup.experiments.references import REFERENCES
from wiringup.experiments.stored import is_stored
from wiringup.models.any_network import FORMS, classes_of, is_foreign
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, canonical, is_network
from wiringup.models.cache import default_cache
from wiringup.models.device import AUTO, PRECISIONS, check_device
from wiringup.models.readout import NetworkSubject
from wiringup.models.storage import Storage
from wiringup.results.record import score_to_dict

log = logging.getLogger(__name__)

PIXELS = "pixels"
CALIBRATED = "calibrated"


@dataclass(frozen=True)
class ScoreSpec(NetworkOptions):
    """What is to be scored: a newborn or trained network, a reference model, or stored responses.

    Besides networks, ``model`` may be a reference model ("pixels", "v1_energy", "hmax"), or a file of
    responses (see `experiments.stored`).

    Attributes:
        birth: "kaiming_normal" (kn, the default), "weight_compression" (wc, from the published parameters,
            carried over where MODEL is no CORnet-S), or a genome file made by wiringup distill. A network of
            another package has its own weights ("own") unless a birth or weights are named.
        weights: Score these checkpoints instead; several are seeds of one model.
        weights_key: Which weights to take of a checkpoint that holds several, as in state_dict or
            state_dict_ema. Averaged ones (EMA) by default; what was taken is said.
        seeds: Seeds; every seed is one birth.
        layers: Areas or layers, as in V4, V4@1 (time step), V4@all (every time step), V4.conv3, or all; by
            default the area of each benchmark.
        classes: Number of object classes of the decoder, or a file that names them in the order of its
            outputs (one name a line, or a JSON list).
        normalisation: "(r/c)^2" (the paper's), "r/c" or "r^2/c".
        batchnorm: BatchNorm of a newborn. Statistics: "calibrated" on unlabelled images (64 of the
            benchmark's, without responses), "noise" (calibrated on white noise), "default" (mean 0, variance
            1) or "teacher" (those kept by distill --statistics); with "-plain" weight 1 and bias 0 even if
            the genome holds fitted ones, with "-fitted" refused if it holds none.
        device: Where networks are born and run, and responses are scored if they fit there: auto, cpu, cuda
            or cuda:1.
        batch: Images in one forward pass.
        precision: float32, or bf16 (autocast) where the hardware is made for it.
        memory: Memory for responses; more go to files. Default: WIRINGUP_MEMORY or most of what is free.
        cache: Keep responses for the next time; see wiringup cache. For big sets scored again and again.
        layer_map: which layer is which area, instead of the architecture's own read-outs.
        unseen: score on the images alone on which no layer was chosen, not refuse the others.
        class_names: names of the classes in the order of the decoder's outputs, where the checkpoint or the
            file of responses does not say them, or calls them otherwise than the benchmark.

    Raises:
        InputError: for a name that is unknown, a number out of range, or options that exclude each other.
    """

    birth: Annotated[str | None, arg(metavar="RECIPE")] = None
    weights: Annotated[tuple[Path, ...], arg(metavar="FILE [FILE ...]")] = ()
    weights_key: Annotated[str | None, arg(metavar="NAME")] = omit_default(None)
    seeds: Annotated[tuple[int, ...], arg(name="seed", metavar="N [N ...]")] = (0,)
    layers: Annotated[tuple[str, ...], arg(name="layer", metavar="NAME [NAME ...]")] = ()
    classes: Annotated[int | Path, arg(metavar="N|FILE")] = 1000
    normalisation: str = DEFAULT_NORMALISATION
    batchnorm: Annotated[str, arg(metavar="POLICY")] = CALIBRATED
    device: str = neutral(AUTO)
    batch: int = neutral(64)
    precision: str = omit_default("float32")
    memory: Annotated[float | None, arg(metavar="GB")] = neutral(None)
    cache: bool = neutral(False)
    layer_map: Suppress[LayerMap | None] = None
    unseen: Suppress[bool] = False
    class_names: Suppress[tuple[str, ...] | None] = omit_default(None)  # noqa: RUF009

    def __post_init__(self) -> None:
        if isinstance(self.classes, Path):
            names = read_class_names(self.classes)
            object.__setattr__(self, "class_names", names)
            object.__setattr__(self, "classes", len(names))
        check_normalisation(self.normalisation)
        one_of(self.batchnorm, POLICIES, "BatchNorm policy")
        one_of(self.precision, PRECISIONS, "precision")
        at_least(len(self.seeds), 1, "the number of seeds")
        if len({*self.seeds}) < len(self.seeds):
            seeds = " ".join(map(str, self.seeds))
            raise InputError(f"Seeds {seeds}: one that is named twice is no other network; name each once.")
        at_least(self.size, 8, "the image size in pixels")
        at_least(self.batch, 1, "the number of images in a forward pass")
        check_device(self.device)
        Storage(self.memory).limit()  # refuses what is no number of GB
        self._check_model()
        self._check_birth()
        self._check_layer_map()

    @property
    def own(self) -> bool:
        """Whether a network of another package is scored with its own weights."""
        return is_foreign(self.model) and self.birth in (None, OWN) and not self.weights

    def _check_model(self) -> None:
        if not is_stored(self.model) and not is_network(self.model):
            one_of(self.model, [*REFERENCES, *ARCHITECTURES.names(), *FORMS], "model")
        if self.model == PIXELS and (self.layers or self.weights):
            raise InputError("pixels have neither layers nor weights; leave out --layer and --weights.")
        if self.model in REFERENCES and self.class_names is not None:
            raise InputError(f"{self.model} has no classes to be named; leave out --classes.")
        if not is_network(self.model) and (given := self._of_networks()):
            raise InputError(
                f"{self.model} is no network, so {', '.join(given)} would do nothing; leave that out."
            )
        if not self.weights and self.weights_key is not None:
            raise InputError("--weights-key says what to take of a checkpoint; give --weights too.")

    def _of_networks(self) -> list[str]:
        """Return the options that were given and are of networks alone."""
        named = self.class_names is None and self.classes != 1000
        given = {"--area": self.areas, "--width": self.width != 1, "--classes": named}
        given |= {"--precision": self.precision != "float32"}
        return [name for name, said in given.items() if said] + [
            f"--{n}" for n in self._given_preprocessing()
        ]

    def _check_birth(self) -> None:
        drawn = self.birth is not None or self.seeds != (0,)
        if is_stored(self.model) and (self.weights or drawn):
            raise InputError(f"{self.model} is a file of responses; leave out --weights, --birth and --seed.")
        if self.model in REFERENCES and (self.weights or self.birth is not None):
            raise InputError(f"{self.model} is never born or trained; leave out --birth and --weights.")
        if self.model in REFERENCES and not REFERENCES[self.model].seeded and self.seeds != (0,):
            raise InputError(f"Nothing in {self.model} is drawn; leave out --seed.")
        if self.weights and drawn:
            raise InputError("--weights is a network that was born already; leave out --birth and --seed.")
        if self.own and self.seeds != (0,):
            raise InputError(f"{self.model} has its own weights; with --seed, name a birth: --birth kn.")
        if (self.weights or self.own or not is_network(self.model)) and self.batchnorm != CALIBRATED:
            raise InputError(
                f"BatchNorm {self.batchnorm!r} is of births, and nothing is born here; leave out --batchnorm."
            )

    def _check_layer_map(self) -> None:
        if self.layer_map is None:
            if self.unseen:
                raise InputError(
                    "--unseen leaves out the images that layers were chosen on; give --layers-from too."
                )
            return
        if self.layers:
            raise InputError("--layers-from names the layers already; leave out --layer.")
        if not is_network(self.model) or canonical(self.model) != self.layer_map.architecture:
            raise InputError(
                f"The layers were chosen for {self.layer_map.architecture}, not for {self.model}; "
                f"choose again: wiringup layers {self.model} ..."
            )

    @property
    def unborn(self) -> ModelSpec:
        """The network before birth, with as many classes as its own weights, or ``classes``, have."""
        return self.network(classes_of(self.model) if self.own else int(str(self.classes)))


def score(spec: ScoreSpec, benchmarks: Sequence[Benchmark], home: Path) -> list[dict[str, Any]]:
    """Return one row for every set of images, seed, benchmark and layer, in this order.

    Raises:
        InputError: if the model has no such layer, or the weights do not fit.
        MissingDataError: if weights or a genome are missing.
    """
    kept = reportable(spec, benchmarks)
    found = [[row(candidate, s) for s in scores] for candidate, scores in scored(spec, kept, home)]
    shown = {b.name: i for i, group in enumerate(by_stimuli(kept)) for b in group}
    return [one for rows in sorted(found, key=lambda rows: shown[rows[0]["benchmark"]]) for one in rows]


def scored(
    spec: ScoreSpec, benchmarks: Sequence[Benchmark], home: Path
) -> Iterator[tuple[Candidate, list[Score]]]:
    """Yield every candidate with its scores on the benchmarks that show the same images, seed after seed."""
    storage = Storage(spec.memory, cache=default_cache() if spec.cache else None)
    noted: set[str] = set()
    for make in makers(spec, home, storage):
        for group in by_stimuli(benchmarks):
            candidate = make(group[0].stimuli)
            for note in (n for n in candidate.facts.get("weights_notes", ()) if n not in noted):
                log.warning("Note: %s", note)
                noted.add(note)
            yield candidate, _scores(spec, candidate, group)


def _scores(spec: ScoreSpec, candidate: Candidate, group: Sequence[Benchmark]) -> list[Score]:
    names = ", ".join(b.name for b in group)
    log.info("Scoring %s on %s (%s images) ...", _title(candidate.facts), names, f"{len(group[0].stimuli):,}")
    clock, where = Clock(), check_device(spec.device)
    scores = evaluate(candidate.subject, group, spec.layers or None, spec.normalisation, clock, where)
    log.info("  %s", clock.told())
    return [_with_unused_names(s, spec) for s in scores]


def _with_unused_names(score: Score, spec: ScoreSpec) -> Score:
    """Return a score whose note says so if names of classes were given and it does not depend on them."""
    if spec.class_names is None or MATCHED in score.note:
        return score
    unused = "the names of --classes were not used: no logits were matched with classes"
    return replace(score, note="; ".join(filter(None, (score.note, unused))))


def reportable(spec: ScoreSpec, benchmarks: Sequence[Benchmark]) -> list[Benchmark]:
    """Return the benchmarks as they may be reported: without the images that layers were chosen on.

    Raises:
        InputError: if there are such images and the spec does not say to leave them out.
    """
    if spec.layer_map is None:
        return list(benchmarks)
    if spec.unseen:
        return [unseen(b, spec.layer_map) for b in benchmarks]
    for benchmark in benchmarks:
        refuse_seen(benchmark, spec.layer_map)
    return list(benchmarks)


def row(candidate: Candidate, score: Score) -> dict[str, Any]:
    """Return a score with everything that says which model it belongs to, as plain JSON types.

    "module" is the module and time step behind the name of the layer, where the model is a network.
    """
    subject = candidate.subject
    module = {"module": subject.read_out(score.layer)} if isinstance(subject, NetworkSubject) else {}
    return {
        **candidate.facts,
        **score_to_dict(score),
        **module,
        "identity": candidate.identity[:16],
        "version": __version__,
    }


def address(spec: ScoreSpec, benchmarks: Sequence[Benchmark], rows: list[dict[str, Any]]) -> str:
    """Return the address under which rows are kept: what was asked, which weights, which data."""
    identities = tuple(row["identity"] for row in rows)
    content = {"request": spec, "benchmarks": [b.sha256 for b in benchmarks], "identities": identities}
    return uid("scores", content)


def _title(facts: dict[str, Any]) -> str:
    how = facts.get("weights") or facts["birth"]
    seed = None if facts["seed"] is None else f"seed {facts['seed']}"
    details = ", ".join(filter(None, (f"{OWN} weights" if how == OWN else how, seed)))
    size = "" if facts["size"] is None else f" at {facts['size']} px"
    return f"{facts['model']}{f' ({details})' if details else ''}{size}"
