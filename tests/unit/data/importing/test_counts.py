"""How often people chose each class for each image: read from any usual file, scored as by hand."""

from statistics import NormalDist

import numpy as np
import pytest
import torch
from PIL import Image

from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.catalog import benchmark_names, load_benchmark
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.i2n import SIGNATURES
from wiringup.cli.main import main
from wiringup.core.errors import InputError
from wiringup.data.importing.behavior import import_trials
from wiringup.data.measurements import Choices
from wiringup.data.sources import catalog
from wiringup.models.readout import PixelSubject

CLASSES = ("cat", "cow", "dog")
N = 24
TRUTH = np.arange(N) % 3
NAMES = [f"im{i}.png" for i in range(N)]
RANDOM = np.random.default_rng(0)
CHANCES = [0.6 * np.eye(3)[t] + 0.4 * RANDOM.dirichlet([1, 1, 1]) for t in TRUTH]
COUNTS = np.array([RANDOM.multinomial(40, p) for p in CHANCES])
SHUFFLED = RANDOM.permutation(N)


@pytest.fixture
def lab(tmp_path):
    """Images im0.png ... im23.png, others in class folders to fit on, and a table of the true classes."""
    for folder in ("images", *(f"fit/{c}" for c in CLASSES)):
        (tmp_path / folder).mkdir(parents=True)
    for name in NAMES:
        Image.fromarray(RANDOM.integers(0, 256, (6, 6, 3), np.uint8)).save(tmp_path / "images" / name)
    for c in CLASSES:
        for i in range(4):
            Image.fromarray(RANDOM.integers(0, 256, (6, 6, 3), np.uint8)).save(tmp_path / f"fit/{c}/{i}.png")
    lines = [f"{NAMES[i]},{CLASSES[TRUTH[i]]}" for i in SHUFFLED]
    (tmp_path / "labels.csv").write_text("\n".join(["image,class", *lines]))
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES))
    return tmp_path


def table(lab, order=(2, 0, 1), head="Image File;category", sep=";", counts=COUNTS, more=lambda i: ""):
    """Write counts whose rows and columns stand in another order than those of the files and classes."""
    lines = [sep.join([head, *(CLASSES[c] for c in order)])]
    for i in SHUFFLED:
        row = [NAMES[i], CLASSES[TRUTH[i]]][: len(head.split(sep))]
        lines.append(sep.join([*row, *(str(counts[i, c]) for c in order)]) + more(i))
    (lab / "counts.csv").write_text("\n".join(lines))
    return lab / "counts.csv"


def bring(lab, counts, name="mine", **more):
    return import_trials(name, lab / "images", counts=counts, home=lab / "home", **more)


def check(data, classes=CLASSES):
    assert data.test.stimuli.ids == tuple(NAMES) and data.test.classes == classes
    order = [CLASSES.index(c) for c in classes]
    assert np.array_equal(data.counts, COUNTS[:, order])
    assert [classes[t] for t in data.test.labels] == [CLASSES[t] for t in TRUTH]


def test_rows_and_columns_are_found_by_name(lab):
    outcome = bring(lab, table(lab), fit=lab / "fit")
    assert outcome.warnings == ()
    check(outcome.data)
    found = catalog.load("mine", lab / "home")
    assert isinstance(found, Choices) and found.sha256 == outcome.data.sha256 and len(found.fit) == 12
    names = benchmark_names(lab / "home")
    assert names[-6:] == ["mine", *(f"mine.{m}" for m in SIGNATURES)]
    assert [load_benchmark(n, lab / "home").metric for n in names[-6:]] == ["i2n", *SIGNATURES]
    (score,) = evaluate(PixelSubject(6), [load_benchmark("mine.i1", lab / "home")])
    assert score.note.startswith("decoder fitted on 12 images, ")


