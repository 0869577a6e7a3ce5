"""The words of figures: true, complete, short, and handed on to notebooks and files."""

import inspect
import io
import re
import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace
from typing import get_type_hints

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image

from tinycnn import plots
from tinycnn.layers import Conv2D, Input
from tinycnn.plots import notebooks, words
from tinycnn.sequential import Sequential

HISTORY = {"loss": [0.6, 0.1, 0.2], "val_loss": [0.5, 0.7, 0.25], "accuracy": [0.8, 0.9, 0.97]}
IMAGES = np.arange(32.0).reshape(2, 4, 4)
KERNEL = np.array([-0.25, 0.5, 0.125, 0.0]).reshape(2, 2, 1, 1)


def model():
    """One filter whose map of a picture of ones is 0.375 all over."""
    made = Sequential([Input((3, 3, 1)), Conv2D(1, 2, name="first")])
    made.layers[-1].kernel.value[...] = KERNEL
    return made


RUNS = {"plain": {"step": [10, 1000], "training": [[2, 1], [4, 3]], "validation": [[5, 6]], "accuracy": [[0.5, 0.9]]}}
BINS = {"count": [10, 0, 90], "confidence": [1.0, 0.0, 85.0], "correct": [4, 0, 89]}
SAMPLES = np.array([[[0.2, 0.8], [0.6, 0.4]], [[0.4, 0.6], [0.8, 0.2]]])
LOOKS = {"counts": [[0, 9, 99], [5, 0, 0]], "edges": [[-1, 0, 1, 2], [0, 1, 2, 3]]}

