"""Own dissimilarity matrices from the command line: stored, scored, and the same in a few lines of SciPy."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata, spearmanr

from wiringup.cli.main import main

N = 24


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """24 images, and three subjects who see their pixels and noise."""
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (N, 8, 8, 3)).astype(np.uint8)
    (tmp_path / "images").mkdir()
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "images" / f"{i:02d}.png")
    seen = pixels.reshape(N, -1).astype(float)
    noisy = [pdist(seen + 60 * random.standard_normal(seen.shape), "correlation") for _ in range(3)]
    np.save(tmp_path / "r.npy", np.stack([squareform(p) for p in noisy]))
    return tmp_path


def test_matrices_are_a_benchmark_whose_score_is_that_of_a_few_lines(lab, capsys):
    main(
        [
            "import",
            "rdm",
            "--name",
            "mine",
            "--area",
            "IT",
            "--rdms",
            "r.npy",
            "--stimuli",
            "images",
            "--json",
        ]
    )
    told = json.loads(capsys.readouterr().out)
    assert (told["benchmark"], told["subjects"], told["images"]) == ("mine.IT-rsa", 3, N)
    assert told["kind"] == "dissimilarities" and told["warnings"] == told["assumed"] == []
    features = np.random.default_rng(1).standard_normal((N, 30)) + np.arange(30)
    np.save("features.npy", features)
    main(["score", "features.npy", "--benchmark", "mine.IT-rsa", "--json"])
    (row,) = json.loads(capsys.readouterr().out)

    pairs = np.stack([squareform(m) for m in np.load("r.npy").astype("float32")])
    model = pdist(features.astype("float32"), "correlation")
    raw = np.mean([spearmanr(model, p).statistic for p in pairs])
    ranks = rankdata(pairs, axis=1)
    ceiling = np.mean([spearmanr(r, ranks.sum(0) - r).statistic for r in ranks])
    assert row["raw"] == pytest.approx(raw, abs=1e-9)
    assert row["ceiling"] == pytest.approx(ceiling, abs=1e-9)
    assert told["noise_ceiling"][0] == pytest.approx(ceiling, abs=1e-9)


def test_what_a_newcomer_reads(lab, capsys):
    main(["import", "rdm", "--name", "mine", "--area", "IT", "--rdms", "r.npy", "--stimuli", "images"])
    shown = capsys.readouterr().err
    assert "Imported mine (dissimilarities): IT, subjects: 3, images: 24." in shown
    assert "The first image is 00.png, the last 23.png." in shown
    assert "Noise ceiling: 0." in shown and "wiringup score cornet_s --benchmark mine.IT-rsa" in shown
    np.save("one.npy", np.load("r.npy")[0])
    main(["import", "rdm", "--name", "one", "--area", "IT", "--rdms", "one.npy", "--stimuli", "images"])
    assert "One subject: no noise ceiling can be estimated" in capsys.readouterr().err


def test_the_refusal_of_matrices_as_responses_is_a_command_that_works(lab, capsys):
    files = ["--responses", "r.npy", "--stimuli", "images", "--size", "8"]
    with pytest.raises(SystemExit):
        main(["import", "recordings", "--name", "mine", "--area", "IT", *files])
    command = capsys.readouterr().err.split("Import them with: wiringup ")[1].split()
    main([*command, "--json"])
    assert json.loads(capsys.readouterr().out)["subjects"] == 3
