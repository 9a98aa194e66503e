"""Trials as Geirhos et al. publish them: a table for each subject, names of images with prefixes."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from wiringup.cli.main import main
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.stimuli import Stimuli
from wiringup.data.behavior.prefixes import places_beyond_prefixes
from wiringup.data.importing.behavior import import_trials
from wiringup.data.sources.imported import describe

CLASSES = ("bear", "cat", "dog")
HEAD = ["subj", "Session", "trial", "rt", "object_response", "category", "condition", "imagename"]
ENDS = [f"c{(5, 30)[i % 2]:02d}_{CLASSES[i % 3]}_10_n0{i}_{100 + i}" for i in range(12)]


@pytest.fixture
def lab(tmp_path):
    """Files that are named for the session of the models; two subjects saw them in orders of their own."""
    random = np.random.default_rng(0)
    (tmp_path / "dnn").mkdir()
    (tmp_path / "raw").mkdir()
    for i, end in enumerate(ENDS):
        image = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
        image.save(tmp_path / "dnn" / f"{i + 1:04d}_cop_dnn_{end}.png")
    for subject in ("01", "02"):
        rows = [HEAD]
        for trial, i in enumerate(random.permutation(12)):
            name = f"{trial + 1:04d}_cop_s{subject}_{ENDS[i]}.png"
            answer = CLASSES[i % 3] if i % 4 else CLASSES[(i + int(subject)) % 3]
            condition = ENDS[i].split("_")[0]
            rows.append([f"subject-{subject}", 1, trial + 1, 0.7, answer, CLASSES[i % 3], condition, name])
        with (tmp_path / "raw" / f"contrast_subject-{subject}_session_1.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
    return tmp_path


def bring(lab, trials, name="contrast"):
    several = trials if isinstance(trials, list) else [trials]
    return import_trials(name, lab / "dnn", several, home=lab / "home")


def files(lab):
    return sorted((lab / "raw").glob("*.csv"))


def test_a_folder_of_subjects_is_one_benchmark_and_prefixes_are_told(lab):
    outcome = bring(lab, lab / "raw")
    found = outcome.data
    assert len(found.image) == 24 and found.subject.max() == 1 and len(found.test) == 12
    for i, name in enumerate(found.test.stimuli.ids):
        k = ENDS.index(name.split("_dnn_")[1].removesuffix(".png"))
        assert found.test.classes[found.test.labels[i]] == CLASSES[k % 3]
        assert found.correct[:, i].all() == bool(k % 4)
    assert outcome.warnings[0] == "2 tables of 2 subjects: subject-01, subject-02."
    unused = "'Session', 'trial', 'rt', 'condition'"
    assert outcome.warnings[1] == f"Columns of the trials that were not used: {unused}."
    first = next(csv.DictReader(files(lab)[0].read_text().splitlines()))["imagename"]
    assert f"24 names were matched by their ends, so that {first!r} is '" in outcome.warnings[2]
    kept = describe(lab / "home", "contrast")["provenance"]
    assert kept["trials"]["file"] == files(lab)[0].name and len(kept["trials 1"]["sha256"]) == 64
    assert bring(lab, files(lab), "again").data.sha256 == found.sha256


def test_the_command_takes_several_files(lab, monkeypatch, capsys):
    monkeypatch.setenv("WIRINGUP_DATA", str(lab / "home"))
    main(
        ["import", "trials", "--name", "c", "--trials", *map(str, files(lab)), "--stimuli", str(lab / "dnn")]
    )
    told = capsys.readouterr().err
    assert "Note: 2 tables of 2 subjects" in told and "Imported c: 24 choices among all classes" in told
    assert "12 images, 3 classes.\n" in told
    for more in ([], ["--trials", str(files(lab)[0]), "--counts", str(files(lab)[0])]):
        with pytest.raises(SystemExit):
            main(["import", "trials", "--name", "d", "--stimuli", str(lab / "dnn"), *more])
        assert "Give --trials or --counts: one of them." in capsys.readouterr().err


def test_the_command_tells_how_much_is_correct(lab, monkeypatch, capsys):
    monkeypatch.setenv("WIRINGUP_DATA", str(lab / "home"))
    second = files(lab)[1]
    head, *rows = csv.reader(second.read_text().splitlines())
    for k, row in enumerate(rows):
        row[4] = CLASSES[(CLASSES.index(row[5]) + (k % 2)) % 3]  # half of them
    rows[0][4] = "na"
    second.write_text("\n".join(",".join(row) for row in [head, *rows]))
    form = ["import", "trials", "--trials", str(lab / "raw"), "--stimuli", str(lab / "dnn")]
    main([*form, "--name", "c"])
    assert "Correct: 58.3% of the choices (41.7% to 75.0% over 2 subjects).\n" in capsys.readouterr().err
    main([*form, "--name", "c", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["correct"] == 14 / 24 and told["correct_of_subjects"] == [9 / 12, 5 / 12]
    main([*form[:3], str(files(lab)[0]), *form[4:], "--name", "one"])
    assert "Correct: 75.0% of the choices.\n" in capsys.readouterr().err


def without_subject(lab):
    for file in files(lab):
        rows = list(csv.reader(file.read_text().splitlines()))
        file.write_text("\n".join(",".join(row[1:]) for row in rows))


def test_a_table_without_a_subject_is_one_subjects(lab):
    expected = bring(lab, lab / "raw").data.sha256
    without_subject(lab)
    outcome = bring(lab, lab / "raw", "nameless")
    assert outcome.data.sha256 == expected
    assert (
        "Tables without a column for the subject are one subject's each, called as the file."
        in outcome.warnings
    )
    assert "contrast_subject-01_session_1, contrast_subject-02" in outcome.warnings[1]
    with pytest.raises(InputError, match="nor one that says who judged"):
        bring(lab, files(lab)[0], "alone")


def test_a_copy_of_a_subject_is_told(lab):
    """Under image names of its own, and in another order; those who are right about all may well agree."""
    without_subject(lab)
    copy = lab / "raw" / "s1 (copy).csv"
    head, *rows = files(lab)[0].read_text().replace("_cop_s01_", "_cop_s03_").splitlines()
    copy.write_text("\n".join([head, *rows[::-1]]))
    told = [text for text in bring(lab, lab / "raw").warnings if "the same answers" in text]
    assert len(told) == 1 and "'contrast_subject-01_session_1' and 's1 (copy)'" in told[0]
    for file in (files(lab)[0], copy):
        lines = [line.split(",") for line in file.read_text().splitlines()]
        file.write_text(
            "\n".join(",".join([*row[:3], row[4], *row[4:]]) for row in lines).replace(
                "category,category", "object_response,category"
            )
        )
    assert not any("the same answers" in text for text in bring(lab, lab / "raw", "right").warnings)


def test_errors_name_the_table_and_the_line(lab):
    second = files(lab)[1]
    rows = list(csv.reader(second.read_text().splitlines()))
    rows[5][5] = "dog" if rows[5][5] != "dog" else "cat"
    second.write_text("\n".join(",".join(row) for row in rows))
    with pytest.raises(InputError, match=r"subject-02_session_1\.csv, line 6: the true class of image"):
        bring(lab, lab / "raw")
    with pytest.raises(InputError, match="is given twice"):
        bring(lab, [second, second])
    with pytest.raises(MissingDataError, match=r"There is no table \(\.csv, \.tsv, \.txt\) in the folder"):
        bring(lab, lab / "dnn")
    first = files(lab)[0]
    first.write_text(first.read_text().replace("category", "what"))
    with pytest.raises(InputError, match=r"subject-01_session_1\.csv has no column for the sample of each"):
        bring(lab, lab / "raw")


def stimuli(*names):
    return Stimuli(np.zeros((len(names), 2, 2, 3), np.uint8), names)


@pytest.mark.parametrize(
    ("wanted", "names", "places"),
    [
        (["0029_s5n_dnn_0_airplane_00_airplane3-oven1.png"], ["oven1.png", "airplane3-oven1.png"], [1]),
        (["s1_a_1.png", "s2_a_1.png", "s1_a_2.png"], ["x_a_1.png", "x_a_2.png"], [0, 0, 1]),
        (["a_1", "b_1"], ["session 1/s_b_1.png", "session 1/s_a_1.png"], [1, 0]),
        (["run_a.png"], ["a.png", "b.png"], [0]),
        (["b.png", "a.png"], ["a.png", "b.png"], [1, 0]),
        (["a_b_c", "1_x_y"], ["a_b_c.png", "x_a_b_c.png", "2_x_y.png"], [0, 2]),
        (["1_dnn_a_7", "9_s1_b_7"], ["1_dnn_a_7.png", "4_dnn_b_7.png"], [0, 1]),
    ],
)
def test_the_longest_end_decides(tmp_path, wanted, names, places):
    assert places_beyond_prefixes(wanted, stimuli(*names), tmp_path / "t.csv") == places


def test_ends_that_decide_nothing_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"'s1_cat_1.png' and 's2_cat_1.png' both end in 'cat_1'"):
        places_beyond_prefixes(["x_cat_1.png"], stimuli("s1_cat_1.png", "s2_cat_1.png"), tmp_path / "t.csv")
    # an end that is shorter than that of the other files is not taken for the image
    with pytest.raises(
        InputError, match=r"'x_cat_1\.png' agrees with a file in more parts than 'x_dog_3\.png' with any"
    ):
        places_beyond_prefixes(
            ["x_cat_1.png", "x_dog_3.png"], stimuli("s_cat_1.png", "s_cow_3.png"), tmp_path / "t"
        )