# Each function with little data, and every word that it has to say of it.
TEXTS = {
    "training_curves": (
        lambda: plots.training_curves(HISTORY, "My run"),
        "Line chart: My run. Loss: epoch 1 to 3, loss 0.1 to 0.7; training from 0.6 to 0.2, lowest 0.1 at 2; "
        "validation from 0.5 to 0.25, highest 0.7 at 2. Accuracy: accuracy 80 to 97 %; training from 80 % to 97 %.",
    ),
    "compare_curves": (
        lambda: plots.compare_curves({"bn": {"ours": {"loss": [2, 1]}, "Keras": {"loss": [3, 0.5]}}}, "Hands"),
        "Line chart: Hands. bn: epoch 1 to 2, loss 0.5 to 3, logarithmic; ours, training from 2 to 1; Keras, training "
        "from 3 to 0.5.",
    ),
    "overfitting_curves": (
        lambda: plots.overfitting_curves({"200 images": RUNS}, "Few"),
        "Line chart: Few. 200 images: step 10 to 1,000, logarithmic, loss 1 to 6, logarithmic, bands: range of 2 runs; "
        "plain, training from 3 to 2; plain, validation from 5 to 6. 200 images: validation error 10 to 50 %, "
        "logarithmic; plain from 50 % to 10 %.",
    ),
    "seed_bands": (
        lambda: plots.seed_bands(
            {"one": {"a": [[1, 2], [3, 4], [5, 3]]}, "two": {"b": [[2, 2]]}}, "loss", title="Seeds"
        ),
        "Line chart: Seeds. one: epoch 1 to 2, loss 1 to 5, bands: range of the seeds; a (3 seeds) from 3 to "
        "3. two: loss 2; b (1 seed) from 2 to 2.",
    ),
    "paired_differences": (
        lambda: plots.paired_differences(
            {"loss": {"bn": [0.1, 0.3]}}, {"loss": {"bn": (0.05, 0.35)}}, {"loss": {"bn": [-1, 1]}}, "Keras", "Pairs"
        ),
        "Differences of pairs: Pairs. loss; bn: 0.2, mean of 2 pairs, interval 0.05 to 0.35, 2 from −1 to 1, Keras.",
    ),
    "ranking": (
        lambda: plots.ranking({"g": {"b": [3, 5]}, "h": {"a": [1]}}, {"a": (0, 2), "b": (2, 6)}, "%", {"limit": 2.5}),
        "Ranking. %; a: 1, mean of 1 run, interval 0 to 2; b: 4, mean of 2 runs, interval 2 to 6; limit at 2.5.",
    ),
    "reliability_diagram": (
        lambda: plots.reliability_diagram({"plain": BINS}, title="Calibration"),
        "Reliability diagram: Calibration. plain pooled ECE 7.00 %: 1 bin of 20 images or more: confidence 94.4 %, "
        "correct 98.9 %; widest gap: confidence 94.4 %, correct 98.9 %. plain pooled ECE 7.00 %: confidence, % 0 to "
        "100, images 0 to 90, logarithmic; 3 bars 0 to 90, highest at 83.3.",
    ),
    "histograms_over_training": (
        lambda: plots.histograms_over_training({"a": LOOKS}, [0, 50], "activation", "Spread"),
        "Histograms: Spread. a: activation, counts up to 99; after step 0: 0 to 2, most near 1.5; "
        "after step 50: all 1.5.",
    ),
    "bars": (
        lambda: plots.bars({"slow": [3, 1, 2.5], "fast": 0.25}, "ms", title="Times"),
        "Bar chart: Times. ms; slow: 2.5, from 1 to 3, 3 measurements; fast: 0.25.",
    ),
    "roofline": (
        lambda: plots.roofline({"loops": (2, 30)}, 100, 20, "Roof"),
        "Roofline: Roof. operations for each byte that has to be moved 0.25 to 20, logarithmic, GFLOP/s 5 to 100, "
        "logarithmic, roof: arithmetic 100 GFLOP/s, memory 20 GB/s; loops at 2, 30.",
    ),
    "line_chart": (
        lambda: plots.line_chart(
            {"a": ([1, 2, 4], [[1, 2, 3], [2, 2, 5]]), "b": ([4], [9])}, "size", "loss", "T", {"k": 4}
        ),
        "Line chart: T. size 1 to 4, loss 1 to 9, bands: range of 2 runs; a from 1.5 to 4; b 9; k at 4.",
    ),
    "difference_errors": (
        lambda: plots.difference_errors([1e-8, 1e-4, 1], {"central": [1e-3, 2e-9, 0.5]}),
        "Line chart: Error of a difference quotient. step h 1e−8 to 1, logarithmic, relative error of the slope 2e−9 "
        "to 0.5, logarithmic; central from 0.001 to 0.5, lowest 2e−9 at 0.0001.",
    ),
    "sample_images": (
        lambda: plots.sample_images(IMAGES, [3, 4], [3, 5], title="Read"),
        "Pictures: Read. 2 images of 4×4, captions: 3; ✗ 5, is 4.",
    ),
    "misclassified": (
        lambda: plots.misclassified(IMAGES, [0, 1], [[0.1, 0.9], [0.2, 0.8]]),
        "Picture: 1 mistake in 2 images. 1 image of 4×4, caption: true 0 predicted 1, 90 %.",
    ),
    "confusion_matrix": (
        lambda: plots.confusion_matrix([0, 0, 0, 1, 1], [0, 1, 1, 1, 0], title="Who"),
        "Confusion matrix: Who. 2 classes; 0 read as 1: 2; 1 read as 0: 1. colours: mistakes 0 to 2.",
    ),
    "kernels": (
        lambda: plots.kernels(KERNEL),
        "Picture: 1 kernel of 2×2. 1 image of 2×2. colours: weight −0.5 to 0.5.",
    ),
    "feature_maps": (
        lambda: plots.feature_maps(model(), np.ones((3, 3))),
        "Pictures: 1 feature map of first. 1 image of 3×3, caption: input. 1 image of 2×2. "
        "colours: activation 0 to 0.375.",
    ),
    "arrays": (
        lambda: plots.arrays(
            [("x", [[1, -2], [0, 0.5]]), "·", ("w", np.arange(16))], ["=", ("y", [7])], title="By hand"
        ),
        "Calculation: By hand. x [1, −2 / 0, 0.5] · w (1×16, 0 to 15); = y [7].",
    ),
    "dropout_masks": (
        lambda: plots.dropout_masks(
            np.ones((2, 2)), {"half": [[[2, 0], [0, 2]]], "quarter": [[[1.5, 0], [1.5, 1.5]]]}, "M"
        ),
        "Pictures: M. 1 mask of 2×2 each; half: 50 % dropped; quarter: 25 % dropped. colours: value handed on 0 to 2.",
    ),
    "prediction_samples": (
        lambda: plots.prediction_samples(IMAGES, SAMPLES, [[0.1, 0.9], [0.55, 0.45]], ["p", "q"], title="Doubt"),
        "Images with bars: Doubt. p: class 1 has most: mean 0.7, samples 0.6 to 0.8, without a mask class 1 with 0.9. "
        "q: class 0 has most: mean 0.7, samples 0.6 to 0.8, without a mask class 0 with 0.55.",
    ),
    "uncertainty_bars": (
        lambda: plots.uncertainty_bars(IMAGES, [0.1, 0.4], [0.25, 0], ["p\nq", "r"]),
        "Stacked bars: Uncertainty. 2 images, bits of the networks' own doubt and of their disagreement; p q: 0.1 and "
        "0.25; r: 0.4 and 0.",
    ),
    "variance_shift": (
        lambda: plots.variance_shift({"first": ([0.1, 3], [0.05, 2])}, "Shift"),
        "Points: Shift. first: in training 0.035 to 4.2, logarithmic, in inference 0.035 to 4.2, logarithmic; equal "
        "from 0.035 to 4.2; a channel: 2 points, x 0.1 to 3, y 0.05 to 2.",
    ),
}
FUNCTIONS = {
    name
    for name in plots.__all__
    if inspect.isfunction(function := getattr(plots, name)) and get_type_hints(function)["return"] is Figure
}


