"""Simulated IT, tuned to what was rendered and tolerant to the view of it, and subjects who read it out."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wiringup.data.rendered.exemplars import CATEGORIES, EXEMPLARS, SHAPE_DIMENSIONS, shape_space
from wiringup.data.rendered.scenes import Latents

Floats64 = NDArray[np.float64]

_POSES = ("yaw", "pitch", "roll")
_CARRIERS = 0.2
_KIN = (("animal", "face"), ("boat", "car", "plane"), ("chair", "table"))
_KINSHIP = 0.35
_RIDGE = 1.0
_LAPSES = 0.02


@dataclass(frozen=True, eq=False)
class ITUnits:
    """Cells of IT.

    Attributes:
        objects: (units, 64) drive by each object at its best view; see `scenes.draw_latents`.
        centre: (units, 2) preferred position (right, up), units of half the field of view.
        tolerance: (units,) sigma of the tuning to position.
        size: (units,) preferred size in octaves. octaves: (units,) sigma of the tuning to it.
        pose: (units, 3) preferred yaw, pitch, roll in radians. sharpness: (units, 3) how much they matter.
        carrier: bool (units,) cells that report the view monotonically, beside the object.
        report: (units, 3) what a carrier reports: slopes on x, y and octaves of size.
    """

    objects: Floats64
    centre: Floats64
    tolerance: Floats64
    size: Floats64
    octaves: Floats64
    pose: Floats64
    sharpness: Floats64
    carrier: NDArray[np.bool_]
    report: Floats64

    def drive(self, latents: Latents) -> Floats64:
        """Return float64 (units, images): tuning to object, position, size and pose multiply.

        Carriers replace the tolerance to position and size by a sigmoid of them: IT holds category and
        category-orthogonal properties together (Hong, Yamins, Majaj & DiCarlo 2016).
        """
        seen = self.objects[:, latents["object"].astype(np.intp)] * self._pose_tuning(latents)
        tolerant, monotonic = self._tolerance(latents), self._report(latents)
        return np.asarray(seen * np.where(self.carrier[:, None], monotonic, tolerant))

    def _pose_tuning(self, latents: Latents) -> Floats64:
        angles = np.radians([latents[name] for name in _POSES])
        away = np.cos(angles - self.pose[..., None]) - 1
        return np.asarray(np.exp((self.sharpness[..., None] * away).sum(axis=1)))

    def _tolerance(self, latents: Latents) -> Floats64:
        dx, dy = (latents[name] - self.centre[:, i, None] for i, name in enumerate("xy"))
        far = (dx**2 + dy**2) / self.tolerance[:, None] ** 2
        larger = (np.log2(latents["size"]) - self.size[:, None]) / self.octaves[:, None]
        return np.asarray(np.exp(-(far + larger**2) / 2))

    def _report(self, latents: Latents) -> Floats64:
        view = np.stack([latents["x"], latents["y"], np.log2(latents["size"])])
        return np.asarray(1 / (1 + np.exp(-self.report @ view)))


def _kinship() -> Floats64:
    """(categories, categories): 1 on the diagonal, `_KINSHIP` between kin, 0 elsewhere."""
    kin = np.zeros((len(CATEGORIES), len(CATEGORIES)))
    for group in _KIN:
        members = [CATEGORIES.index(name) for name in group]
        kin[np.ix_(members, members)] = _KINSHIP
    np.fill_diagonal(kin, 1.0)
    return kin


def _object_tuning(units: int, rng: np.random.Generator) -> Floats64:
    """(units, 64): a sparse mixture of categories, each with a smooth hill in its shape space.

    Kin (animals and faces, vehicles, furniture) share tuning, as superordinate categories do in macaque
    IT (Kriegeskorte et al. 2008); it is between them that the observers err.
    """
    kinds = len(CATEGORIES)
    liked = rng.gamma(0.6, 1.0, (units, kinds)) @ _kinship() + 0.02
    favourite = rng.uniform(size=(units, kinds, 1, SHAPE_DIMENSIONS))
    distance = ((shape_space() - favourite) ** 2).sum(axis=-1)
    hills = 0.25 + 0.75 * np.exp(-distance / (2 * rng.uniform(0.35, 0.8, (units, 1, 1)) ** 2))
    tuning = (liked / liked.max(axis=1, keepdims=True))[..., None] * hills
    return np.asarray(tuning.reshape(units, kinds * EXEMPLARS))


def draw_it(units: int, degrees: float, rng: np.random.Generator) -> ITUnits:
    """Draw IT cells.

    Position tolerance: sigma 1.2 to 3 degrees around a centre near the fovea, i.e. fields of about 3
    to 7 degrees (Op de Beeck & Vogels 2000; DiCarlo & Maunsell 2003). Size: sigma 0.7 to 1.5 octaves
    (Ito et al. 1995). Pose: broad. A fifth of the cells carry position and size.
    """
    degree = 2 / degrees
    return ITUnits(
        objects=_object_tuning(units, rng),
        centre=0.5 * degree * rng.standard_normal((units, 2)),
        tolerance=rng.uniform(1.2, 3.0, units) * degree,
        size=0.3 * rng.standard_normal(units),
        octaves=rng.uniform(0.7, 1.5, units),
        pose=rng.uniform(-1.0, 1.0, (units, 3)),
        sharpness=rng.uniform(0.2, 1.6, (units, 3)),
        carrier=rng.permutation(units) < _CARRIERS * units,
        report=rng.normal(0.0, (3.0, 3.0, 2.0), (units, 3)),
    )


@dataclass(frozen=True, eq=False)
class Observers:
    """Subjects who share a read-out of IT and differ in how noisy their decisions are.

    Attributes:
        responses: (units, images) true responses of IT to the images the subjects have learned from.
        labels: (images,) category of each.
        sensitivity: (subjects,) inverse temperature of each subject's decision.
    """

    responses: Floats64
    labels: NDArray[np.int64]
    sensitivity: Floats64

    @cached_property
    def _scale(self) -> tuple[Floats64, Floats64]:
        return self.responses.mean(axis=1, keepdims=True), self.responses.std(axis=1, keepdims=True)

    def _features(self, responses: Floats64) -> Floats64:
        mean, deviation = self._scale
        z = (responses - mean) / deviation
        return np.asarray(np.concatenate([z, np.ones((1, z.shape[1]))]).T)

    @cached_property
    def _weights(self) -> Floats64:
        """(units + 1, classes): ridge regression of class membership on standardised responses."""
        x, y = self._features(self.responses), np.eye(self.labels.max() + 1)[self.labels]
        penalty = _RIDGE * np.eye(x.shape[1])
        penalty[-1, -1] = 0
        return np.asarray(np.linalg.solve(x.T @ x + penalty, x.T @ y))

    def probabilities(self, responses: Floats64) -> Floats64:
        """Return (subjects, images, classes): how likely each subject is to choose each class.

        Luce's choice rule on the read-out of IT, and now and then a guess. Images are hard where the
        population is weak: far from the fovea, small, or seen from an unusual side.
        """
        evidence = self._features(responses) @ self._weights
        logits = self.sensitivity[:, None, None] * evidence
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        chosen = weights / weights.sum(axis=-1, keepdims=True)
        return np.asarray((1 - _LAPSES) * chosen + _LAPSES / evidence.shape[1])

    def choose(self, responses: Floats64, trials: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return counts (images, classes) over all subjects, ``trials`` of each for every image."""
        counts = rng.multinomial(trials, self.probabilities(responses))
        return np.asarray(counts.sum(axis=0), dtype=np.int64)


def draw_sensitivity(subjects: int, rng: np.random.Generator) -> Floats64:
    """Return the inverse temperatures of ``subjects``, log-normal around 5."""
    return np.asarray(5.0 * np.exp(0.2 * rng.standard_normal(subjects)))
