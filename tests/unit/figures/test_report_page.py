"""The report as a page: what it says, and how it behaves in a browser, on a phone and on a screen."""

import base64
import hashlib
import html
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from PIL import Image

from made_records import make_record, score, without_scripts
from wiringup.core.score import ALIKE
from wiringup.figures import methods, report
from wiringup.figures.panels.output import Written
from wiringup.results.claims import Claim, examine
from wiringup.results.comparison import compare, of_study
from wiringup.results.lengths import JOINED, lines
from wiringup.results.record import Diverged
from wiringup.results.table import rows

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
PROBE = """
addEventListener("error", (event) => probe.errors.push(event.message));
const probe = { errors: [] };
setTimeout(() => {
  const out = (node) => node.getBoundingClientRect().right > innerWidth + 1;
  const clipped = (node) => out(node) && !node.closest(".scroll, svg");
  const plot = document.querySelector("#chart .plot");
  const key = (name, more) => plot.dispatchEvent(
    new KeyboardEvent("keydown", { key: name, bubbles: true, ...more }));
  const drawn = (mode) => plot.data.filter((one) => one.mode === mode);
  const lines = () => drawn("lines+markers").length;
  const tips = () => [...document.querySelectorAll("#chart .hovertext")];
  const tip = () => tips().map((node) => node.textContent).join();
  const at = () => [plot.layout.xaxis.type, drawn("lines+markers").at(-1).x[0]];
  const pick = (name, value) => {
    const select = document.querySelector(`#chart select[name=${name}]`);
    select.value = value;
    select.dispatchEvent(new Event("change"));
    return select;
  };
  probe.inner = innerWidth;
  probe.wide = document.documentElement.scrollWidth;
  const every = [...document.querySelectorAll("main *")];
  probe.clipped = every.filter(clipped).map((node) => node.outerHTML.slice(0, 80));
  const images = [...document.querySelectorAll(".panels img")];
  probe.panels = images.map((node) => [node.parentNode.ariaLabel, node.clientWidth]);
  probe.lines = lines();
  probe.bands = [drawn("none").length, drawn("lines+markers").filter((one) => one.error_y.array).length];
  probe.painted = document.querySelectorAll("#chart .scatterlayer .trace .point").length;
  key("ArrowRight", { altKey: true });
  probe.alt = tip();
  key("ArrowRight");
  probe.first = tip();
  key("ArrowDown");
  probe.other = document.querySelector("#chart .live").textContent;
  key("Escape");
  probe.tip = tip();
  key("ArrowUp");
  probe.last = document.querySelector("#chart .live").textContent;
  pick("against", "trained");
  probe.stale = [tip(), document.querySelector("#chart .live").textContent];
  probe.trained = [drawn("none").length, drawn("lines+markers").map((one) => one.error_y.array?.length)];
  pick("against", "synaptic_updates");
  probe.unit = plot.layout.yaxis.title.text;
  probe.tools = [...document.querySelectorAll("#chart .modebar-btn")].map((node) => node.dataset.title);
  const cut = () => !document.querySelector("#chart .cut").hidden;
  const buttons = [...document.querySelectorAll("#chart .legend button")];
  probe.cut = [cut()];
  for (const one of buttons) one.click();
  probe.cut.push(cut());
  for (const one of buttons) one.click();
  const button = document.querySelector("#chart .legend button");
  button.click();
  probe.without = [lines(), button.getAttribute("aria-pressed")];
  button.click();
  probe.axes = [at()];
  const axis = pick("axis", "linear");
  probe.axes.push(at());
  const range = () => plot.layout.yaxis.range.join();
  const whole = range(), zoom = document.querySelector("#chart .modebar-btn[data-title='Zoom in']");
  zoom.click();
  const near = range();
  button.click();
  button.click();
  probe.zoomed = [near !== whole, near === range()];
  pick("against", "ends");
  probe.rows = [...document.querySelectorAll("#chart .annotation-text")].map((node) => node.textContent);
  probe.order = drawn("markers").filter((one) => one.error_x).map((one) => one.x[0]);
  probe.rowed = [axis.disabled, lines(), document.querySelectorAll("#chart .xerror").length];
  key("ArrowRight");
  probe.best = tip();
  key("Escape");
  pick("against", "updates");
  probe.back = [axis.disabled, lines()];
  const open = () => document.querySelectorAll("details[open]").length;
  probe.open = [open()];
  dispatchEvent(new Event("beforeprint"));
  probe.open.push(open());
  probe.printed = plot.layout.width;
  dispatchEvent(new Event("afterprint"));
  probe.open.push(open());
  probe.folds = document.querySelectorAll("details").length;
  for (const one of document.querySelectorAll("details")) one.open = true;
  probe.clipped.push(...every.filter(clipped).map((node) => node.outerHTML.slice(0, 80)));
  probe.wide = Math.max(probe.wide, document.documentElement.scrollWidth);
  probe.after = plot.layout.width;
  parent.postMessage(JSON.stringify(probe), "*");
}, 300);
"""


