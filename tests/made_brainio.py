"""Small files in the format and with the coordinates of Brain-Score's public data."""

import csv
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray
from PIL import Image

PX = 16


def images_of(latents, seed=0):
    """uint8 (n, PX, PX, 3): images that differ along a few directions only, so that pixels predict well."""
    random = np.random.default_rng(seed)
    basis = random.standard_normal((latents.shape[1], PX, PX, 3))
    return np.clip(128 + 20 * np.tensordot(latents, basis, 1), 0, 255).astype(np.uint8)


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@dataclass
class World:
    """What the files hold: images by id, trials (units, images, repeats) with NaN, regions of the units.

    Attributes:
        latents: what pixels and responses are made of, (images, 3).
        ids: hashes, as Brain-Score's, in no order.
        labels: by which folds are stratified.
        repeats: how often each image was shown.
    """

    regions: tuple[str, ...]
    labels: np.ndarray
    repeats: np.ndarray
    noise: float = 0.3
    latents: np.ndarray = field(init=False)
    pixels: np.ndarray = field(init=False)
    ids: np.ndarray = field(init=False)
    trials: np.ndarray = field(init=False)

    def __post_init__(self):
        random = np.random.default_rng(1)
        n = len(self.labels)
        self.latents = random.standard_normal((n, 3))
        self.pixels = images_of(self.latents)
        self.ids = np.array([hashlib.sha1(f"image {i}".encode()).hexdigest() for i in range(n)])
        signal = random.standard_normal((len(self.regions), 3)) @ self.latents.T
        noise = random.standard_normal((*signal.shape, self.repeats.max()))
        self.trials = (signal[..., None] + self.noise * noise).astype(np.float32)
        self.trials[:, np.arange(self.repeats.max()) >= self.repeats[:, None]] = np.nan

    @property
    def order(self):
        """Images sorted by id."""
        return np.argsort(self.ids)

    def expected(self, region):
        """Trials of one region, images sorted by id."""
        return self.trials[np.array(self.regions) == region][:, self.order]


def write_stimuli(folder: Path, name: str, world: World, id_name="stimulus_id", columns=None):
    """Write ``stimulus_<name>.csv`` and ``.zip``: rows in an order of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [f"im{i:03d}.png" for i in range(len(world.ids))]
    columns = {id_name: world.ids, "filename": files, "s": np.arange(len(files)), **(columns or {})}
    with (folder / f"stimulus_{name}.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    with zipfile.ZipFile(folder / f"stimulus_{name}.zip", "w") as archive:
        for file, pixels in zip(files, world.pixels, strict=True):
            archive.writestr(file, png(pixels))


def presentations(world: World, seed=3):
    """(image, repeat) of every presentation, shuffled."""
    image = np.repeat(np.arange(len(world.ids)), world.repeats)
    repeat = np.concatenate([np.arange(r) for r in world.repeats])
    order = np.random.default_rng(seed).permutation(len(image))
    return image[order], repeat[order]


def neural(world: World, bins=((70, 170),), id_name="image_id", repetition="repetition", labels=None):
    """An assembly (neuroid, presentation, time_bin) whose bins average to the world's trials."""
    image, repeat = presentations(world)
    mean = world.trials[:, image, repeat]
    wobble = np.random.default_rng(4).standard_normal((*mean.shape, len(bins))).astype(np.float32)
    values = mean[..., None] + (wobble - wobble.mean(2, keepdims=True))
    coords = {
        id_name: ("presentation", world.ids[image].astype(object)),
        "stimulus": ("presentation", image),
        "neuroid_id": ("neuroid", np.array([f"Chabo_L_M_{i}" for i in range(len(mean))], object)),
        "region": ("neuroid", np.array(world.regions, object)),
        "time_bin_start": ("time_bin", np.array([b[0] for b in bins])),
        "time_bin_end": ("time_bin", np.array([b[1] for b in bins])),
    }
    if repetition:
        coords[repetition] = ("presentation", repeat)
    if labels:
        coords[labels] = ("presentation", world.labels[image].astype(object))
    return xarray.DataArray(values, coords, ("neuroid", "presentation", "time_bin"), name="rates")


