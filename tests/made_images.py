"""Image files made for tests."""

import io
import json
import tarfile
import zipfile

import numpy as np
from PIL import Image


def encoded(pixels, form="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


def flat(value, size=8):
    return np.full((size, size, 3), value, np.uint8)


def noise(n, height=8, width=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def write_folder(folder, contents):
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_zip(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def write_tar(path, contents, mode="w"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, content in contents.items():
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return path


def class_folders(pixels, classes="ab"):
    """{name: content}: the images dealt to class folders in turn."""
    return {f"{classes[i % len(classes)]}/{i:04d}.png": encoded(p) for i, p in enumerate(pixels)}
