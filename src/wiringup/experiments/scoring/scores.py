"""Score one model, born or trained, on any benchmarks: what ``wiringup score`` does."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wiringup import __version__
from wiringup.benchmarks.benchmark import Benchmark, by_stimuli, evaluate
from wiringup.benchmarks.decoding import MATCHED
from wiringup.benchmarks.layer_map import refuse_seen, unseen
from wiringup.birth.apply import OWN
from wiringup.core.progress import Clock
from wiringup.core.score import Score
from wiringup.core.spec import uid
from wiringup.experiments.scoring.candidates import Candidate, makers
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.models.cache import default_cache
from wiringup.models.device import check_device
from wiringup.models.readout import NetworkSubject
from wiringup.models.storage import Storage
from wiringup.results.record import score_to_dict

log = logging.getLogger(__name__)


def score(spec: ScoreSpec, benchmarks: Sequence[Benchmark], home: Path) -> list[dict[str, Any]]:
    """Return one row for every set of images, seed, benchmark and layer, in this order.

    Raises:
        InputError: if the model has no such layer, or the weights do not fit.
        MissingDataError: if weights or a genome are missing.
    """
    kept = reportable(spec, benchmarks)
    found = [[row(candidate, s) for s in scores] for candidate, scores in scored(spec, kept, home)]
    shown = {b.name: i for i, group in enumerate(by_stimuli(kept)) for b in group}
    return [one for rows in sorted(found, key=lambda rows: shown[rows[0]["benchmark"]]) for one in rows]


def scored(
    spec: ScoreSpec, benchmarks: Sequence[Benchmark], home: Path
) -> Iterator[tuple[Candidate, list[Score]]]:
    """Yield every candidate with its scores on the benchmarks that show the same images, seed after seed."""
    storage = Storage(spec.memory, cache=default_cache() if spec.cache else None)
    noted: set[str] = set()
    for make in makers(spec, home, storage):
        for group in by_stimuli(benchmarks):
            candidate = make(group[0].stimuli)
            for note in (n for n in candidate.facts.get("weights_notes", ()) if n not in noted):
                log.warning("%s", note)
                noted.add(note)
            yield candidate, _scores(spec, candidate, group)


def _scores(spec: ScoreSpec, candidate: Candidate, group: Sequence[Benchmark]) -> list[Score]:
    names = ", ".join(b.name for b in group)
    log.info("Scoring %s on %s (%s images) ...", _title(candidate.facts), names, f"{len(group[0].stimuli):,}")
    clock, where = Clock(), check_device(spec.device)
    scores = evaluate(candidate.subject, group, spec.layers or None, spec.normalisation, clock, where)
    log.info("  %s", clock.told())
    if candidate.note:
        log.warning("%s: %s.", names, candidate.note)
    return [_noted(s, candidate.note, _unused_names(s, spec)) for s in scores]


def _noted(score: Score, *notes: str) -> Score:
    return replace(score, note="; ".join(filter(None, (score.note, *notes))))


def _unused_names(score: Score, spec: ScoreSpec) -> str:
    """Say so if names of classes were given and a score does not depend on them."""
    used = spec.class_names is None or MATCHED in score.note
    return "" if used else "the names of --classes were not used: no logits were matched with classes"


def reportable(spec: ScoreSpec, benchmarks: Sequence[Benchmark]) -> list[Benchmark]:
    """Return the benchmarks as they may be reported: without the images that layers were chosen on.

    Raises:
        InputError: if there are such images and the spec does not say to leave them out.
    """
    if spec.layer_map is None:
        return list(benchmarks)
    if spec.unseen:
        return [unseen(b, spec.layer_map) for b in benchmarks]
    for benchmark in benchmarks:
        refuse_seen(benchmark, spec.layer_map)
    return list(benchmarks)


def row(candidate: Candidate, score: Score) -> dict[str, Any]:
    """Return a score with everything that says which model it belongs to, as plain JSON types.

    "module" is the module and time step behind the name of the layer, where the model is a network.
    """
    subject = candidate.subject
    module = {"module": subject.read_out(score.layer)} if isinstance(subject, NetworkSubject) else {}
    return {
        **candidate.facts,
        **score_to_dict(score),
        **module,
        "identity": candidate.identity[:16],
        "version": __version__,
    }


def address(spec: ScoreSpec, benchmarks: Sequence[Benchmark], rows: list[dict[str, Any]]) -> str:
    """Return the address under which rows are kept: what was asked, which weights, which data."""
    identities = tuple(row["identity"] for row in rows)
    content = {"request": spec, "benchmarks": [b.sha256 for b in benchmarks], "identities": identities}
    return uid("scores", content)


def _title(facts: dict[str, Any]) -> str:
    how = facts.get("weights") or facts["birth"]
    seed = None if facts["seed"] is None else f"seed {facts['seed']}"
    details = ", ".join(filter(None, (f"{OWN} weights" if how == OWN else how, seed)))
    size = "" if facts["size"] is None else f" at {facts['size']} px"
    return f"{facts['model']}{f' ({details})' if details else ''}{size}"