def test_other_files_hold_the_same_counts(lab):
    plain = table(lab, head=",category", sep=",")  # as pandas writes an index
    check(bring(lab, plain, "pandas").data, ("dog", "cat", "cow"))
    unlabelled = table(lab, head="filename")
    check(bring(lab, unlabelled, "labels", labels=lab / "labels.csv").data, ("dog", "cat", "cow"))
    np.save(lab / "c.npy", COUNTS[SHUFFLED].astype(float))
    outcome = bring(lab, lab / "c.npy", "npy", labels=lab / "labels.csv", classes=lab / "classes.txt")
    check(outcome.data)
    told = "The rows of c.npy were taken to be the images of labels.csv, row by row."
    assert outcome.warnings == (told,)
    names, truth = np.array(NAMES)[SHUFFLED], np.array(CLASSES)[TRUTH[SHUFFLED]]
    for name, labels in (("npz", truth), ("numbered", TRUTH[SHUFFLED])):
        held = {"counts": COUNTS[SHUFFLED], "images": names, "classes": np.array(CLASSES), "labels": labels}
        np.savez(lab / "c.npz", **held)
        check(bring(lab, lab / "c.npz", name).data)


def by_hand(p, counts, truth):
    """Return r of the i1 signatures of a model and of halves of the choices, in plain loops."""

    def z(p):
        return NormalDist().inv_cdf(p) if 0 < p < 1 else np.inf * (p - 0.5)

    def i1(p):
        wrong = [[p[i][c] for c in range(3) if c != truth[i]] for i in range(len(p))]
        alarm = [np.mean([p[j][t] for j in range(len(p)) if truth[j] != t]) for t in range(3)]
        return [np.clip(z(1 - np.mean(w)) - z(alarm[truth[i]]), -5, 5) for i, w in enumerate(wrong)]

    random, found = np.random.default_rng(0), []
    for _ in range(2):
        half, left, wanted = np.zeros_like(counts), counts.sum(1), counts.sum(1) // 2
        for c in range(3):
            left = left - counts[:, c]
            half[:, c] = random.hypergeometric(counts[:, c], left, wanted)
            wanted = wanted - half[:, c]
        found.append(np.corrcoef(i1(p), i1(half / half.sum(1, keepdims=True)))[0, 1])
    return np.mean(found)


def test_a_score_is_what_a_few_lines_make_of_the_file(lab):
    bring(lab, table(lab, order=(0, 1, 2)))
    benchmark = load_benchmark("mine.i1", lab / "home")
    logits = RANDOM.normal(size=(N, 3)) + 2 * np.eye(3)[TRUTH]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = by_hand(p, COUNTS, TRUTH)
    turned = Features(torch.from_numpy(logits[:, [1, 2, 0]]), ("cow", "dog", "cat"))
    found = benchmark.score(turned, "logits")
    assert found.raw == pytest.approx(expected, abs=1e-12) and abs(expected) > 0.05
    assert found.note.startswith("logits, classes matched by name, ")
    assumed = benchmark.score(torch.from_numpy(logits), "logits")
    assert assumed.raw == found.raw and "THE ORDER OF CLASSES IS ASSUMED" in assumed.note
    with pytest.raises(InputError, match="only in the model: emu"):
        benchmark.score(Features(torch.from_numpy(logits), ("cow", "dog", "emu")), "logits")


def test_what_was_left_out_is_told(lab):
    few = COUNTS.copy()
    few[3] = 0
    few[0] = [1, 0, 0]
    outcome = bring(lab, table(lab, counts=np.minimum(few, 2)))
    assert len(outcome.data.test) == N - 1 and NAMES[3] not in outcome.data.test.stimuli.ids
    assert "1 images were never judged (all counts 0) and were left out." in outcome.warnings
    assert any("choices or fewer: i2 and i2n will have a low ceiling" in w for w in outcome.warnings)
    assert "1 images occur in no row of counts and were left out." in outcome.warnings
    path = table(lab, head="image;category", more=lambda i: ";7")
    path.write_text(path.read_text().replace("cat;cow\n", "cat;cow;emu\n", 1))
    outcome = bring(lab, path, "emu")
    assert any(
        w.startswith(f"Answers that are never a true class: emu ({7 * N}). ") for w in outcome.warnings
    )
    outcome = bring(lab, path, "named", classes=lab / "classes.txt")
    assert "counts.csv holds more, which was not used: emu." in outcome.warnings
    check(outcome.data)


def test_how_much_is_correct_is_told(lab, monkeypatch, capsys):
    monkeypatch.setenv("WIRINGUP_DATA", str(lab / "home"))
    main(
        ["import", "trials", "--name", "mine", "--counts", str(table(lab)), "--stimuli", str(lab / "images")]
    )
    right = sum(COUNTS[i, TRUTH[i]] for i in range(N)) / COUNTS.sum()
    assert f"{N} images, 3 classes.\nCorrect: {right:.1%} of the choices.\n" in capsys.readouterr().err