def test_every_function_that_draws_has_its_words_here():
    assert set(TEXTS) == FUNCTIONS


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_figure_tells_its_title_axes_and_series_with_the_numbers_of_the_data(name):
    draw, expected = TEXTS[name]
    assert draw().alternative_text == expected


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_of_a_line_are_its_own(seed):
    rng = np.random.default_rng(seed)
    y = rng.lognormal(0, 3, 20)
    x = np.sort(rng.uniform(1, 100, 20))
    text = plots.line_chart({"a": (x, y)}, "x", "y").alternative_text
    found = re.search(
        r"a from (\S+) to ([^\s,;]+)(?:, lowest (\S+) at ([\d.]+))?(?:, highest (\S+) at ([\d.]+))?\.$", text
    )
    first, last, *inside = (
        None if part is None else float(part.replace(",", "").replace("−", "-")) for part in found.groups()
    )
    np.testing.assert_allclose([first, last], y[[0, -1]], rtol=0.006)
    for value, place, at in ((*inside[:2], y.argmin()), (*inside[2:], y.argmax())):
        assert (value is None) == (at in (0, 19))
        if value is not None:
            np.testing.assert_allclose([value, place], [y[at], x[at]], rtol=0.006)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (-0.0, "0"),
        (3, "3"),
        (1875, "1,880"),
        (60000, "60,000"),
        (0.06667, "0.0667"),
        (-0.5, "−0.5"),
        (99.96, "100"),
        (1.2345e-7, "1.23e−7"),
        (1.5e9, "1.5e9"),
        (1.2e-5, "0.000012"),
    ],
)
def test_numbers_have_three_digits(value, told):
    assert words.number(value) == told
    assert words.span(value, 2 * value).startswith(told)


def test_what_would_be_long_is_summed_up():
    text = plots.bars({f"layer {i}": i for i in range(1, 61)}, "ms").alternative_text
    assert re.fullmatch(r"Bar chart\. ms; layer 1: 1; layer 2: 2; .*; and (\d+) more\.", text)
    assert text.count("layer") + int(re.search(r"and (\d+) more", text)[1]) == 60
    assert 110 < len(text.split()) <= 120
    panels = {f"panel {i}": {"a": [[1, 3, 2]], "b": [[2, 1, 4]]} for i in range(40)}
    text = plots.seed_bands(panels, "loss", columns=8).alternative_text
    assert text.count("panel ") + int(re.search(r"and (\d+) more panels\.$", text)[1]) == 40
    assert text.count("and 1 more") == text.count("panel ")  # of the lines of each panel
    assert len(text.split()) <= 120
    lines = {f"line {i}": (range(5), [2, 3, 4, 1, 2]) for i in range(12)}
    text = plots.line_chart(lines, "x", "y").alternative_text  # every line before the details of one
    assert text.count("line ") == 12
    assert "lowest" not in text


def test_figures_of_pyplot_have_words():
    with pyplot.style.context("default"):
        figure, (left, right) = pyplot.subplots(1, 2)
        left.plot([3, 1, 2])
        left.axhline(2.5, label="limit")
        left.legend()
        left.set(title="Lines", xlabel="epoch")
        right.bar(["a", "b"], [1, 4])
        figure.text(0.5, 0.5, "a remark")
        text = plots.describe(figure)
        expected = (
            "Lines. epoch 0 to 2, y 1 to 3; a line from 3 to 2, lowest 1 at 1; limit at 2.5. a: 1; b: 4. a remark."
        )
        assert text == f"Bar chart: {expected}"
        pyplot.close("all")
        pyplot.imshow([[1, 2, 3], [4, 5, 6]])
        pyplot.colorbar(label="ink")
        assert plots.describe(pyplot.gcf()) == "Picture. 1 image of 2×3. colours: ink 1 to 6."
        pyplot.close("all")
        pyplot.scatter([1, 2], [5, 9], label="pairs")
        pyplot.hist([1, 1, 2], bins=2, orientation="horizontal")
        text = plots.describe(pyplot.gcf())
        pyplot.close("all")
    assert text == "Bar chart. x 0 to 2, y 1 to 9; pairs: 2 points, x 1 to 2, y 5 to 9; 2 bars 1 to 2, highest at 1.25."
    assert plots.describe(Figure()) == "Figure."


