"""Why two runs differ: in what they were asked, in what they were made with, and in what came out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.spec import diff, flat
from wiringup.results.labels import NEUTRAL, condition
from wiringup.results.record import MEAN, Record, plain
from wiringup.results.store import RECORD, Store

SPEC, MADE, SPENT, NUMBERS = "specification", "made with", "spent", "numbers"
_RUN, _PARENT, _BORN = "run:", "genome.distilled_from", "born from the genome of"


def differences(store: Store, first: str, second: str) -> dict[str, Any]:
    """Return what two finished runs differ in.

    Args:
        store: where they are, unless they are named by their folders.
        first: address of a run, the beginning of one, or a folder.
        second: the same.

    Returns:
        ``runs``: both addresses; ``summary``: a sentence; ``differences``: group ("specification", "made
        with", which has devices and places too, "spent", "numbers") -> dotted name -> both values. Losses are
        the first epoch in which they differ.

    Raises:
        MissingDataError: if there is no such run.
        InputError: if a name fits several runs, or a record is damaged.
    """
    a, b = (_found(store, name) for name in (first, second))
    found = {name: _differing(part(a), part(b)) for name, part in _PARTS.items()}
    found[NUMBERS] = {}
    for epoch in sorted({point.epoch for one in (a, b) for point in one.points}):
        two = ({f"epoch {epoch:g}": _of_moment(one, epoch)} for one in (a, b))
        found[NUMBERS] |= _differing(*two)
    if a.losses != b.losses:
        found[NUMBERS] |= _first_loss(a, b)
    return {"runs": [a.uid, b.uid], "summary": _summary(a, b, found), "differences": found}


def _found(store: Store, name: str) -> Record:
    folder = Path(name)
    if (folder / RECORD).is_file():
        return Store(folder.resolve().parent).record(folder.resolve().name)
    known = sorted(path.parent.name for path in Path(store.root).glob(f"*/{RECORD}"))
    fits = [name] if name in known else [uid for uid in known if name and uid.startswith(name)]
    if len(fits) > 1:
        raise InputError(
            f"{name!r} begins the addresses of {len(fits)} runs: {', '.join(fits[:8])}. Write more of it."
        )
    if not fits:
        raise MissingDataError(
            f"There is no finished run {name!r} in {store.root}.{did_you_mean(name, known)} "
            "wiringup results lists them."
        )
    return store.record(fits[0])


def _asked(record: Record) -> dict[str, Any]:
    """Return what decides a run, by dotted names; a run that its genome is distilled from is an address."""
    said = {name: of for name, of in flat(record.spec).items() if not _is_neutral(name)}
    if not str(said.get("birth.genome", "")).startswith(_RUN):
        return said
    parent = str(said["birth.genome"]).removeprefix(_RUN)
    own = {name: of for name, of in said.items() if not name.startswith(_PARENT)}
    return own | {"birth.genome": "", _BORN: f"run {parent}"}


def _made(record: Record) -> Mapping[str, Any]:
    neutral = {
        name: of
        for name, of in flat(record.spec).items()
        if _is_neutral(name) and not name.startswith(_PARENT)
    }
    return {"genome": record.genome, **neutral, **record.provenance}


def _is_neutral(name: str) -> bool:
    return name.rpartition(".")[2] in NEUTRAL


def _spent(record: Record) -> Mapping[str, Any]:
    return {"synapses": record.synapses, "bits": record.bits, "ledger": record.ledger}


def _of_moment(record: Record, epoch: float) -> Mapping[str, Any]:
    """Return the numbers of a scored moment; none if there is no such moment."""
    found: dict[str, Any] = {}
    for point in record.points:
        if point.epoch == epoch:
            found |= {"brain match": point.match[MEAN], "top-1": point.top1}
            found |= {f"{s.benchmark} ({s.layer})": s.score for s in point.scores}
    return found


_PARTS = {SPEC: _asked, MADE: _made, SPENT: _spent}


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: list(both) for name, both in diff(plain(a), plain(b)).items()}


def _first_loss(a: Record, b: Record) -> dict[str, list[Any]]:
    for epoch, two in enumerate(zip(a.losses, b.losses, strict=False), 1):
        if two[0] != two[1]:
            return {f"loss of epoch {epoch}, the first that differs": list(two)}
    return {"epochs with a loss": [len(a.losses), len(b.losses)]}


def _summary(a: Record, b: Record, found: Mapping[str, Mapping[str, Any]]) -> str:
    """Say in one sentence what the two owe their difference to."""
    if a.uid == b.uid and not found[NUMBERS]:
        return f"{a.uid} twice: the same numbers."
    names = ", ".join(found[SPEC])
    if not found[SPEC]:
        because = "the same was asked of both"
    elif condition(a) == condition(b):
        because = f"they are seeds of one condition ({names})"
    else:
        because = f"they were asked for different things ({names})"
    if not found[NUMBERS]:
        return f"Their numbers are the same; {because}."
    versions = ", ".join(name for name in found[MADE] if name.startswith(("versions", "machine", "threads")))
    more = f"; also made with other {versions}" if versions else ""
    return f"Their numbers differ: {because}{more}."
