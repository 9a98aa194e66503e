"""The simulated ventral stream: recordings and choices with known ground truth."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import at_least
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import Stimuli
from wiringup.data.measurements import Choices, Recording
from wiringup.data.rendered.render import RenderedScenes, render
from wiringup.data.rendered.scenes import LEVELS, Latents, RenderSpec, draw_latents
from wiringup.data.simulated.early import V1Units, V2Units, V4Units, draw_v1, draw_v2, draw_v4
from wiringup.data.simulated.late import ITUnits, Observers, draw_it, draw_sensitivity
from wiringup.data.simulated.maps import Maps, maps_of
from wiringup.data.simulated.noise import check_missing, draw_trials, true_reliability

Floats64 = NDArray[np.float64]

SOURCE = "SIMULATED (wiringup): model neurons and observers with known ground truth; no animal, no person."
_Units = V1Units | V2Units | V4Units
_DRAW: dict[str, Callable[[int, float, np.random.Generator], _Units]] = {
    "V1": draw_v1,
    "V2": draw_v2,
    "V4": draw_v4,
}
_CALIBRATION = RenderSpec(images=128, split="calibration")
_STUDIED = 512  # images of each level that the observers have learned from
_SPONTANEOUS = 0.2  # part of the mean rate that no image changes


@dataclass(frozen=True)
class SimulatedStream:
    """Populations in V1, V2, V4 and IT, and subjects, all drawn from one seed.

    V1, V2 and V4 are functions of the pixels; IT and behaviour of the latent variables behind them.

    Attributes:
        seed: of the units, the subjects and the trial noise.
        units: in each area.
        repeats: presentations of each image.
        fano: variance of a trial over its mean.
        missing: fraction of trials that were lost.
        degrees: width of an image in degrees of visual angle.
        subjects, trials: who judged the images, and how often each judged each.

    Raises:
        InputError: if a number is out of range.
    """

    seed: int
    units: int = 100
    repeats: int = 10
    fano: float = 1.5
    missing: float = 0.0
    degrees: float = 8.0
    subjects: int = 10
    trials: int = 5

    def __post_init__(self) -> None:
        for name in ("units", "repeats", "fano", "subjects", "trials"):
            at_least(getattr(self, name), 1, f"A simulated stream's {name}")
        at_least(self.degrees, 4, "The width of the images in degrees")
        check_missing(self.missing)

    def early_means(self, stimuli: Stimuli) -> dict[str, Floats64]:
        """Return the true responses of V1, V2 and V4 to any images; see `means`."""
        drives = self._early_drives(maps_of(stimuli))
        return {a: self._spikes(a, drive, self._early_gains[a]) for a, drive in drives.items()}

    def it_means(self, latents: Latents) -> Floats64:
        """Return the true responses of IT to scenes with these latent variables; see `means`."""
        return self._spikes("IT", self._it.drive(latents), self._it_gains)

    def means(self, scenes: RenderedScenes) -> dict[str, Floats64]:
        """Return the true responses: area -> float64 (units, images), expected spikes in a trial."""
        return self.early_means(scenes.images.stimuli) | {"IT": self.it_means(scenes.latents)}

    def recordings(self, scenes: RenderedScenes) -> dict[str, Recording]:
        """Return area -> noisy trials, named ``simulated.<area>`` and marked as simulated.

        The noise is independent between areas and between sets of images.
        """
        stimuli = scenes.images.stimuli
        labels = np.array(scenes.images.classes)[scenes.images.labels]
        recordings = {}
        for area, mean in self.means(scenes).items():
            rng = numpy_stream(self.seed, "simulated", area, "noise", stimuli.sha256)
            trials = draw_trials(mean, self.repeats, self.fano, rng, self.missing)
            recordings[area] = Recording(
                f"simulated.{area}", area, trials, stimuli, labels=labels, simulated=True, source=SOURCE
            )
        return recordings

    def reliability(self, scenes: RenderedScenes) -> dict[str, Floats64]:
        """Return area -> (units,) true reliability of the average over all repeats, none missing."""
        means = self.means(scenes)
        return {a: true_reliability(m, self.fano * m, self.repeats) for a, m in means.items()}

    def choice_probabilities(self, scenes: RenderedScenes) -> Floats64:
        """Return (images, classes): the true probability of each choice, averaged over subjects."""
        return np.asarray(self._observers.probabilities(self.it_means(scenes.latents)).mean(axis=0))

    def choices(self, test: RenderedScenes, fit: RenderedScenes) -> Choices:
        """Return how often each class was chosen for the images of ``test``.

        Args:
            test: the images that are judged.
            fit: other images of the same categories, for a model's decoder.
        """
        sha256 = test.images.stimuli.sha256
        rng = numpy_stream(self.seed, "simulated", BEHAVIOR, "choices", sha256)
        counts = self._observers.choose(self.it_means(test.latents), self.trials, rng)
        return Choices(
            f"simulated.{BEHAVIOR}", counts, test.images, fit.images, simulated=True, source=SOURCE
        )

    @cached_property
    def _early(self) -> dict[str, _Units]:
        streams = {a: numpy_stream(self.seed, "simulated", a, "units") for a in _DRAW}
        return {a: draw(self.units, self.degrees, streams[a]) for a, draw in _DRAW.items()}

    @cached_property
    def _it(self) -> ITUnits:
        return draw_it(self.units, self.degrees, numpy_stream(self.seed, "simulated", "IT", "units"))

    def _early_drives(self, seen: Iterable[Maps]) -> dict[str, Floats64]:
        chunks = [{a: units.drive(maps) for a, units in self._early.items()} for maps in seen]
        return {a: np.concatenate([c[a] for c in chunks], axis=1).astype(np.float64) for a in _DRAW}

    @cached_property
    def _early_gains(self) -> dict[str, Floats64]:
        """Area -> (units, 1) mean drive over a fixed set of images, by which drives are divided."""
        drives = self._early_drives(_calibration()[1])
        return {a: d.mean(axis=1, keepdims=True) for a, d in drives.items()}

    @cached_property
    def _it_gains(self) -> Floats64:
        return np.asarray(self._it.drive(_calibration()[0].latents).mean(axis=1, keepdims=True))

    def _spikes(self, area: str, drive: Floats64, gain: Floats64) -> Floats64:
        """Scale drives so that the mean over the calibration images is 5 to 40 spikes in a trial."""
        rng = numpy_stream(self.seed, "simulated", area, "rates")
        rates = np.clip(11 * np.exp(0.5 * rng.standard_normal((self.units, 1))), 5, 40)
        return np.asarray(rates * (_SPONTANEOUS + (1 - _SPONTANEOUS) * drive / gain))

    @cached_property
    def _observers(self) -> Observers:
        sets = [draw_latents(RenderSpec(_STUDIED, level=level, split="studied")) for level in LEVELS]
        latents = {name: np.concatenate([s[name] for s in sets]) for name in sets[0]}
        rng = numpy_stream(self.seed, "simulated", BEHAVIOR, "subjects")
        labels = latents["category"].astype(np.int64)
        return Observers(self.it_means(latents), labels, draw_sensitivity(self.subjects, rng))


@cache
def _calibration() -> tuple[RenderedScenes, tuple[Maps, ...]]:
    scenes = render(_CALIBRATION)
    return scenes, tuple(maps_of(scenes.images.stimuli))
