"""Names of images that carry a prefix: of the trial, of the subject, of the session.

As Geirhos et al. publish them: ``0001_cop_s01_c30_knife_10_n03041632_7380.png`` in the trials of a subject,
and ``0001_cop_dnn_c30_knife_10_n03041632_7380.png`` among the files.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from wiringup.core.cautions import caution
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.data.images.names import matched, places_of, without_suffix

_SEPARATOR = re.compile(r"[_\- ]+")


def places_beyond_prefixes(wanted: Sequence[str], stimuli: Stimuli, path: Path) -> list[int]:
    """Return where each of ``wanted`` is among ``stimuli``: by its name, or by the end of its name.

    The ends are what is left of all files' names without their first parts, as few of them as will do; parts
    are divided by underscore, hyphen or blank. A name means the image with the longest such end; a caution
    says so.

    Raises:
        InputError: if a name means no image, or the ends of the names do not decide.
    """
    if None not in matched(wanted, stimuli.ids):
        return places_of(wanted, stimuli, path)
    ours, theirs = [_base(name) for name in wanted], [_base(name) for name in stimuli.ids]
    whole: dict[int, str] = {}  # names that end in all of a file's name
    longer: set[int] = set()  # names that agree with a file in more than the others do
    for parts, ends in enumerate(_ends(theirs)):
        place = {end: i for i, end in enumerate(ends)}
        chosen = [next((end for end in _endings(name) if end in place), None) for name in ours]
        found = {k: end for k, end in enumerate(chosen) if end is not None and k not in whole}
        if parts == 0:
            whole, places = found, {k: place[end] for k, end in found.items()}
        elif len(found) + len(whole) < len(ours):
            longer |= found.keys()
        if len(found.keys() | whole.keys()) < len(ours):
            continue
        if twice := next((end for end, n in Counter(ends).items() if n > 1 and end in found.values()), None):
            raise _ambiguous(twice, ends, stimuli, path)
        if longer:
            raise _uneven(wanted[min(found.keys() - longer)], wanted[min(longer)], stimuli, path)
        places |= {k: place[end] for k, end in found.items()}
        in_order = [places[k] for k in range(len(ours))]
        _warn(wanted, in_order, (found or whole), stimuli, path)
        return in_order
    return places_of(wanted, stimuli, path)  # says which name means no image


def _base(name: str) -> str:
    return without_suffix(unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2])


def _endings(name: str) -> list[str]:
    """Return a name and all that follows a separator in it, the longest first."""
    return [name, *(name[m.end() :] for m in _SEPARATOR.finditer(name) if m.end() < len(name))]


def _ends(names: Sequence[str]) -> list[list[str]]:
    """Return all names without their first 0, 1, 2 ... parts, as long as each has one left."""
    endings = [_endings(name) for name in names]
    return [list(ends) for ends in zip(*endings, strict=False)]


def _warn(
    wanted: Sequence[str], places: Sequence[int], ends: Mapping[int, str], stimuli: Stimuli, path: Path
) -> None:
    first = min(ends)
    caution(
        f"{path.name} calls the images otherwise than their files; {len(ends)} names were matched by their "
        f"ends, so that {wanted[first]!r} is {stimuli.ids[places[first]]!r} (both end in {ends[first]!r}). "
        "If that is wrong, rename them."
    )


def _ambiguous(twice: str, ends: Sequence[str], stimuli: Stimuli, path: Path) -> InputError:
    alike = [name for name, end in zip(stimuli.ids, ends, strict=True) if end == twice]
    return InputError(
        f"{path} calls the images otherwise than their files, and the ends of their names do not decide: "
        f"{alike[0]!r} and {alike[1]!r} both end in {twice!r}. Rename the files as the table calls them."
    )


def _uneven(shorter: str, longer: str, stimuli: Stimuli, path: Path) -> InputError:
    return InputError(
        f"{path} calls the images otherwise than their files (such as {stimuli.ids[0]!r}), and the ends of "
        f"their names do not decide: {longer!r} agrees with a file in more parts than {shorter!r} with any. "
        "Are all images there? If so, rename the files as the table calls them."
    )