@pytest.mark.parametrize(
    "draw",
    [
        lambda axes: axes.plot([], []),
        lambda axes: axes.plot([1, np.nan, 3], [np.nan, np.nan, np.nan]),
        lambda axes: axes.errorbar(["a", "b"], [1, 2], yerr=0.5),
        lambda axes: axes.errorbar(["a", "b"], [1, 2], yerr=0.5, fmt="none"),
        lambda axes: axes.errorbar(["a", "b"], [1, 2]),
        lambda axes: axes.boxplot([[1, 2, 3], [4, 5, 6]]),
        lambda axes: axes.pie([1, 2], labels=["a", "b"]),
        lambda axes: axes.plot(np.array(["2026-01-01", "2026-01-02"], "datetime64[D]"), [1, 2]),
        lambda axes: axes.imshow(np.zeros((2, 2, 3))).axes.plot([0, 1], [0, 1]),
        lambda axes: axes.hist([[1, 2], [3, 4]], stacked=True),
        lambda axes: axes.contourf([[1, 2], [3, 4]]),
        lambda axes: axes.bar([], []),
        lambda axes: axes.scatter([], []),
        lambda axes: axes.set_xticks([0, 1], ["a", "b"]),
        lambda axes: axes.figure.add_subplot(projection="polar").plot([0, 1], [1, 2], label="a"),
        lambda axes: axes.figure.add_subplot(projection="3d").plot([0, 1], [1, 2], [2, 3], label="a"),
        lambda axes: axes.twinx().plot([1, 2]),
    ],
)
def test_no_figure_fails_for_its_words(draw):
    figure = Figure()
    draw(figure.subplots())
    assert plots.describe(figure).endswith(".")


def test_files_have_the_words_as_their_description(tmp_path):
    figure = plots.training_curves(HISTORY, "My run")
    figure.savefig(tmp_path / "a.png", metadata={"Author": "me"})
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["Description"] == figure.alternative_text
        assert image.info["Author"] == "me"
    buffer = io.BytesIO()
    figure.savefig(buffer, metadata={"Description": "my own words"})
    assert Image.open(buffer).info["Description"] == "my own words"
    figure.savefig(tmp_path / "a.svg")
    descriptions = [e.text for e in ET.parse(tmp_path / "a.svg").iter() if e.tag.endswith("}description")]
    assert descriptions == [figure.alternative_text]
    figure.savefig(tmp_path / "a.pdf")  # has no place for them, and no warning
    assert (tmp_path / "a.pdf").stat().st_size > 1000


def test_a_notebook_keeps_the_words_with_the_picture(monkeypatch):
    formatters = pytest.importorskip("IPython.core.formatters")
    shell = SimpleNamespace(display_formatter=formatters.DisplayFormatter())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    figure, other = plots.training_curves(HISTORY, "My run"), Figure()
    other.subplots().plot([1, 2])
    data, metadata = shell.display_formatter.format(figure)
    assert metadata == {"image/png": {"alt": figure.alternative_text}}
    assert data["image/png"].startswith(b"\x89PNG")

    def pyplots(figure):  # what its inline backend registers for every figure, when it is imported
        return b"PNG", {"width": 9}

    formatter = shell.display_formatter.formatters["image/png"]
    formatter.for_type(Figure, pyplots)
    notebooks.show_by(type(figure), type(figure)._repr_png_)
    monkeypatch.setitem(sys.modules, "matplotlib_inline.backend_inline", SimpleNamespace())
    notebooks.describe_pyplot()
    assert shell.display_formatter.format(figure)[1]["image/png"]["alt"] == figure.alternative_text
    _, metadata = shell.display_formatter.format(other)
    assert metadata == {"image/png": {"width": 9, "alt": plots.describe(other)}}


def test_pyplot_is_described_in_notebooks_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    with pytest.raises(RuntimeError, match=r"^describe_pyplot: expected to run in IPython, found none\. Call it in a"):
        notebooks.describe_pyplot()
