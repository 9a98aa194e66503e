"""The reference models by name, with all that each needs to be made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wiringup.data.rendered.render import render
from wiringup.data.rendered.scenes import RenderSpec
from wiringup.models.readout import PixelSubject, Subject
from wiringup.models.references.hmax import hmax
from wiringup.models.references.v1_energy import v1_energy
from wiringup.models.storage import Storage

PATCH_IMAGES = 128  # two views of each rendered object
PATCH_LEVEL = 3
PATCH_SPLIT = "patches"  # no benchmark shows images of this split


@dataclass(frozen=True)
class Reference:
    """How a reference model is made.

    Attributes:
        make: (size in px, seed, where responses are held) -> the subject, and facts that results keep
            beside its scores.
        seeded: whether the seed enters.
    """

    make: Callable[[int, int, Storage], tuple[Subject, dict[str, Any]]]
    seeded: bool = False


def _hmax(size: int, seed: int, storage: Storage) -> tuple[Subject, dict[str, Any]]:
    """HMAX with patches of rendered objects, which are never the images that it is scored on."""
    spec = RenderSpec(PATCH_IMAGES, size, PATCH_LEVEL, seed, PATCH_SPLIT)
    images = render(spec).images.stimuli
    facts = {"patches": f"{PATCH_IMAGES} rendered objects", "patch_images": images.sha256}
    return replace(hmax(images, size, seed), storage=storage), facts


REFERENCES: Mapping[str, Reference] = {
    "pixels": Reference(lambda size, _, storage: (PixelSubject(size, storage=storage), {})),
    "v1_energy": Reference(lambda size, _, storage: (replace(v1_energy(size), storage=storage), {})),
    "hmax": Reference(_hmax, seeded=True),
}
"""What can be scored beside the architectures, by name."""