def spec(**training):
    training = {"lr": 0.1, "plasticity": "all", "duration": {"value": 3.0, "unit": "epochs"}, **training}
    return {
        "model": {"architecture": "cornet_s", "width": 0.25, "size": 64, "classes": 8},
        "images": {"source": "/data/tinyimagenet40/train.zip", "number": 600, "val": ""},
        "birth": {"recipe": "kaiming_normal", "batchnorm": "calibrated"},
        "training": {
            "lr": 0.1,
            "plasticity": "all",
            "duration": {"value": 3.0, "unit": "epochs"},
            **training,
        },
        "exam": {"suite": "real@1", "normalisation": "(r/c)^2"},
    }


@pytest.fixture
def records():
    few, found = spec(plasticity="critical", lr=0.01), []
    for seed in (0, 1):
        reference = make_record("ref <all>", seed, 0.1, 0.3, 0.449 + seed / 500, trained=50)
        found.append(replace(reference, spec=spec()))
        found.append(replace(make_record("few", seed, 0.1, 0.25 + seed / 100), spec=few))
    return found


def page_of(records, **about):
    study = {"uid": "abc", "spec": {"reference": "ref <all>", **about}}
    return written(study, records)


def written(study, records, figures=MappingProxyType({}), **more):
    called = lines(rows(records))
    return report.page(study, records, of_study(study, records), called, figures, **more)


def test_the_headline_names_what_reaches_most_with_least(records):
    told = methods.headline(compare(rows(records), "ref <all>"))
    assert re.match(
        r"few has 57 % \(95 % interval .* of ref <all>, with 10 % of its supervised synaptic updates\.",
        told,
    )
    noisy = [*records[:2], records[2], make_record("few", 1, 0.1, 0.9)]
    assert methods.headline(compare(rows(noisy), "ref <all>")).startswith("No condition")
    flat = [make_record("ref <all>", 0, 0.3, 0.4, trained=50), make_record("few", 0, 0.3, 0.2)]
    told = methods.headline(compare(rows(flat), "ref <all>"))
    assert told.startswith("No condition that spends less than ref <all> is told from its birth (75 %).")


def test_why_there_are_no_percentages_is_said_as_it_is():
    def with_scores(value, *scores):
        (point,) = make_record("ref", 0, value).points
        return compare(
            rows([replace(make_record("ref", 0, value), points=(replace(point, scores=scores),))]), "ref"
        )

    for found, why in (
        (with_scores(0.0, score(value=0.0)), "is at chance"),
        (
            with_scores(0.5, score(value=0.5, ceiling=None, normalisation="none")),
            "has no score with a noise ceiling",
        ),
        (with_scores(0.5), "was scored on nothing"),
    ):
        assert methods.headline(found) == f"The reference (ref) {why}: nothing can be a percentage of it."


