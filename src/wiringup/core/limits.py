"""How much a file from outside may ask for, checked before anything is decoded or allocated.

A file of a few bytes can announce any size. The bounds are wide enough for what laboratories have; what is
larger is refused in words. What is within them is compared with the free memory (`core.memory`) where many
images or numbers are to be held at a time.
"""

import os

from wiringup.core.errors import InputError

PIXELS = 128_000_000
"""Of one picture: large cameras have 102 megapixels. One takes about 1.5 GB while it is decoded."""

ASPECT = 100
"""The long side of a picture over its short side: panoramas reach 20; a square cut keeps the short side."""

PICTURE_BYTES = 4 * PIXELS
"""Of one picture's file: that many pixels, uncompressed, with transparency."""

PICTURES_BYTES = 256_000_000
"""Of picture files that are read ahead of those that are decoded, together."""

JSON_BYTES = 64_000_000
"""Of one JSON document: the largest that we write have some MB. Read, it takes 25 times as much."""

DESCRIPTION_BYTES = 8_000_000_000
"""Of the JSON document that describes packed images: a hundred million of them."""

JSON_DEPTH = 100
"""Levels of one JSON document: those that this package writes have ten, and Python recurses to a thousand."""

TABLE_BYTES = 512_000_000
"""Of one table as text: ten million trials."""

LABEL_BYTES = 1_000_000
"""Of one label file in a shard: the JSON that describes an image."""

LABEL_LENGTH = 1000
"""Characters in the name of a class."""

SHARDS = 100_000
"""That one range in braces may name: a thousand times those of ImageNet."""

RENDERED = 10_000_000
"""Objects in one set of rendered images."""

SAME_FOLDER = 100
"""How often links may lead to one folder below another: links to links would otherwise be walked for ever."""


def most_pixels() -> int:
    """Return the most pixels that a picture may have: ``$WIRINGUP_MEGAPIXELS`` million, or `PIXELS`.

    Raises:
        InputError: if the variable is no number above 0.
    """
    asked = os.environ.get("WIRINGUP_MEGAPIXELS") or PIXELS / 1e6
    try:
        megapixels = float(asked)
    except ValueError:
        megapixels = 0.0
    if not 0 < megapixels < float("inf"):
        raise InputError(f"WIRINGUP_MEGAPIXELS is {asked!r}; it has to be a number of megapixels, as in 128.")
    return int(megapixels * 1e6)
