"""A lab's own trials: a table in anyone's spelling becomes a benchmark, or is refused by line."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

from wiringup.benchmarks.catalog import benchmark_names, list_benchmarks, load_benchmark
from wiringup.benchmarks.metrics.i2n import SIGNATURES
from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.importing.behavior import import_trials
from wiringup.data.measurements import NO_ANSWER, Judgements, TwoChoice
from wiringup.data.sources import catalog, imported
from wiringup.models.readout import PixelSubject

CLASSES = ("cat", "cow", "dog")
N = 12
TRUTH = [CLASSES[i % 3] for i in range(N)]


def write(path, header, rows):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


@pytest.fixture
def lab(tmp_path):
    """Images 0.png ... 11.png, others in class folders to fit on, and tables of trials."""
    random = np.random.default_rng(0)
    for folder in ("images", *(f"fit/{c}" for c in CLASSES)):
        (tmp_path / folder).mkdir(parents=True)
        for i in range(N):
            Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8)).save(tmp_path / folder / f"{i}.png")
    rows = []
    for i in range(480):
        image, other = i % N, CLASSES[(i % N + 1 + (i // N) % 2) % 3]
        truth = TRUTH[image]
        rows.append([f"{image}.png", truth, other, other if random.random() < 0.3 else truth, f"W{i % 5}"])
    write(tmp_path / "two.csv", ["image_id", "sample_obj", "dist_obj", "choice", "WorkerID"], rows)
    answers = [[s, f"{i}.png", TRUTH[i], random.choice(CLASSES)] for s in "abc" for i in range(N)]
    write(tmp_path / "all.csv", ["subj", "imagename", "category", "object_response"], answers)
    return tmp_path


def bring(lab, table="two.csv", name="mine", fit="fit", **more):
    fit = lab / fit if fit == "fit" else fit
    return import_trials(name, lab / "images", [lab / table], fit=fit, home=lab / "home", **more)


def rewritten(lab, table, change):
    """Return the name of a copy of ``table`` whose rows (lists, header first) were changed in place."""
    with (lab / table).open(newline="") as stream:
        rows = list(csv.reader(stream))
    rows = change(rows) or rows
    write(lab / "changed.csv", rows[0], rows[1:])
    return "changed.csv"


def test_two_alternatives_round_trip_and_are_benchmarks(lab):
    outcome = bring(lab)
    assert outcome.warnings == ()
    found = catalog.load("mine", lab / "home")
    assert isinstance(found, TwoChoice) and found.sha256 == outcome.data.sha256
    assert found.test.classes == CLASSES and [CLASSES[i] for i in found.test.labels] == TRUTH
    assert found.test.stimuli.ids == tuple(f"{i}.png" for i in range(N))
    assert len(found.fit) == 3 * N and found.subject.max() == 4
    assert found.source == "Imported from two.csv and images."
    assert set(imported.describe(lab / "home", "mine")["provenance"]) == {
        "trials",
        "stimuli",
        "fit",
        "warnings",
    }
    names = benchmark_names(lab / "home")
    assert names[-6:] == ["mine", *(f"mine.{m}" for m in SIGNATURES)]
    assert [load_benchmark(n, lab / "home").metric for n in names[-6:]] == ["i2n", *SIGNATURES]
    assert list_benchmarks(lab / "home")[-1] == {
        "name": f"mine.{names[-1][5:]}", "area": "behavior", "here": "yes", "how": "",
    }  # fmt: skip


def test_choices_among_all_classes_are_judgements(lab):
    def change(rows):
        rows[1][3] = "na"
        rows.append(rows[5])

    outcome = bring(lab, rewritten(lab, "all.csv", change), fit=None)
    assert "1 trials have no answer; they count as errors." in outcome.warnings
    assert "1 trials repeat an image for the same subject; the first was kept." in outcome.warnings
    found = catalog.load("mine", lab / "home")
    assert isinstance(found, Judgements) and found.sha256 == outcome.data.sha256
    assert found.fit is None and len(found.image) == 36 and found.correct.shape == (3, N)
    assert found.choice[0] == NO_ANSWER and found.correct[0, 0] == 0
    assert benchmark_names(lab / "home")[-2:] == ["mine", "mine.error-consistency"]
    assert load_benchmark("mine.error-consistency", lab / "home").metric == "error-consistency"


def test_the_judged_images_can_be_those_to_fit_on(lab):
    bring(lab, fit="same")
    benchmark = load_benchmark("mine.i1", lab / "home")
    assert benchmark.data.fit is benchmark.data.test and len(benchmark.stimuli) == N
    assert "12 of the 12 test images among them" in benchmark.fitted_on
    responses = PixelSubject(6).responses(benchmark.stimuli, ["pixels"])["pixels"]
    assert np.isfinite(benchmark.score(responses, "pixels").raw)


def test_labels_come_from_a_table_of_images_too(lab):
    def drop(rows):
        return [row[:1] + row[2:] for row in rows]

    labels = write(lab / "labels.csv", ["filename", "label"], [[f"{i}.png", TRUTH[i]] for i in range(N)])
    table = rewritten(lab, "two.csv", drop)
    with pytest.raises(InputError, match=r"no column with the true class .* \(--labels\)"):
        bring(lab, table)
    expected = bring(lab, "two.csv", "again").data.sha256
    assert bring(lab, table, labels=labels).data.sha256 == expected
    twice = [[f"{i}.png", TRUTH[i]] for i in (*range(N), 3, 4)]
    write(labels, ["filename", "label"], twice)
    assert bring(lab, table, "twice", labels=labels).data.sha256 == expected
    write(labels, ["filename", "label"], [*twice, ["5.png", "cat"]])
    with pytest.raises(InputError, match=r"labels.csv calls '5.png' both 'dog' and 'cat'; keep one"):
        bring(lab, table, "refused", labels=labels)


def test_classes_are_compared_in_one_unicode_form(lab):
    def renamed(name):
        return lambda rows: [[name if cell == "cat" else cell for cell in row] for row in rows]

    (lab / "fit" / "cat").rename(lab / "fit" / "cha\u0302t")  # as macOS writes it
    found = bring(lab, rewritten(lab, "two.csv", renamed("ch\u00e2t"))).data
    assert found.test.classes[0] == "cha\u0302t" and found.test.labels.tolist() == [i % 3 for i in range(N)]


def test_images_without_trials_are_left_out_with_a_word(lab):
    outcome = bring(lab, rewritten(lab, "two.csv", lambda rows: [r for r in rows if r[0] != "3.png"]))
    assert outcome.warnings == ("1 images occur in no trial and were left out.",)
    assert "3.png" not in outcome.data.test.stimuli.ids and len(outcome.data.test) == N - 1


def test_few_trials_of_each_pair_are_told(lab):
    outcome = bring(lab, rewritten(lab, "two.csv", lambda rows: rows[:121]))
    assert "pairs have 5 trials or fewer" in outcome.warnings[0]


def cell(row, column, value):
    def change(rows):
        rows[row][column] = value

    return change


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("two.csv", cell(7, 0, "99.png"), "1 images that are not among the 12 stimuli, such as '99.png'"),
        ("two.csv", cell(7, 3, "emu"), r"changed.csv, line 8: 'emu' was chosen, with sample 'cat' and dis"),
        ("two.csv", cell(7, 2, "cat"), "line 8: the sample is its own distractor, with sample 'cat'"),
        ("two.csv", cell(20, 1, "dog"), "line 21: the true class of image '7.png' is 'dog', but elsewhere"),
        ("two.csv", lambda rows: rows[:90], "has 89 trials; halves of fewer than 100"),
        ("two.csv", cell(0, 3, "pressed"), "needs a column for the image and one for the choice .* answer"),
        ("all.csv", cell(0, 0, "who"), "neither a column of distractors .* nor one that says who judged"),
        ("all.csv", cell(4, 3, "dgo"), r"the choice 'dgo' is none of the 3 classes .* Did you mean 'dog'\?"),
        ("all.csv", lambda rows: rows[:10], "no subject judged more than 9 images"),
    ],
)
def test_refuses_by_line_and_stores_nothing(lab, table, change, message):
    with pytest.raises(InputError, match=message):
        bring(lab, rewritten(lab, table, change))
    assert not list((lab / "home").glob("imported/*"))


def with_column(name, value):
    """Return a change that adds a column, whose value in a row is made of subject, image, truth, choice."""

    def change(rows):
        return [[*rows[0], name], *([*row, value(*row)] for row in rows[1:])]

    return change


def another(name):
    return CLASSES[(CLASSES.index(name) + 1) % 3]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("stimulus", lambda s, image, t, c: f"x/{(int(image[:-4]) + 3) % N}.PNG", "the image of each row"),
        ("label", lambda s, i, truth, c: another(truth).upper(), "line 2, 'category' is .* and 'label' is"),
        ("response", lambda s, i, t, choice: another(choice), "the choice of each row, and they disagree"),
        ("worker", lambda s, i, t, choice: "cab"["abc".index(s)] if choice == "cat" else s, "the subject of"),
    ],
)
def test_two_columns_of_one_meaning_that_contradict_each_other_are_refused(lab, column, value, message):
    with pytest.raises(InputError, match=message):
        bring(lab, rewritten(lab, "all.csv", with_column(column, value)), fit=None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("stimulus", lambda s, image, t, c: f"x/{image}"),
        ("image_number", lambda s, image, t, c: N - int(image[:-4])),  # a rank, or a trial
        ("class", lambda s, i, truth, c: "pet" if truth == "cat" else "animal"),
        ("chosen", lambda s, i, t, choice: "left" if choice == "cat" else "right"),
        ("worker", lambda s, i, t, c: "bca"["abc".index(s)]),  # the same persons by other names
        ("correct", lambda s, i, truth, choice: "" if choice == "cow" else int(truth == choice)),
        ("accuracy", lambda *row: 0.75),
    ],
)
def test_other_columns_that_contradict_nothing_are_named_or_agree(lab, column, value):
    found = bring(lab, rewritten(lab, "all.csv", with_column(column, value)), fit=None)
    unused = f"Columns of the trials that were not used: '{column}'."
    assert found.warnings == (() if column == "correct" else (unused,))
    assert found.data.sha256 == bring(lab, "all.csv", "as-ever", fit=None).data.sha256


def test_a_column_of_correct_answers_that_contradicts_the_choices_is_told(lab):
    change = with_column("correct", lambda s, i, truth, choice: str(truth != choice))
    (told,) = bring(lab, rewritten(lab, "all.csv", change), fit=None).warnings
    assert told.startswith("In 36 of 36 trials the column of changed.csv that says whether the choice was")


def test_who_judged_is_never_empty_and_never_all_the_same_beside_another_column(lab):
    with pytest.raises(InputError, match=r"changed.csv, line 3: 'subj', which says who judged, is empty"):
        bring(lab, rewritten(lab, "all.csv", cell(2, 0, "")), fit=None)

    def change(rows):
        return [[*rows[0], "worker"], *(["study 1", *row[1:], row[0]] for row in rows[1:])]

    found = bring(lab, rewritten(lab, "all.csv", change), fit=None)
    told = "'subj' is 'study 1' in all rows; 'worker' was taken for who judged."
    assert told in found.warnings and not any("repeat an image" in text for text in found.warnings)
    assert found.data.sha256 == bring(lab, "all.csv", "as-ever", fit=None).data.sha256


def answering(*names):
    """Return a change of all answers of all.csv: images of a cat are called the first name, and so on."""

    def change(rows):
        for row in rows[1:]:
            row[3] = names[CLASSES.index(row[2])]

    return change


def test_answers_that_differ_in_case_or_blanks_alone_are_the_true_classes(lab):
    right = bring(lab, rewritten(lab, "all.csv", answering(*CLASSES)), fit=None)
    assert right.warnings == () and right.data.correct.all()
    outcome = bring(lab, rewritten(lab, "all.csv", answering(" Cat ", "cow", "DOG")), "folded", fit=None)
    assert outcome.data.sha256 == right.data.sha256
    (told,) = outcome.warnings
    assert told == (
        "Answers were taken for the true classes that are spelled like them, but for case, blanks, hyphens "
        "or underscores: 'Cat' for 'cat', 'DOG' for 'dog'."
    )


def test_two_true_classes_of_one_spelling_are_not_chosen_between(lab):
    def change(rows):
        answering("CAT", "cow", "dog")(rows)
        for row in rows[1:]:
            row[2] = "Cat" if row[1] == "0.png" else row[2]

    outcome = bring(lab, rewritten(lab, "all.csv", change), fit=None)
    assert outcome.data.test.classes == ("CAT", "Cat", "cat", "cow", "dog")
    assert any("Answers that are never a true class: CAT (12)." in text for text in outcome.warnings)


def test_distractors_are_spelled_as_the_true_classes_too(lab):
    def change(rows):
        for row in rows[1:]:
            row[2], row[3] = row[2].upper(), row[3].title()

    outcome = bring(lab, rewritten(lab, "two.csv", change))
    assert outcome.data.sha256 == bring(lab, "two.csv", "again").data.sha256
    assert "'CAT' for 'cat'" in outcome.warnings[0] and "'Dog' for 'dog'" in outcome.warnings[0]


def test_answers_that_are_never_a_true_class_are_told(lab):
    outcome = bring(lab, rewritten(lab, "all.csv", answering("cat", "emu", "Dog")), fit=None)
    assert outcome.data.test.classes == ("cat", "cow", "dog", "emu")
    assert "'Dog' for 'dog'" in outcome.warnings[0]
    assert (
        "Answers that are never a true class: emu (12). They count as classes that no image has: each is an "
        "error, and a model that answers by its own logits needs an output for it. If they are misspelled, "
        "correct them and import again."
    ) in outcome.warnings


def test_a_class_to_fit_on_that_nobody_answered_is_no_answer(lab):
    shutil.copytree(lab / "fit" / "cat", lab / "fit" / "emu")
    outcome = bring(lab, "all.csv")
    assert outcome.warnings == () and outcome.data.test.classes == (*CLASSES, "emu")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("zebra", r"no answer is ever .* Answers: zebra\. True classes: cat, cow, dog\. Both need the same"),
        ("na", "holds no answer at all"),
    ],
)
def test_answers_of_which_none_is_ever_a_true_class_are_refused(lab, answer, message):
    with pytest.raises(InputError, match=rf"changed\.csv:? {message}"):
        bring(lab, rewritten(lab, "all.csv", answering(*[answer] * 3)), fit=None)
    assert not list((lab / "home").glob("imported/*"))


def test_refuses_what_does_not_fit_together(lab):
    with pytest.raises(InputError, match=r"needs images to fit the model's decoder on.*--fit same"):
        bring(lab, fit=None)
    with pytest.raises(MissingDataError, match="no folder or file"):
        bring(lab, fit=lab / "nowhere")
    with pytest.raises(InputError, match="'cifar10h' cannot name data of your own"):
        bring(lab, name="cifar10h")
    keep = rewritten(lab, "two.csv", lambda rows: [r for r in rows if r[1] != "dog"])
    with pytest.raises(InputError, match="no image to fit the decoder on for dog"):
        bring(lab, keep, fit="same")
    bring(lab)
    with pytest.raises(InputError, match="Other data are already imported as 'mine'"):
        bring(lab, "all.csv")


def test_damage_is_noticed(lab):
    folder = bring(lab).folder
    with np.load(folder / "arrays.npz") as content:
        arrays = dict(content)
    arrays["choice"][:2] = arrays["sample"][:2]
    arrays["choice"][2] = arrays["distractor"][2]
    np.savez(folder / "arrays.npz", **arrays)
    with pytest.raises(InputError, match="is damaged"):
        catalog.load("mine", lab / "home")


def test_what_was_done_to_the_pictures_is_said(lab):
    first = next((lab / "images").iterdir())
    with Image.open(first) as image:
        image.putalpha(0)
        image.save(first)
    outcome = bring(lab)
    assert outcome.warnings[0].endswith("images is transparent in part; what is behind is grey (128).")