def test_of_births_the_best_is_named_and_the_figure_starts_with_the_end_of_each():
    found = [make_record("ref <all>", s, 0.2, 0.5, trained=50) for s in (0, 1)]
    births = [make_record(f"birth {i}", s, 0.3 + i / 20) for i in (0, 1, 2) for s in (0, 1)]
    told = methods.headline(compare(rows([*found, *births]), "ref <all>"))
    assert re.match(
        r"The best newborn is that of birth 2, with 80 % .*of the brain match of ref <all>\.$", told
    )
    named = [
        replace(one, spec={"birth": {"recipe": "weight_compression", "genome": "run:a"}}) for one in births
    ]
    told = methods.headline(compare(rows([*found, *named]), "ref <all>"))
    assert told.startswith("The best newborn is WC (distilled), with 80 %")
    assert 'value="ends" selected' in page_of([*found, *births])
    assert 'value="ends">' in page_of(found)


def test_methods_say_what_is_the_same_and_who_differs(records):
    told = methods.methods(records, compare(rows(records), "ref <all>"))
    assert told["Networks"] == "CORnet-S; width 0.25; 64 px input; 8 classes."
    assert "learning rate 0.1, 0.01 in “few”" in told["Training"]
    assert "Synapses that learn: all, critical in “few”" in told["Training"]
    assert "b.V4 (V4, read out at V4, pls-25, 10 stimuli, ceiling-normalised as r/c)" in told["Scores"]
    assert (
        "2 seeds" in told["Statistics"] and "bootstrapped over seeds, the reference's" in told["Statistics"]
    )
    assert "widened for few seeds" in told["Statistics"]


_LENGTH = {"duration": {"value": 3, "unit": "epochs"}}


def test_methods_say_no_more_than_holds(records):
    def told(changed):
        return methods.methods(changed, compare(rows(changed), "ref <all>"))

    def with_score(record, **changes):
        points = [replace(p, scores=tuple(replace(s, **changes) for s in p.scores)) for p in record.points]
        return replace(record, points=tuple(points))

    deep = [with_score(r, layer="layer3") if r.label == "few" else r for r in records]
    assert "read out at V4, layer3 in “few”" in told(deep)["Scores"]
    bare = [with_score(r, ceiling=None, normalisation="none") for r in records]
    assert "10 stimuli, without a ceiling)" in told(bare)["Scores"]
    assert "Percentages" not in told(bare)["Statistics"] + methods.legend(
        bare, compare(rows(bare), "ref <all>")
    )
    one = [r for r in records if r.seed == 0]
    assert told(one)["Statistics"].startswith("Each condition has 1 seed. ")
    assert methods.legend(one, compare(rows(one), "ref <all>")).count("one seed") == 1
    many = [replace(r, seed=s, uid=f"{r.uid}{s}") for r in one for s in range(6 if r.label == "few" else 3)]
    assert "(3 to 6). " in methods.legend(many, compare(rows(many), "ref <all>"))
    adam = [replace(r, spec=r.spec | {"training": {"optimiser": "adam", "momentum": 0.9}}) for r in records]
    still = [replace(r, spec={"training": {"schedule": "plateau", **_LENGTH}}) for r in records]
    assert "duration: at most 3 epochs" in told(still)["Training"]
    assert "Adam" in told(adam)["Training"] and "omentum" not in told(adam)["Training"]


def test_methods_say_where_genomes_are_from(records):
    def told(*of_seed):
        few = [r for r in records if r.label == "few"]
        taught = [replace(r, spec={"birth": {"genome": g}}) for r, g in zip(few, of_seed, strict=True)]
        return methods.genomes([*(r for r in records if r.label != "few"), *taught])

    assert methods.genomes(records) == ""
    assert told("a" * 64, "a" * 64) == "genome given (aaaaaaaa) in “few”"
    assert told("run:0123", "run:4567") == "genome distilled from a run of each seed in “few”"
    assert told("run:0123", "run:0123") == (
        "genome distilled from run 0123 for all seeds, so that no interval holds how much teachers differ in "
        "“few”"
    )


