"""Which network, and how images reach it: fields that are flags of the command line, with their help."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from wiringup.birth.apply import OWN
from wiringup.core.errors import InputError
from wiringup.core.spec import omit_default
from wiringup.models import any_network
from wiringup.models.architecture import ModelSpec, canonical
from wiringup.models.preprocessing import IMAGENET, Colours, Preprocessing


@dataclass(frozen=True)
class NetworkOptions:
    """Which network, and how images reach it.

    Attributes:
        model: "cornet_s", "resnet50", "mobilenet_v1" or "alexnet"; or a network of another package:
            package.module:factory (called without arguments), timm:NAME or torchvision:NAME.
        width: Factor on the number of channels; 1 is the published network.
        size: Side of the model's input in pixels.
        areas: Read-out layers, as in V4=layer3 IT=layer4; needed for a network of another package.
        mean: Mean of red, green and blue (0 to 1) in the images it was trained on; by default what timm or
            torchvision say of a network, otherwise ImageNet's.
        std: Their standard deviations.
        interpolation: bilinear or bicubic.
        crop: Fraction of the image's short side that is seen, as in 0.875; none squashes whole images to a
            square.
    """

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    width: float = 1.0
    size: Annotated[int, arg(metavar="PX")] = 224
    areas: Annotated[tuple[str, ...], arg(name="area", metavar="AREA=LAYER [...]")] = omit_default(())
    mean: Annotated[Colours | None, arg(metavar="R G B")] = omit_default(None)  # noqa: RUF009
    std: Annotated[Colours | None, arg(metavar="R G B")] = omit_default(None)  # noqa: RUF009
    interpolation: Annotated[str | None, arg(metavar="bilinear|bicubic")] = omit_default(None)
    crop: Annotated[float | Literal["none"] | None, arg(metavar="FRACTION|none")] = omit_default(None)

    def network(self, classes: int = ModelSpec.classes) -> ModelSpec:
        """Return the network before birth.

        Raises:
            InputError: if there is no such network, or it cannot be like this.
            MissingDataError: if the library that makes it is not installed.
        """
        name = canonical(self.model)
        code = any_network.code_hash(name) if any_network.is_foreign(name) else ""
        how = replace(self._own_preprocessing(name), **self._given_preprocessing())
        return ModelSpec(name, self.width, classes, self.size, self.areas, how, code)

    @property
    def usual_birth(self) -> str:
        """How the network is born if nothing is said: Kaiming normal, or another package's as it comes."""
        return OWN if any_network.is_foreign(self.model) else "kaiming_normal"

    def _own_preprocessing(self, name: str) -> Preprocessing:
        if not any_network.is_foreign(name):
            return IMAGENET
        try:
            return any_network.own_preprocessing(name)
        except InputError:
            if self.mean is None or self.std is None:
                raise
            return IMAGENET

    def _given_preprocessing(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in ("mean", "std", "interpolation", "crop")}
        return {k: None if v == "none" else v for k, v in given.items() if v is not None}