def test_a_class_that_nobody_chose_and_no_image_has_is_told(lab):
    path = table(lab, more=lambda i: ";0")
    path.write_text(path.read_text().replace("cat;cow\n", "cat;cow;emu\n", 1))
    (told,) = bring(lab, path).warnings
    assert told.startswith(
        "Answers that are never a true class: emu (0). They count as classes that no image"
    )


def test_counts_of_which_none_is_of_a_true_class_are_refused(lab):
    path = table(lab, counts=np.zeros_like(COUNTS), more=lambda i: ";7;33")
    path.write_text(path.read_text().replace("cat;cow\n", "cat;cow;emu;gnu\n", 1))
    with pytest.raises(InputError, match=r"no answer .* Answers: emu, gnu\. True classes: dog, cat, cow\. "):
        bring(lab, path)
    assert not list((lab / "home").glob("imported/*"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.replace("category", "n2"),
            r"column 'n2' is taken for a class, but holds '\w+' in row 1",
        ),
        (
            lambda t: t.replace("png;dog;", "png;dgo;"),
            r"the true class 'dgo' is none of the 3 classes .*'dog'\?",
        ),
        (lambda t: t.replace("im5.png", "im55.png"), "1 images that are not among the 24 stimuli"),
        (lambda t: t.replace("im5.png", "im6.png"), "counts 'im6.png' in more than one row"),
        (lambda t: t.replace("Image File", "n"), "needs a column that names the image of each row"),
    ],
)
def test_tables_that_do_not_fit_are_refused_and_nothing_is_stored(lab, change, message):
    path = table(lab)
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=message):
        bring(lab, path)
    assert not list((lab / "home").glob("imported/*"))


def test_what_is_no_count_is_refused(lab):
    with pytest.raises(
        InputError, match="look like proportions: a noise ceiling needs the counts themselves"
    ):
        bring(lab, table(lab, counts=COUNTS / 40))
    with pytest.raises(
        InputError, match=r"holds -1 in row \d+, column \d+ of the counts\. Counts are whole numbers"
    ):
        bring(lab, table(lab, counts=np.where(np.arange(N)[:, None] == 3, -1, COUNTS)))
    path = table(lab, more=lambda i: f";{COUNTS[i].sum()}")
    path.write_text(path.read_text().replace("cat;cow\n", "cat;cow;total\n", 1))
    with pytest.raises(InputError, match="'total' is the sum of all others"):
        bring(lab, path)


def test_whole_percentages_are_pointed_out(lab):
    percent = np.floor(100 * COUNTS / COUNTS.sum(1, keepdims=True) + 0.5).astype(int)
    percent[2] = 0
    assert any(
        "close to 100 choices of every image. If" in w
        for w in bring(lab, table(lab, counts=percent)).warnings
    )
    percent[3] *= 2
    assert not any("100" in w for w in bring(lab, table(lab, counts=percent), "counts").warnings)


def test_arrays_that_do_not_say_enough_are_refused(lab):
    np.save(lab / "c.npy", COUNTS)
    with pytest.raises(InputError, match="which class each column counts: give --classes FILE"):
        bring(lab, lab / "c.npy", labels=lab / "labels.csv")
    with pytest.raises(InputError, match="does not say which image each row is about"):
        bring(lab, lab / "c.npy", classes=lab / "classes.txt")
    np.save(lab / "t.npy", COUNTS.T)
    with pytest.raises(InputError, match="looks like classes x images"):
        bring(lab, lab / "t.npy", classes=lab / "classes.txt", labels=lab / "labels.csv")
    np.save(lab / "s.npy", COUNTS[:5])
    with pytest.raises(InputError, match=r"labels\.csv has 24 entries, but the counts .* has 5"):
        bring(lab, lab / "s.npy", classes=lab / "classes.txt", labels=lab / "labels.csv")
    with pytest.raises(
        InputError, match=r"images to fit on do not have the same classes .* only in the counts: "
    ):
        bring(lab, table(lab), fit=fewer(lab))


def fewer(lab):
    (lab / "fit" / "dog").rename(lab / "fit" / "emu")
    return lab / "fit"