def test_methods_name_what_is_unusual_and_no_more(records):
    def told(**more):
        changed = [
            replace(r, spec={**r.spec, **{k: {**(r.spec.get(k) or {}), **v} for k, v in more.items()}})
            if r.label == "few"
            else r
            for r in records
        ]
        return methods.methods(changed, compare(rows(changed), "ref <all>"))

    usual = told()
    assert not any(word in usual["Training"] for word in ("precision", "Nesterov", "epsilon", "shares"))
    assert "before the first label" not in usual["Births"]
    rare = told(training={"precision": "bf16", "nesterov": True, "eps": 1e-3}, images={"calibration": 64})
    for words in (
        "precision: float32, bf16 in “few”",
        "Nesterov momentum: no, yes in “few”",
        "epsilon that of PyTorch, 0.001 in “few”",
    ):
        assert words in rare["Training"]
    assert "images that calibrate BatchNorm: 0, 64 in “few”" in rare["Births"]
    how = {"duration": {"value": 10, "unit": "steps"}, "batch": 64, "plasticity": "all", "lr": 0.05}
    phase = told(before={"stimuli": "waves", "training": how})
    expected = "before the first label: nothing, 640 frames of waves (all, learning rate 0.05) in “few”"
    assert expected in phase["Births"]


def test_data_that_were_used_are_cited(records):
    named = score("cowley2023.210325.V4-pls", 0.4)
    points = tuple(replace(p, scores=(named,)) for p in records[0].points)
    told = methods.citations([replace(records[0], points=points)])
    assert told[0].startswith("Geiger") and any("Cowley" in one for one in told)
    assert any("Tiny ImageNet" in one for one in told) and not any("Cichy" in one for one in told)


def test_first_filters_stand_beside_each_other(records):
    born, trained = np.random.default_rng(0).normal(size=(2, 5, 3, 4, 4))
    study = {"uid": "abc", "spec": {"reference": "ref <all>"}}
    page = written(study, records, kernels={"ref <all>": (born, trained), "grey": (born[:, :1],) * 2})
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', without_scripts(page))
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert picture.shape == (28, 28 + 12 + 28, 3)  # 3 x 3 filters of 4 px with a line between, doubled
    assert "Filters of ref &lt;all&gt;" in page
    assert "<h2>Kernels</h2>" not in written(study, records)


def test_where_a_network_was_trained_and_where_it_was_scored_is_told(records):
    there = dict(records[0].provenance) | {
        "machine": "a card",
        "seconds": 600.0,
        "versions": {"torch": "2.11"},
    }
    again = [replace(r, provenance={**r.provenance, "trained": there}) for r in records]
    told = methods.methods(again, compare(rows(again), "ref <all>"))["Software"]
    assert "a card" in told and "a machine" in told and "2.11" in told
    assert f"{len(records) * 602 / 60:.1f} minutes of computing" in page_of(again)


def test_the_days_of_a_study_are_named(records):
    assert ", 2026-01-01, a machine.</p>" in page_of(records)
    late = dict(records[-1].provenance) | {"date": "2026-01-03T00:00:00+00:00"}
    later = [*records[:-1], replace(records[-1], provenance=late)]
    assert ", 2026-01-01 to 2026-01-03, a machine.</p>" in page_of(later)


def test_the_card_is_named(records):
    on_card = [replace(r, provenance={**r.provenance, "device": "A Card"}) for r in records]
    assert page_of(on_card).lower().count("a machine, a card") == 2  # of what was made, and in the methods
    assert "a machine.</p>" in page_of(
        [replace(r, provenance={**r.provenance, "device": "cpu"}) for r in records]
    )


def test_trainings_of_different_length_are_one_line_of_the_figure():
    ends = {"few <1>": (0.1, 0.3), "few <2>": (0.1, 0.3, 0.35), "ref <all>": (0.1, 0.2, 0.4)}
    found = []
    for label, values in ends.items():
        for seed in (0, 1):
            made = make_record(label, seed, *values, trained=50)
            learns = {} if label == "ref <all>" else {"plasticity": "critical"}
            duration = {"value": float(len(values) - 1), "unit": "epochs"}
            points = (made.points[0], made.points[-1])
            found.append(replace(made, spec=spec(duration=duration, **learns), points=points))
    page = page_of(found)
    (data,) = re.findall(r'id="data">(.*?)</script>', page)
    lines = {one["label"]: [p["epoch"] for p in one["points"]] for one in json.loads(data)["series"]}
    assert lines == {"KN + critical": [0, 1, 2], "ref <all>": [0, 2]}
    assert JOINED in page and "<td>few &lt;1&gt;</td>" in page
    assert JOINED not in page_of([r for r in found if r.label != "few <1>"])


