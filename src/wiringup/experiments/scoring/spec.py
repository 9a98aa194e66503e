"""What ``wiringup score`` is asked: which model, and how it is scored."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Suppress, arg

from wiringup.benchmarks.layer_map import LayerMap
from wiringup.birth.apply import OWN
from wiringup.birth.batchnorm import POLICIES
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.score import DEFAULT_NORMALISATION, check_normalisation
from wiringup.core.spec import neutral, omit_default
from wiringup.data.images.names import read_class_names
from wiringup.experiments.runs.options import NetworkOptions, as_trained
from wiringup.experiments.scoring.references import REFERENCES
from wiringup.experiments.scoring.stored import is_stored
from wiringup.models.any_network import FORMS, classes_of, is_foreign
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, canonical, is_network
from wiringup.models.device import AUTO, PRECISIONS, check_device
from wiringup.models.storage import Storage

PIXELS = "pixels"
CALIBRATED = "calibrated"

if TYPE_CHECKING:
    Side = int
else:
    Side = int | None  # until the spec is made


@dataclass(frozen=True)
class ScoreSpec(NetworkOptions):
    """What is to be scored: a newborn or trained network, a reference model, or stored responses.

    Besides networks, ``model`` may be a reference model ("pixels", "v1_energy", "hmax"), or a file of
    responses (see `scoring.stored`).

    Attributes:
        birth: "kaiming_normal" (kn, the default), "weight_compression" (wc, from the published parameters,
            carried over where MODEL is no CORnet-S), or a genome file made by wiringup distill. A network of
            another package has its own weights ("own") unless a birth or weights are named.
        size: Side of the model's input in pixels.
        weights: Score these checkpoints instead; several are seeds of one model. Size, preprocessing and
            areas that are not given are those with which they were trained, if they say so.
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
    size: Annotated[Side, arg(metavar="PX", help_behavior_hint="(default: that of the weights, or 224)")] = (
        None  # type: ignore[assignment]
    )
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
        for name, value in as_trained(self.weights if is_network(self.model) else (), vars(self)).items():
            object.__setattr__(self, name, value)
        check_normalisation(self.normalisation)
        one_of(self.batchnorm, POLICIES, "BatchNorm policy")
        one_of(self.precision, PRECISIONS, "precision")
        at_least(len(self.seeds), 1, "the number of seeds")
        if len({*self.seeds}) < len(self.seeds):
            seeds = " ".join(map(str, self.seeds))
            raise InputError(f"Seeds {seeds}: one that is named twice is no other network; name each once.")
        if len({Path(path).resolve() for path in self.weights}) < len(self.weights):
            raise InputError("Weights that are named twice are no other network; name each file once.")
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
