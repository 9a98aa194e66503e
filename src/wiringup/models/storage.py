"""Where responses are held until they are scored: in memory if they fit, otherwise in files.

Stores are allocated before the pass and filled batch by batch, so there is never a second copy. What is
needed is compared with what is there first: a refusal after seconds, not a crash after hours.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wiringup.core.errors import InputError, WiringupError
from wiringup.core.memory import GB, free_disk, free_memory, in_gb
from wiringup.models.cache import ResponseCache
from wiringup.models.files import FLOAT32, Key, mapped

log = logging.getLogger(__name__)

CPU = torch.device("cpu")
MEMORY = "WIRINGUP_MEMORY"
CARD_SHARE = "WIRINGUP_CARD_SHARE"
SHARE = 0.8  # of the free memory: other programs take some while we run
ALIVE = 4  # outputs of the largest size that a forward pass holds at once
SQUARES = 3  # float64 matrices of images x images: the Gram matrix and what scoring makes of it
BLOCK = 2048  # columns of features that scoring takes to float64 at a time
CARD_BLOCK = 16384  # on a card, which is kept busy by larger ones
BLOCKS = 2  # that are in work: on a CPU two run side by side, a card holds one as it came too
CARD_WORK = 10**9  # bytes on a card for libraries, and for ranks of resampled images
FOLDS = 2 * 10  # products of features and units of all folds, and what is made of them
FLOAT64 = 8  # bytes


def working_set(images: int, batch: int, largest: int, device: torch.device = CPU) -> int:
    """Estimate the bytes needed besides the responses: one batch in the network, then the Gram matrix.

    Args:
        images: number of images.
        batch: images in one forward pass.
        largest: bytes of the largest output of any module for one image.
        device: where they are.
    """
    return max(ALIVE * batch * largest, scoring_set(images, 0, device))


def scoring_set(images: int, units: int, device: torch.device = CPU) -> int:
    """Estimate the bytes that scoring needs besides the responses to some images, for so many units."""
    block, more = (CARD_BLOCK, CARD_WORK) if device.type == "cuda" else (BLOCK, 0)
    return FLOAT64 * (images * (SQUARES * images + BLOCKS * block) + FOLDS * units * (images + units)) + more


def free_on(card: torch.device) -> int:
    """Return the bytes of a card that this process may take.

    That is its share of what is free by the card's own account (``WIRINGUP_CARD_SHARE``, where several
    processes are on one card; by default all), and what PyTorch keeps for later.

    Raises:
        InputError: if the share is no number above 0, and at most 1.
    """
    kept = torch.cuda.memory_reserved(card) - torch.cuda.memory_allocated(card)
    return int(_card_share() * torch.cuda.mem_get_info(card)[0]) + kept


def _card_share() -> float:
    asked = os.environ.get(CARD_SHARE) or "1"
    try:
        share = float(asked)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise InputError(
            f"The share of a card ({CARD_SHARE}) is {asked!r}; it has to be above 0 and at most 1."
        )
    return share


def products_on(device: torch.device | None, images: int, units: int = 0) -> torch.device | None:
    """Return where responses are scored: on a card if its free memory suffices, else on the CPU, and say so.

    Args:
        device: where the network runs. Only CUDA cards are scored on (others have no float64): without one,
            the answer is None, which is where the responses are.
        images: number of images.
        units: of the largest recording.
    """
    if device is None or device.type != "cuda":
        return None
    need, free = scoring_set(images, units, device), free_on(device)
    if need <= SHARE * free:
        return device
    log.info(
        f"Scoring {images:,} images and {units:,} units needs {in_gb(need)}, and {in_gb(free)} of the card "
        "are free: they are scored on the CPU."
    )
    return CPU


@dataclass(frozen=True)
class Storage:
    """How much memory responses and their scoring may take, and where they go if that is not enough.

    Attributes:
        memory: GB (10^9 bytes); by default ``$WIRINGUP_MEMORY``, or most of what is free.
        folder: on which disk files are made; by default the cache folder (`core.home.cache_home`).
        cache: keeps responses between runs; by default they are not kept.
    """

    memory: float | None = None
    folder: Path | None = None
    cache: ResponseCache | None = None

    def recall(self, keys: Mapping[Key, str]) -> dict[Key, Tensor]:
        """Return what the cache has of ``keys``; nothing without a cache."""
        if self.cache is None:
            return {}
        found = {key: self.cache.find(name) for key, name in keys.items()}
        return {key: value for key, value in found.items() if value is not None}

    @contextlib.contextmanager
    def filling(
        self,
        images: int,
        features: Mapping[Key, int],
        keys: Mapping[Key, str],
        working: int = 0,
        device: torch.device = CPU,
    ) -> Iterator[dict[Key, Tensor]]:
        """Yield `stores` to be filled in the block; with a cache they are kept under ``keys`` if it ends.

        Raises:
            WiringupError: as `stores`.
        """
        need = FLOAT32 * images * sum(features.values())
        if self.cache is not None and self.cache.has_room(need):
            self._check(need, working, self.cache.folder)
            with self.cache.filling(images, features, keys) as stores:
                yield stores
            return
        if self.cache is not None:
            log.info(
                f"{in_gb(need)} of responses are not kept: the cache in {self.cache.folder} may take "
                f"{self.cache.limit:g} GB (WIRINGUP_CACHE_GB), and its disk has "
                f"{in_gb(free_disk(self.cache.folder))} free."
            )
        yield self.stores(images, features, working, device)

    def stores(
        self, images: int, features: Mapping[Key, int], working: int = 0, device: torch.device = CPU
    ) -> dict[Key, Tensor]:
        """Return a float32 (images, features) tensor for each entry of ``features``, to be filled.

        On a card if they fit there, where they are then scored too; else in memory, else in files, which
        vanish with the tensor.

        Args:
            images: number of images.
            features: number of features of each store.
            working: bytes of memory needed besides the stores; see `working_set`.
            device: where the network runs.

        Raises:
            WiringupError: if neither memory nor disk suffices, with what is needed, what is there and
                what to do.
        """
        need = FLOAT32 * images * sum(features.values())
        if device.type == "cuda":
            if need + working <= SHARE * (free := free_on(device)):
                return {key: torch.empty(images, n, device=device) for key, n in features.items()}
            log.info(
                f"{in_gb(need)} of responses and {in_gb(working)} for network and scoring are more than the "
                f"{in_gb(free)} that are free on the card: the responses go to the host's memory."
            )
        have = self.limit()
        if have is None or need + working <= have:
            return {key: torch.empty(images, n) for key, n in features.items()}
        folder = self._folder()
        self._check(need, working, folder)
        log.info(
            f"{in_gb(need)} of responses and {in_gb(working)} for network and scoring are more than the "
            f"{in_gb(have)} of memory that may be used: the responses go to files in {folder} until they are "
            "scored."
        )
        return {key: mapped(images, n, _writable(folder)) for key, n in features.items()}

    def limit(self) -> int | None:
        """Return the bytes of memory that this process may use, or None if nothing is known.

        The processes that torchrun starts on a machine share it.
        """
        together = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        asked = os.environ.get(MEMORY) if self.memory is None else self.memory
        if asked is None or asked == "":
            free = free_memory()
            return None if free is None else int(SHARE * free / together)
        try:
            limit = float(asked)
        except ValueError:
            limit = 0.0
        if not limit > 0:
            raise InputError(
                f"The limit of memory (--memory, WIRINGUP_MEMORY) is {asked!r}; it has to be a number of GB "
                "above 0, as in 8 or 0.5."
            )
        return int(limit * GB / together)

    def _folder(self) -> Path:
        from wiringup.core.home import cache_home

        return cache_home() if self.folder is None else self.folder

    def _check(self, need: int, working: int, folder: Path) -> None:
        have, disk = self.limit(), free_disk(folder)
        if have is None or (working <= have and need <= disk):
            return
        raise WiringupError(
            f"The responses need {in_gb(need)}, network and scoring {in_gb(working)} of memory, but "
            f"{in_gb(have)} of memory may be used and {in_gb(disk)} of disk are free at {folder}. Read out "
            "fewer layers or time steps, use fewer stimuli or a smaller --size, raise --memory (or "
            "WIRINGUP_MEMORY, in GB), or set WIRINGUP_CACHE to a folder on a larger disk."
        )


def _writable(folder: Path) -> Path:
    from wiringup.core.home import writable

    return writable(folder, "WIRINGUP_CACHE")