def test_claims_stand_with_their_verdict_and_are_escaped(records):
    study = {"uid": "abc", "spec": {"reference": "ref <all>"}}
    cells = {"ref <all>": {"name": "ref"}, "few": {"name": "few"}}
    claims = Claim("few < all", "79 %", {"name": "few"}, level=20), Claim("other", "", {"name": "other"})
    found = examine(claims, cells, rows(records, evidence=True), "ref <all>")
    page = written(study, records, claims=found)
    (held, absent) = re.findall("<li>(.*?)</li>", re.search('<ul class="claims">.*?</ul>', page)[0])
    assert held.startswith("<strong>Holds.</strong> few &lt; all. <small>measured 56.7 % [")
    assert "] in few; 2 seeds; 10 % of the reference" in held and held.endswith("; published: 79 %</small>")
    assert absent == "<strong>Not measured.</strong> other. <small></small>"
    assert "<h2>Claims</h2>" in page and "<h2>Claims</h2>" not in page_of(records)


def test_the_grid_of_runs_has_every_seed_and_what_diverged(records):
    lost = [vars(Diverged("few", 2, "the loss is nan"))]
    page = page_of(records, diverged=lost)
    assert "<td>few</td><td>kaiming_normal</td><td>critical</td>" in page
    row = re.search(r"<td>few</td><td>kaiming_normal</td>.*?</tr>", page)[0]
    assert re.findall(r"<td>([^<]*)</td>", row)[-3:] == ["55.6", "57.8", "diverged"]


def test_what_is_dead_at_the_end_is_named(records):
    last = records[1].points[-1]
    dead = replace(last, scores=tuple(replace(s, note=f"a note; {ALIKE}") for s in last.scores))
    page = page_of([records[0], replace(records[1], points=(*records[1].points[:-1], dead)), *records[2:]])
    assert f"Dead at the end ({ALIKE}):</p><ul><li>few, seed 0: V4</li></ul>" in page
    assert "Dead" not in without_scripts(page_of(records))


def test_later_seeds_of_a_condition_say_what_differs(records):
    first, few, second, more = records
    other = replace(second, spec={**second.spec, "odd": {"deep": 7}})
    page = page_of([first, few, other, more])
    assert page.count("the same but for</summary>") == 2
    (told,) = re.findall(r"ref &lt;all&gt;, seed 1 [^<]*</summary><pre>(.*?)</pre>", page, re.S)
    assert json.loads(html.unescape(told))["spec.odd.deep"] == 7 and "lr" not in told
    assert re.search(r"ref &lt;all&gt;, seed 0 [^<]*</summary><pre>.*?lr.*?</pre>", page, re.S)


def test_pictures_are_for_those_without_javascript_and_recipes_have_titles(records):
    figures = {"sweep.png": b"1", "brain_match.png": b"2"}
    study = {"uid": "abc", "spec": {"reference": "ref <all>", "recipe": "combi<nation"}}
    page = written(study, records, figures)
    outside = re.sub("<noscript>.*?</noscript>", "", without_scripts(page))
    assert without_scripts(page).count("<img") == 2 and "<img" not in outside
    assert "<title>wiringup: abc, combi&lt;nation</title>" in page
    assert "synaptic updates: combi&lt;nation</h1>" in page and "updates</h1>" in page_of(records)


def test_nothing_from_outside_becomes_markup_or_script(records):
    evil = [replace(r, label="</script><img src=x>") if r.label == "few" else r for r in records]
    page = page_of(evil, claim="<b>claim</b>")
    text = without_scripts(page)
    assert "<img" not in text and "<b>claim" not in text and "&lt;b&gt;claim" in text
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert {one["label"] for one in data["series"]} == {"ref <all>", "</script><img src=x>"}