def write(array: xarray.DataArray, path: Path, **encoding):
    """Write an assembly as Brain-Score does: netCDF-4, text as strings of any length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array.to_netcdf(path, engine="h5netcdf", encoding={array.name: encoding})


MAJAJHONG_FILES = ("assy_dicarlo_MajajHong2015_public.nc", "hvm-public")
FREEMANZIEMBA_FILES = ("assy_movshon_FreemanZiemba2013_public.nc", "FreemanZiemba2013_aperture-public")
RAJALINGHAM_FILES = ("assy_dicarlo_Rajalingham2018_public.nc", "objectome_public")


def majajhong_world():
    """40 images of 4 objects, 3 V4 and 4 IT sites in mixed order; shown 3 times, or 5 times."""
    objects = np.array([f"object_{i % 4}" for i in range(40)])
    return World(("V4", "IT", "IT", "V4", "IT", "V4", "IT"), objects, np.where(np.arange(40) % 2, 5, 3))


def write_majajhong(folder: Path):
    """Write a small MajajHong2015.public and return what it holds."""
    world = majajhong_world()
    assembly, stimuli = MAJAJHONG_FILES
    write(neural(world), folder / assembly)
    write_stimuli(folder, stimuli, world, columns={"object_name": world.labels})
    return world


def write_freemanziemba(folder: Path):
    """Write a small FreemanZiemba2013.public: 1-ms bins, ids as ``image_id`` only."""
    world = World(("V1", "V2") * 2, np.array(["noise", "texture"] * 20), np.full(40, 4))
    assembly, stimuli = FREEMANZIEMBA_FILES
    array = neural(world, bins=[(t, t + 1) for t in range(50, 200)])
    outside = xarray.full_like(array.isel(time_bin=slice(0, 20)), 1e3)
    starts = np.r_[30:50]
    outside = outside.assign_coords(
        time_bin_start=("time_bin", starts), time_bin_end=("time_bin", starts + 1)
    )
    array = xarray.concat([outside, array], "time_bin").transpose("presentation", "neuroid", "time_bin")
    write(array, folder / assembly)
    write_stimuli(folder, stimuli, world, id_name="image_id", columns={"texture_type": world.labels})
    return world


OBJECTS = ("bear", "elephant", "face")


def write_rajalingham(folder: Path, n_trials=3000):
    """Write a small Rajalingham2018.public; return it and the (image, distractor, choice) of trials."""
    truth = np.arange(30) % 3
    world = World(("IT",), np.array(OBJECTS)[truth], np.full(30, 2))
    random = np.random.default_rng(5)
    image = random.integers(0, 30, n_trials)
    distractor = (truth[image] + random.integers(1, 3, n_trials)) % 3
    # how often an image is taken for the distractor depends on the image: people agree about it
    wrong = random.random(n_trials) < random.uniform(0.05, 0.6, (30, 3))[image, distractor]
    choice = np.where(wrong, distractor, truth[image])
    names = np.array(OBJECTS, object)
    coords = {
        "sample_obj": names[truth[image]],
        "dist_obj": names[distractor],
        "choice_": names[choice],
        "image_id": world.ids[image].astype(object),
        "WorkerID": np.array([f"W{w}" for w in random.integers(0, 7, n_trials)], object),
        "truth": names[truth[image]],
    }
    array = xarray.DataArray(
        names[choice], {k: ("presentation", v) for k, v in coords.items()}, ("presentation",), name="choice"
    )
    assembly, stimuli = RAJALINGHAM_FILES
    write(array, folder / assembly)
    write_stimuli(folder, stimuli, world, columns={"image_label": world.labels})
    return world, (image, distractor, choice)
