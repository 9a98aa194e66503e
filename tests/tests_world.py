"""A toy recording in the data folder, imported as a user would."""

from pathlib import Path

import numpy as np

from wiringup.data.importing.recordings import import_recordings


def toy_files(folder: Path, images: int = 40, units: int = 4) -> tuple[Path, Path]:
    """Write responses (units x images x repeats) and images; return both paths."""
    rng = np.random.default_rng(5)
    small = rng.integers(0, 256, (images, 8, 8, 3))
    pixels = np.kron(small, np.ones((1, 4, 4, 1))).astype(np.uint8)
    signal = small.reshape(images, -1)[:, :units] / 60
    trials = signal.T[..., None] + rng.normal(size=(units, images, 4))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "responses.npy", trials.astype(np.float32))
    np.savez(folder / "images.npz", images=pixels)
    return folder / "responses.npy", folder / "images.npz"


def write_toy_benchmark(home: Path, images: int = 40) -> None:
    """Import a recording of ``images`` images called "toy" into ``home``."""
    responses, shown = toy_files(home / "raw", images)
    import_recordings("toy", "V4", responses, shown, home=home)