def test_the_page_allows_its_own_scripts_alone(records):
    page = page_of(records)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    named = " ".join(f"'sha256-{one}'" for one in digests)
    assert len(scripts) == 2 and scripts[0].startswith("/**\n* plotly.js")
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    assert policy.endswith(f"script-src {named}")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium to open the page")
@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser(records, tmp_path, width):
    wide = [replace(make_record("<b>wide", s, 0.1, 0.1 + s / 4, 0.1), spec=spec()) for s in (0, 1)]
    born = [replace(make_record("born", s, 0.2 + s / 50), spec=spec()) for s in (0, 1)]
    study = {"uid": "abc", "spec": {"reference": "ref <all>", "note": "long" * 80}}
    panels = [panel("1a", 1050, tmp_path), panel("5b", 2160, tmp_path)]
    page = written(study, [*records, *wide, *born], panels=panels)
    told, console = opened(page, tmp_path, width)
    assert "CONSOLE" not in console
    narrow, broad = {390: (342, 688), 1280: (456, 956)}[width]  # this one is scrolled, not shrunk, on a phone
    assert told["panels"] == [["Figure 1a. a & b", narrow], ["Figure 5b. a & b", broad]]
    assert told["painted"] > 3
    assert (told["errors"], told["clipped"], told["inner"]) == ([], [], width)
    assert told["wide"] <= width and told["lines"] == 4
    assert told["first"].startswith("ref <all>, at birth: 22.2\xa0%")
    assert told["other"].startswith("few, at birth")
    assert told["unit"] == "brain match, % of reference"
    assert told["cut"] == [True, False]  # with nothing shown, nothing is cut
    assert told["tip"] == "" and told["zoomed"] == [True, True]
    assert told["axes"] == [["log", pytest.approx(1000 / 3)], ["linear", 0]]
    assert told["bands"] == [3, 1]  # of one moment alone, a line
    assert told["alt"] == "" and told["last"].startswith("born, at birth") and told["stale"] == ["", ""]
    assert told["trained"] == [0, [3, 2, 3, 1]] and "0 trained synapses" in told["last"]
    assert told["tools"] == ["Save as SVG", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"]
    assert told["without"] == [3, "false"]
    assert told["rows"] == ["ref <all>", "few", "born", "<b>wide"] and told["rowed"] == [True, 0, 4]
    assert told["order"] == sorted(told["order"], reverse=True)
    assert told["best"].startswith("ref <all>, epoch 2: 100.0") and told["back"] == [False, 4]
    assert told["open"] == [0, told["folds"], 0] and told["folds"] > 4
    assert told["printed"] == 980 and told["after"] <= width


def panel(name, width, folder):
    """Return a panel of a white picture."""
    files = [folder / f"{name}.{kind}" for kind in ("svg", "png", "csv")]
    Image.new("1", (width, 600), 1).save(files[1])
    return Written(name, f"Figure {name}. a & b", "A caption.", tuple(files))


def opened(page, folder, width):
    """Open a page in a frame of this width; return what the probe found, and the browser's log."""
    digest = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    page = page.replace("script-src ", f"script-src 'sha256-{digest}' ")
    (folder / "page.html").write_text(page.replace("</body>", f"<script>{PROBE}</script></body>"))
    frame = f'<iframe src="page.html" style="border: 0; width: {width}px; height: 900px"></iframe>'
    script = "<script>onmessage = (event) => { document.title = event.data; }</script>"
    (folder / "outer.html").write_text(f'<!doctype html><link rel="icon" href="data:,">{script}{frame}')
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"]
    flags += [
        f"--user-data-dir={folder / 'profile'}",
        "--window-size=1400,1000",
        "--virtual-time-budget=3000",
    ]
    asked = [str(CHROMIUM), *flags, "--dump-dom", (folder / "outer.html").as_uri()]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(html.unescape(re.search("<title>(.*?)</title>", done.stdout)[1])), done.stderr
