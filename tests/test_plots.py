"""Plots: what the figures hold, that they are whole and clean, and what is refused."""

import io
import re
import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from PIL import Image

from tinycnn import models, plots
from tinycnn.callbacks import History
from tinycnn.layers import Conv2D, Conv2DTranspose, DepthwiseConv2D, Input, MaxPooling2D
from tinycnn.sequential import Sequential

HISTORY = {
    "accuracy": [0.80, 0.95, 0.97],
    "loss": [0.6, 0.2, 0.1],
    "val_accuracy": [0.85, 0.93, 0.94],
    "val_loss": [0.5, 0.3, 0.25],
}


def digits(n=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 28, 28), "uint8"), rng.integers(0, 10, n)


def probabilities(guesses, confidence):
    """Rows whose largest entry is ``confidence`` at ``guesses``."""
    rows = np.repeat((1 - np.asarray(confidence, float))[:, None] / 9, 10, axis=1)
    rows[np.arange(len(rows)), guesses] = confidence
    return rows


def model_of_three_filters():
    return Sequential([Input((6, 6, 1)), Conv2D(3, 3, name="first"), MaxPooling2D(name="pool")])


def visible(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def pictures(figure):
    return [image.get_array() for axes in visible(figure) for image in axes.images]


def titles(figure):
    return [axes.get_title() for axes in visible(figure)]


IMAGES, LABELS = digits(12)
PLAIN = models.plain()
NEXT = probabilities((LABELS + 1) % 10, np.full(12, 0.6))  # every prediction wrong
MASKS = {f"rate {rate}": (np.random.default_rng(0).random((5, 28, 28)) >= rate) / (1 - rate) for rate in (0.25, 0.5)}
SAMPLES = np.random.default_rng(0).dirichlet(np.full(10, 0.1), (50, 3))
LINES = {"one": ([1, 10, 100], [1.0, 0.5, 0.1]), "two": ([1, 10], [2.0, 0.2])}
RUNS = {
    name: {"step": [10, 100, 1000]}
    | {key: np.geomspace(0.9, low, 6).reshape(2, 3) for key in ("training", "validation", "accuracy")}
    for name, low in (("plain", 0.01), ("dropout", 0.1))
}
VARIANCES = (np.array([0.0, 0.1, 1.0, 3.0]), np.array([0.0, 0.05, 0.8, 3.0]))


def spread(scale=1.0, seed=0):
    """What a Monitor keeps of a layer: three looks at ten bins."""
    rng = np.random.default_rng(seed)
    edges = scale * np.linspace([0, 0, 0], [1, 2, 1.5], 11).T
    return {"counts": rng.integers(0, 90, (3, 10)), "edges": edges, "std": np.ones(3)}


HISTOGRAMS = {"plain": spread(), "batch normalization": spread(20.0, 1)}
SEEDS = {name: np.random.default_rng(7).lognormal(-3, 0.2, (5, 10)) for name in ("plain", "dropout", "both")}
DIFFERENCES = {"test loss": {"dropout − plain": [0.1, -0.2, 0.3], "batch normalization − plain": [-0.3, -0.2, -0.1]}}
INTERVALS = {"test loss": {"dropout − plain": (-0.5, 0.6), "batch normalization − plain": (-0.4, 0.0)}}
BINS = {"count": [0, 10, 90], "confidence": [0.0, 5.0, 85.0], "correct": [0, 4, 89]}
RANKED = {"unseen": {"wrong": [2.0, 6.0], "right": [1.0]}, "seen": {"worse": [45.0, 55.0]}}
FIGURES = {
    "curves": lambda: plots.training_curves(HISTORY),
    "curves of one epoch": lambda: plots.training_curves({key: values[:1] for key, values in HISTORY.items()}),
    "curves, log": lambda: plots.training_curves(HISTORY, log_loss=True),
    "curves of three runs": lambda: plots.training_curves(
        dict.fromkeys(("plain", "dropout", "batch_normalization"), HISTORY)
    ),
    "curves of 60 epochs": lambda: plots.training_curves({"loss": np.geomspace(2, 0.001, 60)}),
    "images": lambda: plots.sample_images(IMAGES, LABELS, (LABELS + (np.arange(12) % 4 == 0)) % 10),
    "one image": lambda: plots.sample_images(IMAGES[:1]),
    "colour images": lambda: plots.sample_images(np.random.default_rng(0).random((4, 8, 8, 3)), [0, 1, 2, 3]),
    "mistakes": lambda: plots.misclassified(IMAGES, LABELS, NEXT),
    "no mistakes": lambda: plots.misclassified(IMAGES, NEXT, NEXT),
    "matrix": lambda: plots.confusion_matrix(LABELS, LABELS[::-1]),
    "matrix of long names": lambda: plots.confusion_matrix([0, 1], [0, 1], classes=["ankle boot", "sandal"]),
    "bars": lambda: plots.bars({"a step with a name of several words": [3, 1, 2], "b": 0.25}, "ms", title="Times"),
    "bars, log": lambda: plots.bars({"slow": [60, 55, 70], "fast": [0.5, 0.4], "exact": 1}, "ms", log=True),
    "one bar": lambda: plots.bars({"nothing": 0}, "ms"),
    "roofline": lambda: plots.roofline(
        {"loops": (80, 2.5), "products": (80, 90), "blocks": (80, 160), "all threads, in one pass": (150, 310)}, 355, 38
    ),
    "roofline left of its edge": lambda: plots.roofline({"a copy": (0.125, 4)}, 100, 38, "Copying"),
    "roofline of long names": lambda: plots.roofline(
        dict.fromkeys(("a name of more than thirty-six characters", "b"), (9, 9)), 9, 9
    ),
    "kernels": lambda: plots.kernels(PLAIN.layers[2], channel=31),
    "feature maps": lambda: plots.feature_maps(PLAIN, IMAGES[0] / 255, layer=3),
    "compared curves": lambda: plots.compare_curves(
        {name: dict.fromkeys(("the notebook", "tinycnn", "Keras"), HISTORY) for name in ("plain", "dropout")}, "Runs"
    ),
    "compared curves without accuracy": lambda: plots.compare_curves({"plain": {"a": {"loss": [1.0, 0.5]}}}),
    "arrays": lambda: plots.arrays(
        [("a long name", [[-1.25, 0.0]]), "· 2 =", ("y", np.eye(2), np.eye(2) == 1)],
        ["=", ("z", np.arange(16.0))],
        title="By hand",
    ),
    "difference errors": lambda: plots.difference_errors([1e-8, 1e-4, 1], {"a": [1e-3, 0, 1], "b": [1, 1e-9, 1]}),
    "bands": lambda: plots.seed_bands(
        {"training loss": SEEDS, "validation loss": SEEDS, "validation accuracy": SEEDS},
        ["loss", "loss", "accuracy"],
        log_loss=True,
        title="Ten epochs",
    ),
    "bands of four panels": lambda: plots.seed_bands(dict.fromkeys("abcd", SEEDS), "validation loss", log_loss=True),
    "bands in a grid": lambda: plots.seed_bands(
        {f"a title of\ntwo lines, {i}": SEEDS for i in range(8)}, "loss", log_loss=True, title="Eight", columns=3
    ),
    "ranking": lambda: plots.ranking(
        RANKED, {"right": (0.5, 1.5), "wrong": (-1.0, 9.0), "worse": (40.0, 60.0)}, "%", {"mean": 1.0}, log=True
    ),
    "ranking of one": lambda: plots.ranking({"all": {"a": [0.0, 1.0]}}, {"a": (0.1, 0.9)}, "%", title="One"),
    "bands of one panel": lambda: plots.seed_bands({"plain": {"tinycnn": np.ones((1, 40))}}, "loss"),
    "differences": lambda: plots.paired_differences(DIFFERENCES, INTERVALS, DIFFERENCES, "Keras", title="Pairs"),
    "differences of three": lambda: plots.paired_differences(
        dict.fromkeys("abc", DIFFERENCES["test loss"]), dict.fromkeys("abc", INTERVALS["test loss"])
    ),
    "reliability": lambda: plots.reliability_diagram({"plain": BINS}),
    "reliability of four": lambda: plots.reliability_diagram(dict.fromkeys("abcd", BINS), title="Calibration"),
    "dropout masks": lambda: plots.dropout_masks(IMAGES[0] / 255, MASKS),
    "prediction samples": lambda: plots.prediction_samples(IMAGES[:3], SAMPLES, SAMPLES[0], ["a", "b", "c"]),
    "samples of one image": lambda: plots.prediction_samples(IMAGES[:1], SAMPLES[:, :1]),
    "line chart": lambda: plots.line_chart(LINES, "step", "loss", "Title", {"level": 0.5}, log_x=True, log_y=True),
    "overfitting": lambda: plots.overfitting_curves(
        {"200 images": RUNS, "1,000 images": RUNS, "5,000": RUNS, "all": RUNS}
    ),
    "uncertainty": lambda: plots.uncertainty_bars(
        IMAGES[:9], np.full(9, 0.5), np.full(9, 0.2), ["50 %\nread as 4"] * 9
    ),
    "variance shift": lambda: plots.variance_shift({"first": VARIANCES, "second": VARIANCES, "third": VARIANCES}),
    "line chart with bands": lambda: plots.line_chart(
        {"a": ([1, 2, 4], [[1, 2, 3], [2, 2, 5]])}, "size", "loss", "Title"
    ),
    "histograms": lambda: plots.histograms_over_training(HISTOGRAMS, [0, 10, 20], "activation", "Title"),
    "histograms of one run": lambda: plots.histograms_over_training({"a": spread()}, [0, 10, 20], "gradient"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_white_not_blank_and_nothing_is_cut_off_or_overlaps(name):
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (edges == 255).all()  # a white background, and nothing that runs over the edge
    assert (pixels < 128).any()

    unseen = {
        id(tick.label1)
        for axes in figure.axes
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if not min(limits) <= tick.get_loc() <= max(limits)
    }
    boxes = []
    for text in figure.findobj(mpl.text.Text):
        shown = text.get_visible() and (text.axes is None or (text.axes.get_visible() and text.axes.axison))
        if shown and text.get_text().strip() and id(text) not in unseen:
            boxes.append((text.get_text(), text.get_window_extent(canvas.get_renderer()).padded(-1)))
    for i, (text, box) in enumerate(boxes):
        for other, other_box in boxes[i + 1 :]:
            assert not box.overlaps(other_box), f"{text!r} overlaps {other!r}"


def test_figures_do_not_touch_pyplot_and_import_stays_quick():
    code = (
        "import sys, tinycnn; assert 'matplotlib' not in sys.modules\n"
        "import matplotlib; before = matplotlib.rcParams.copy()\n"
        "from tinycnn import plots; plots.training_curves({'loss': [1.0, 0.5]})\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "changed = [key for key in before if key != 'backend' and before[key] != matplotlib.rcParams[key]]\n"
        "assert changed == []; print('clean')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.returncode) == ("clean\n", 0), done.stderr


def test_a_dark_style_of_the_user_changes_nothing():
    def png():
        buffer = io.BytesIO()
        plots.training_curves(HISTORY).savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    light = png()
    with mpl.style.context(["dark_background", {"savefig.facecolor": "black"}]):
        assert png() == light
        assert mpl.rcParams["text.color"] == "white"


def test_notebooks_show_a_figure_as_png():
    image = Image.open(io.BytesIO(plots.training_curves(HISTORY)._repr_png_()[0]))
    assert image.format == "PNG"
    assert image.width > 500


def test_show_opens_one_window_and_none_without_a_display(monkeypatch):
    figure, shown = plots.training_curves(HISTORY), []
    with pytest.warns(UserWarning, match=r"^show: found no display to open a window on\. Save the figure: figure"):
        figure.show()
    assert pyplot.get_fignums() == []
    monkeypatch.setattr(pyplot, "get_backend", lambda: "TkAgg")
    monkeypatch.setattr(pyplot, "show", lambda: shown.append([pyplot.figure(it) for it in pyplot.get_fignums()]))
    figure.show()
    figure.show()  # its window is still open
    pyplot.close(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = pyplot.figure()  # takes the number that was its own
        figure.show()
    pyplot.close("all")
    assert shown == [[figure], [figure], [other, figure]]
    assert figure.axes[0].get_title() == "Loss"


def lines(axes):
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in axes.lines}


def test_training_curves_hold_every_figure_at_its_epoch():
    loss, accuracy = plots.training_curves(HISTORY, title="A title").axes
    for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
        drawn = lines(axes)
        assert list(drawn) == ["training", "validation"]
        for part, key in (("training", name), ("validation", f"val_{name}")):
            np.testing.assert_array_equal(drawn[part][0], [1, 2, 3])
            np.testing.assert_array_equal(drawn[part][1], HISTORY[key])
        assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("epoch", name, name.capitalize())
        training, validation = axes.lines
        assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
        assert not same_color(training.get_color(), validation.get_color())
    figure = loss.figure
    assert figure.get_suptitle() == "A title"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation"]


def test_training_curves_take_a_history_object():
    history = History()
    history.history = HISTORY
    np.testing.assert_array_equal(plots.training_curves(history).axes[0].lines[0].get_ydata(), HISTORY["loss"])


def test_training_curves_of_several_runs():
    other = {key: np.asarray(values) + 0.01 for key, values in HISTORY.items()}
    history = History()
    history.history = other
    loss, _ = plots.training_curves({"plain": HISTORY, "dropout": history}).axes
    drawn = lines(loss)
    assert list(drawn) == ["plain, training", "plain, validation", "dropout, training", "dropout, validation"]
    np.testing.assert_array_equal(drawn["dropout, validation"][1], other["val_loss"])
    plain, plain_validation, dropout, _ = loss.lines
    assert same_color(plain.get_color(), plain_validation.get_color())
    assert not same_color(plain.get_color(), dropout.get_color())


def test_training_curves_without_accuracy_have_one_panel_and_may_be_logarithmic():
    (axes,) = plots.training_curves({"loss": [1.0, 0.1]}, log_loss=True).axes
    assert axes.get_yscale() == "log"
    assert plots.training_curves(HISTORY).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize(
    ("history", "kind", "text"),
    [
        (
            [1.0],
            TypeError,
            "training_curves: expected a History, its dict, or a dict of name -> History, received list.",
        ),
        ({}, ValueError, "expected a history with the loss of at least one epoch, received none. Train first."),
        ({"loss": []}, ValueError, "expected a history with the loss of at least one epoch, received 0 of loss."),
        ({"accuracy": [0.5]}, ValueError, "the loss of at least one epoch, received 1 of accuracy. Train first."),
        ({"bn": {"loss": []}}, ValueError, "training_curves: bn: expected a history with the loss"),
        ({"loss": "abc"}, TypeError, "training_curves: expected a list of numbers for 'loss', received 'abc'."),
        (
            {"loss": [2.0, 1.0], "val_loss": [1.0]},
            ValueError,
            "expected as many values of each figure, received 2 of loss, 1 of val_loss. Validate after every epoch.",
        ),
    ],
)
def test_training_curves_refuse(history, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        plots.training_curves(history)


def test_compare_curves_has_a_column_a_model_and_a_colour_a_run():
    other = {"loss": [0.3, 0.2, 0.1], "val_loss": [0.6, 0.5, 0.4]}
    figure = plots.compare_curves({"plain": {"ours": HISTORY, "theirs": other}, "bn": {"ours": other}}, title="Three")
    loss, loss_bn, accuracy, accuracy_bn = figure.axes
    assert [axes.get_title() for axes in (loss, loss_bn)] == ["plain", "bn"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "", "accuracy", ""]
    assert [line.get_ydata().tolist() for line in loss.lines] == [
        HISTORY["loss"],
        HISTORY["val_loss"],
        other["loss"],
        other["val_loss"],
    ]
    assert [line.get_linestyle() for line in loss.lines] == ["-", "--"] * 2
    ours, _, theirs, _ = loss.lines
    assert same_color(ours.get_color(), loss_bn.lines[0].get_color())
    assert not same_color(ours.get_color(), theirs.get_color())
    assert (len(accuracy.lines), len(accuracy_bn.lines)) == (2, 0)
    assert loss.get_yscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        f"{who}, {part}" for who in ("ours", "theirs") for part in ("training", "validation")
    ]


def cells(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_arrays_show_names_signs_and_numbers_in_order():
    figure = plots.arrays([("x", [[1, -2]]), "→", ("y", np.array([[0.5], [0.0]]))], title="A step")
    assert cells(figure) == ["x", "1", "−2", "→", "y", "0.5", "0"]
    assert cells(plots.arrays([("x", [[-0.0, 123, -0.0421]])])) == ["x", "0", "123", "−0.042"]
    assert figure.get_suptitle() == "A step"


def test_arrays_frame_what_is_asked_and_colour_by_sign():
    figure = plots.arrays([("x", [[1.0, -1.0, 0.0]], np.array([[False, True, False]]))])
    *filled, frame = figure.axes[0].patches
    assert frame.get_xy() == (1.0, 0.0)
    assert not frame.get_fill()
    (red, _, blue, _), (other_red, _, other_blue, _) = (patch.get_facecolor() for patch in filled[:2])
    assert red > blue
    assert other_red < other_blue
    assert same_color(filled[2].get_facecolor(), "white")


@pytest.mark.parametrize("low", [0.9, 7.0, 0.013])
@pytest.mark.parametrize("factor", [1.1, 1.9, 3.5, 12.0, 90.0, 900.0, 1e4, 1e8])
def test_a_logarithmic_axis_has_several_numbers_whatever_its_range(low, factor):
    chart = plots.line_chart({"a": ([low, low * factor], [low, low * factor])}, "x", "y", log_y=True)
    x = plots.ranking(
        {"g": {"a": [low], "b": [low * factor]}}, {"a": (low, low), "b": (low, low * factor)}, "%", log=True
    )
    for axis, limits in ((chart.axes[0].yaxis, chart.axes[0].get_ylim()), (x.axes[0].xaxis, x.axes[0].get_xlim())):
        texts = zip(
            axis.get_majorticklocs(), axis.get_major_formatter().format_ticks(axis.get_majorticklocs()), strict=True
        )
        assert sum(limits[0] <= place <= limits[1] and text != "" for place, text in texts) >= 2


def test_the_axis_of_accuracies_gives_room_to_the_small_errors():
    run = {"loss": [1, 0.5, 0.2], "accuracy": [0.1, 0.99, 1.0], "val_accuracy": [0.9, 0.995, 0.98]}
    axes = plots.compare_curves({"plain": {"ours": run}}).axes[1]
    assert [line.get_ydata().tolist() for line in axes.lines] == [run["accuracy"], run["val_accuracy"]]
    heights = axes.transScale.transform([(1, a) for a in (0.8, 0.9, 0.99, 0.995, 1.0)])[:, 1]
    steps = np.diff(heights)
    np.testing.assert_allclose(steps, np.log10([2, 10, 2, 2]))  # 100 % stands where half the smallest error would
    texts = axes.yaxis.get_major_formatter().format_ticks(axes.get_yticks())
    assert {"90 %", "99 %", "99.5 %", "100 %"} <= set(texts)
    assert axes.yaxis.get_view_interval()[1] >= 1
    alike = plots.compare_curves({"plain": {"ours": {"loss": [1, 1], "accuracy": [0.8, 0.9]}}}).axes[1]
    assert alike.get_yscale() == "linear"


def test_difference_errors_leave_zeros_out():
    (axes,) = plots.difference_errors([1e-3, 1e-2, 1e-1], {"both": [0.0, 1e-6, 1e-4], "one": [1, 2, 3]}).axes
    both, one = axes.lines
    np.testing.assert_array_equal(both.get_xdata(), [1e-2, 1e-1])
    np.testing.assert_array_equal(one.get_ydata(), [1, 2, 3])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "step h"


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (plots.arrays, ValueError, "arrays: expected at least one row, received none. Pass a list such as [('x', x)]."),
        (
            lambda: plots.arrays([1.0]),
            TypeError,
            "arrays: expected strings, pairs (name, array) or triples (name, array, framed), received 1.0. Pass a list",
        ),
        (lambda: plots.arrays([("x", "abc")]), TypeError, "arrays: expected x to be an array of numbers"),
        (
            lambda: plots.arrays([("x", np.zeros((2, 3, 4)))]),
            ValueError,
            "arrays: expected x of shape (rows, columns), at most 16 each way, received shape (2, 3, 4). Cut out",
        ),
        (lambda: plots.arrays([("x", np.zeros((1, 17)))]), ValueError, "received shape (1, 17)."),
        (
            lambda: plots.arrays([("x", [[1, 2]], [[True]])]),
            ValueError,
            "arrays: expected booleans of shape (1, 2) as frames of x, received bool of shape (1, 1). Compare",
        ),
        (lambda: plots.arrays([("x", [[1]], [[1]])]), ValueError, "as frames of x, received int64"),
        (
            lambda: plots.compare_curves({}),
            ValueError,
            "compare_curves: expected the runs of at least one model, received none. Pass a dict of dicts.",
        ),
        (
            lambda: plots.compare_curves({"plain": {"ours": {"loss": []}}}),
            ValueError,
            "compare_curves: plain, ours: expected a history with the loss of at least one epoch, received 0 of loss.",
        ),
        (
            lambda: plots.difference_errors([0.1, 0.0], {"a": [1, 1]}),
            ValueError,
            "difference_errors: expected steps of shape (n,), all above 0, received shape (2,). Try np.geomspace.",
        ),
        (
            lambda: plots.difference_errors([0.1], {}),
            ValueError,
            "difference_errors: expected the errors of at least one quotient, received none. Pass a dict.",
        ),
        (
            lambda: plots.difference_errors([0.1], {"a": [-1]}),
            ValueError,
            "difference_errors: expected as many errors of 'a' as steps, none below 0, received shape (1,) for (1,).",
        ),
    ],
)
def test_calculations_and_comparisons_are_checked(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()


def test_sample_images_show_each_image_with_its_label():
    images, labels = digits(30)
    figure = plots.sample_images(images[..., None], labels, count=7)
    assert titles(figure) == [str(label) for label in labels[:7]]
    np.testing.assert_array_equal(pictures(figure), images[:7])
    assert figure.get_suptitle() == "Labels"


def test_sample_images_mark_exactly_the_wrong_predictions():
    images, labels = digits(6)
    guesses = labels.copy()
    guesses[[1, 4]] = (labels[[1, 4]] + 3) % 10
    figure = plots.sample_images(images, labels, probabilities(guesses, np.full(6, 0.7)))
    expected = [str(label) for label in labels]
    for i in (1, 4):
        expected[i] = f"✗ {guesses[i]}, is {labels[i]}"
    assert titles(figure) == expected
    widths = [axes.spines["left"].get_linewidth() for axes in visible(figure)]
    assert [width > 2 for width in widths] == [False, True, False, False, True, False]
    assert figure.get_suptitle() == "Predictions, 2 of 6 wrong (✗)"
    assert plots.sample_images(images, predictions=guesses).get_suptitle() == "Predictions"
    assert plots.sample_images(images, title="Mine").get_suptitle() == "Mine"


def test_sample_images_share_one_scale():
    images = np.zeros((2, 4, 4))
    images[0, 0, 0], images[1, 0, 0] = 1.0, 0.25
    figure = plots.sample_images(images)
    assert {axes.images[0].get_clim() for axes in visible(figure)} == {(0.0, 1.0)}


def test_misclassified_shows_the_most_confident_mistakes_first():
    images, labels = digits(8)
    guesses = (labels + np.array([1, 0, 1, 1, 0, 1, 0, 1])) % 10
    confidence = np.array([0.5, 0.99, 0.9, 0.3, 0.99, 0.999, 0.2, 0.9])
    figure = plots.misclassified(images, labels, probabilities(guesses, confidence), count=4)
    order = [5, 2, 7, 0]
    np.testing.assert_array_equal(pictures(figure), images[order])
    shown = ["99 %", "90 %", "90 %", "50 %"]  # 99.9 % is not 100 %
    assert titles(figure) == [
        f"true {labels[i]}\npredicted {guesses[i]}, {share}" for i, share in zip(order, shown, strict=True)
    ]
    assert figure.get_suptitle() == "5 mistakes in 8 images, the 4 most confident"
    figure = plots.misclassified(images, np.eye(10)[labels], probabilities(guesses, confidence))
    assert figure.get_suptitle() == "5 mistakes in 8 images"
    assert len(pictures(figure)) == 5


def test_misclassified_says_so_where_there_are_no_mistakes():
    images, labels = digits(8)
    figure = plots.misclassified(images, labels, probabilities(labels, np.full(8, 0.5)))
    assert [text.get_text() for text in figure.texts] == ["No mistakes in 8 images"]


def test_inputs_are_not_changed():
    images, labels = digits(8)
    rows = probabilities((labels + 1) % 10, np.full(8, 0.5))
    arrays = [images, labels, rows]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    plots.sample_images(images, labels, rows)
    plots.misclassified(images, labels, rows)
    plots.confusion_matrix(labels, rows)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: plots.sample_images(IMAGES[0]),
            ValueError,
            "sample_images: expected images of shape (n, height, width)",
        ),
        (lambda: plots.sample_images(IMAGES[:0]), ValueError, "received shape (0, 28, 28). Reshape them"),
        (
            lambda: plots.sample_images(np.zeros((2, 4, 4, 2))),
            ValueError,
            "with 1 or 3 channels, received shape (2, 4, 4, 2)",
        ),
        (lambda: plots.sample_images(IMAGES.astype(object)), TypeError, "expected images to be an array of numbers"),
        (lambda: plots.sample_images(IMAGES * np.nan), ValueError, "expected finite numbers in images, received NaN"),
        (
            lambda: plots.sample_images(IMAGES, LABELS[:3]),
            ValueError,
            "expected as many labels as images, received 3 for 12.",
        ),
        (lambda: plots.sample_images(IMAGES, LABELS, LABELS[:3]), ValueError, "expected as many predictions as images"),
        (
            lambda: plots.sample_images(IMAGES, LABELS - 0.5),
            ValueError,
            "expected labels to be whole numbers from 0, received",
        ),
        (
            lambda: plots.sample_images(IMAGES, LABELS - 20),
            ValueError,
            "expected labels to be whole numbers from 0, received",
        ),
        (lambda: plots.sample_images(IMAGES, np.zeros((12, 2, 2))), ValueError, "labels of shape (n,) or (n, classes)"),
        (
            lambda: plots.sample_images(IMAGES, count=0),
            ValueError,
            "expected count to be a positive whole number, received 0.",
        ),
        (
            lambda: plots.misclassified(IMAGES, LABELS, LABELS),
            ValueError,
            "misclassified: expected probabilities of shape (12,",
        ),
        (
            lambda: plots.misclassified(IMAGES, LABELS, np.ones((4, 10))),
            ValueError,
            "misclassified: expected as many probabilities as images, received 4 for 12. Cut both alike.",
        ),
        (
            lambda: plots.misclassified(IMAGES, LABELS, np.full((12, 10), np.inf)),
            ValueError,
            "in probabilities, received NaN or",
        ),
        (lambda: plots.misclassified(IMAGES, LABELS, NEXT, count="5"), ValueError, "received '5'"),
        (lambda: plots.confusion_matrix([], []), ValueError, "confusion_matrix: expected labels of shape (n,)"),
        (
            lambda: plots.confusion_matrix([1, 2], [1]),
            ValueError,
            "expected as many predictions as images, received 1 for 2.",
        ),
        (
            lambda: plots.confusion_matrix(["a"], [1]),
            TypeError,
            "expected labels to be an array of numbers, received dtype <U1",
        ),
        (
            lambda: plots.confusion_matrix([2], [1], ["a", "b"]),
            ValueError,
            "expected names of at least 3 classes, received 2.",
        ),
    ],
)
def test_images_and_labels_are_checked(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()


def test_confusion_matrix_counts_rows_by_truth_and_columns_by_prediction():
    labels, guesses = [0, 0, 0, 1, 2, 2], [0, 1, 1, 1, 0, 2]
    axes, _ = plots.confusion_matrix(labels, np.eye(3)[guesses]).axes
    cells = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    expected = [[1, 2, 0], [0, 1, 0], [1, 0, 1]]
    assert cells == {(i, j): str(expected[i][j]) for i in range(3) for j in range(3)}
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0, 2, 0], [0, 0, 0], [1, 0, 0]])  # mistakes alone
    assert axes.get_title() == "3 of 6 correct (50.00 %)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_confusion_matrix_takes_names_and_shows_classes_that_do_not_occur():
    axes, _ = plots.confusion_matrix([0, 1], [0, 1], classes=["a", "b", "c"]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    axes, _ = plots.confusion_matrix(np.eye(4)[[0, 1]], [0, 1]).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", "3"]


def test_bars_are_medians_with_their_range():
    (axes,) = plots.bars({"a": [3.0, 1.0, 2.0], "b": 0.25}, "time in ms", title="Times").axes
    assert [bar.get_width() for bar in axes.patches] == [2.0, 0.25]
    assert [list(line.get_xdata()) for line in axes.lines] == [[1.0, 3.0], [0.25, 0.25]]
    assert [text.get_text() for text in axes.texts] == ["2", "0.25"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first one stands at the top
    assert axes.get_xlabel() == "time in ms"
    assert axes.figure.get_suptitle() == "Times"


def test_bars_on_a_logarithmic_axis_are_points():
    (axes,) = plots.bars({"a": [100.0, 300.0, 200.0], "b": 0.25}, "ms", log=True).axes
    assert not axes.patches
    assert list(axes.lines[0].get_xdata()) == [200.0, 0.25]
    assert axes.get_xscale() == "log"
    low, high = axes.get_xlim()
    assert low < 0.25 < 300 < high


def test_roofline_has_its_edge_where_memory_and_arithmetic_meet():
    (axes,) = plots.roofline({"a": (2.0, 30.0), "b": (80.0, 50.0)}, peak=100, bandwidth=20).axes
    roof, *points = axes.lines
    x, y = roof.get_data()
    assert (x[1], y[1], y[2]) == (5.0, 100.0, 100.0)
    assert y[0] == 20 * x[0]
    assert [(p.get_xdata()[0], p.get_ydata()[0]) for p in points] == [(2.0, 30.0), (80.0, 50.0)]
    assert len({(p.get_color(), p.get_marker()) for p in points}) == 2
    assert [text.get_text() for text in axes.texts] == ["arithmetic: 100 GFLOP/s", "memory: 20 GB/s"]
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["a", "b"]


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: plots.bars({}, "ms"), ValueError, "bars: expected at least one name with its values, received none."),
        (lambda: plots.bars({"a": "long"}, "ms"), TypeError, "bars: expected a to be an array of numbers"),
        (
            lambda: plots.bars({"a": [1, -2]}, "ms"),
            ValueError,
            "bars: expected 'a' to hold no number below 0, one or several in a row, received shape (2,), the smallest "
            "-2. Leave such values out.",
        ),
        (lambda: plots.bars({"a": 0}, "ms", log=True), ValueError, "expected 'a' to hold positive numbers, one or"),
        (lambda: plots.bars({"a": []}, "ms"), ValueError, "received shape (0,), the smallest inf."),
        (lambda: plots.bars({"a": np.ones((2, 2))}, "ms"), ValueError, "received shape (2, 2), the smallest 1."),
        (
            lambda: plots.roofline({}, 1, 1),
            ValueError,
            "roofline: expected at least one program, received none. Pass a dict name -> (intensity, rate).",
        ),
        (
            lambda: plots.roofline({"a": (1, 1)}, 0, 1),
            ValueError,
            "roofline: expected peak and bandwidth of shape (n,), all above 0, received shape (2,).",
        ),
        (lambda: plots.roofline({"a": (0, 1)}, 1, 1), ValueError, "roofline: expected a of shape (n,), all above 0"),
        (
            lambda: plots.roofline({"a": (1, 2, 3)}, 1, 1),
            ValueError,
            "roofline: expected (intensity, rate) of 'a', received 3 numbers. Divide the operations by the bytes",
        ),
    ],
)
def test_bars_and_rooflines_are_checked(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()


def test_kernels_are_shown_one_by_one_in_a_symmetric_scale():
    layer = Conv2D(5, (3, 2), name="first")
    layer.build((None, 6, 6, 2), np.random.default_rng(0))
    figure = plots.kernels(layer, channel=1)
    shown = pictures(figure)[:5]
    np.testing.assert_array_equal(shown, layer.kernel.value[:, :, 1].transpose(2, 0, 1))
    limit = np.abs(layer.kernel.value).max()
    for image in figure.axes[0].images:
        np.testing.assert_allclose(image.get_clim(), (-limit, limit))
    assert figure.get_suptitle() == "5 kernels of 3×2 in first, input channel 1 of 2"
    assert [axes.get_ylabel() for axes in figure.axes][-1] == "weight"
    np.testing.assert_array_equal(pictures(plots.kernels(layer.kernel.value, 1))[:5], shown)
    assert plots.kernels(np.zeros((3, 3, 1))).get_suptitle() == "1 kernel of 3×3"


def test_kernels_of_other_convolutions_are_shown_filter_by_filter():
    layer = Conv2DTranspose(5, (3, 2), name="up")
    layer.build((None, 6, 6, 2))
    figure = plots.kernels(layer, channel=1)
    np.testing.assert_array_equal(pictures(figure)[:5], layer.kernel.value[..., 1].transpose(2, 0, 1))
    assert figure.get_suptitle() == "5 kernels of 3×2 in up, input channel 1 of 2"
    layer = DepthwiseConv2D((3, 2), depth_multiplier=2, name="depthwise")
    layer.build((None, 6, 6, 3))
    figure = plots.kernels(layer)
    expected = [layer.kernel.value[:, :, c, q] for c in range(3) for q in range(2)]  # in the order of the outputs
    np.testing.assert_array_equal(pictures(figure)[:6], expected)
    assert figure.get_suptitle() == "6 kernels of 3×2 in depthwise"


def test_feature_maps_are_the_layers_outputs():
    model = models.plain()
    image = np.random.default_rng(1).random((28, 28))
    x = image.reshape(1, 28, 28, 1)
    first = model.layers[0].forward(x)
    pooled = model.layers[1].forward(first)
    name = model.layers[1].name
    for layer, maps in ((None, first), (0, first), (name, pooled), (1, pooled), (model.layers[1], pooled)):
        figure = plots.feature_maps(model, image, layer)
        shown = pictures(figure)
        np.testing.assert_allclose(shown[0], image, rtol=1e-6)  # the image itself stands at the left
        np.testing.assert_array_equal(shown[1:33], maps[0].transpose(2, 0, 1))
    assert figure.get_suptitle() == f"32 feature maps of {name}"
    figure = plots.feature_maps(model, x, count=6)
    assert figure.get_suptitle() == f"32 feature maps of {model.layers[0].name}, the first 6"
    assert len(pictures(figure)) == 1 + 6


def test_feature_maps_with_negative_values_have_a_scale_around_zero():
    model = model_of_three_filters()
    figure = plots.feature_maps(model, np.random.default_rng(1).random((6, 6, 1)))
    low, high = visible(figure)[1].images[0].get_clim()
    assert low == -high < 0


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: plots.kernels(Conv2D(2, 3, name="c")),
            ValueError,
            "kernels: expected a layer that is built, 'c' is not.",
        ),
        (
            lambda: plots.kernels(PLAIN.layers[1]),
            TypeError,
            "kernels: expected a layer with a kernel, received <MaxPooling2D",
        ),
        (
            lambda: plots.kernels(PLAIN.layers[5]),
            ValueError,
            "expected a kernel of shape (height, width, channels, filters)",
        ),
        (
            lambda: plots.kernels("conv2d"),
            TypeError,
            "kernels: expected kernels to be an array of numbers, received dtype <U6",
        ),
        (lambda: plots.kernels(PLAIN.layers[0], 1), ValueError, "kernels: expected a channel from 0 to 0, received 1."),
        (
            lambda: plots.kernels(np.full((3, 3, 1), np.nan)),
            ValueError,
            "expected finite numbers in kernels, received NaN",
        ),
        (
            lambda: plots.feature_maps(Sequential([Conv2D(2, 3)], name="m"), IMAGES[0]),
            RuntimeError,
            "feature_maps: expected a model that is built, 'm' is not.",
        ),
        (
            lambda: plots.feature_maps(PLAIN, IMAGES),
            ValueError,
            "feature_maps: expected one image of shape (28, 28, 1), received shape (12, 28, 28). Pass images[0]",
        ),
        (
            lambda: plots.feature_maps(PLAIN, IMAGES[0], layer=4),
            ValueError,
            "feature_maps: expected a layer whose output is an image, received",
        ),
        (
            lambda: plots.feature_maps(PLAIN, IMAGES[0], layer=Conv2D(2, 3, name="other")),
            ValueError,
            f"feature_maps: expected a layer of {PLAIN.name!r}, received <Conv2D name=other",
        ),
        (lambda: plots.feature_maps(PLAIN, IMAGES[0], layer="nowhere"), ValueError, "received 'nowhere'"),
        (lambda: plots.feature_maps(PLAIN, IMAGES[0], layer=99), ValueError, "received 99"),
        (
            lambda: plots.feature_maps(PLAIN, IMAGES[0], count=-1),
            ValueError,
            "feature_maps: expected count to be a positive",
        ),
        (
            lambda: plots.feature_maps(PLAIN, IMAGES[0].astype(str)),
            TypeError,
            "feature_maps: expected image to be an array",
        ),
    ],
)
def test_layers_and_models_are_checked(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()


def test_feature_maps_of_a_broken_network_are_refused():
    model = model_of_three_filters()
    model.layers[0].kernel.value[...] = np.nan
    with pytest.raises(ValueError, match="feature_maps: expected finite numbers in activations, received NaN"):
        plots.feature_maps(model, np.ones((6, 6)))


def test_dropout_masks_show_what_is_handed_on_and_hide_what_is_dropped():
    image = np.array([[0.0, 1.0], [0.5, 0.25]])
    masks = {"rate 0.5": np.array([[[2, 2], [0, 2]], [[0, 0], [2, 2]]]), "rate 0": np.ones((2, 2, 2))}
    figure = plots.dropout_masks(image, masks, "Mine")
    axes, bar = visible(figure)
    shown = [picture.get_array().filled(-1) for picture in axes.images]
    np.testing.assert_array_equal(shown[0], [[0, 2], [-1, 0.5]])
    np.testing.assert_array_equal(shown[1], [[-1, -1], [1, 0.5]])
    np.testing.assert_array_equal(shown[2], image)
    assert {picture.get_clim() for picture in axes.images} == {(0.0, 2.0)}  # darker than the ink
    assert [text.get_text() for text in axes.texts] == ["rate 0.5", "rate 0"]
    assert bar.get_ylabel() == "value handed on"
    assert figure.get_suptitle() == "Mine"


def test_prediction_samples_hold_every_sample_their_mean_and_the_prediction_without_a_mask():
    figure = plots.prediction_samples(IMAGES[:3], SAMPLES, SAMPLES[7], ["a", "b", "c"])
    panels = [axes for axes in figure.axes if axes.lines]
    assert titles(figure) == ["", "a", "", "b", "", "c"]
    np.testing.assert_array_equal(pictures(figure), IMAGES[:3])
    for i, axes in enumerate(panels):
        dots, diamonds = axes.lines
        np.testing.assert_array_equal(np.reshape(dots.get_ydata(), (10, 50)), SAMPLES[:, i].T)
        np.testing.assert_array_equal(
            np.round(np.reshape(dots.get_xdata(), (10, 50))), np.arange(10)[:, None] + np.zeros(50)
        )
        np.testing.assert_array_equal(diamonds.get_ydata(), SAMPLES[7, i])
        np.testing.assert_allclose([bar.get_height() for bar in axes.patches], SAMPLES[:, i].mean(axis=0))
    assert figure.get_suptitle() == "50 masked predictions for each image"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["one masked prediction", "their mean", "without a mask"]
    figure = plots.prediction_samples(IMAGES[:3], SAMPLES)
    assert [len(axes.lines) for axes in figure.axes if axes.lines] == [1, 1, 1]
    assert len(figure.legends[0].get_texts()) == 2


def test_line_chart_holds_lines_levels_and_scales():
    (axes,) = plots.line_chart(LINES, "step", "loss", "Title", {"level": 0.5}, log_x=True, log_y=True).axes
    drawn = lines(axes)
    assert list(drawn) == ["one", "two", "level"]
    np.testing.assert_array_equal(drawn["two"], LINES["two"])
    assert list(drawn["level"][1]) == [0.5, 0.5]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("step", "loss", "Title")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    (axes,) = plots.line_chart({"training": LINES["one"], "validation": LINES["two"]}, "step", "loss").axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"]


def test_overfitting_curves_draw_means_and_the_range_of_the_runs():
    figure = plots.overfitting_curves({"200 images": RUNS, "all": RUNS}, "Mine")
    losses, errors = figure.axes[:2], figure.axes[2:]
    assert titles(figure) == ["200 images", "all", "", ""]
    runs = {name: figures | {"error": 1 - figures["accuracy"]} for name, figures in RUNS.items()}
    for axes, parts in [(losses[0], ("training", "validation")), (errors[0], ("error",))]:
        expected = [(one["step"], np.mean(one[part], axis=0)) for one in runs.values() for part in parts]
        for line, (step, mean) in zip(axes.lines, expected, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), step)
            np.testing.assert_allclose(line.get_ydata(), mean)
    band = losses[0].collections[0].get_paths()[0].vertices
    np.testing.assert_allclose([band[:, 1].min(), band[:, 1].max()], [RUNS["plain"]["training"].min(), 0.9])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "plain, training",
        "plain, validation",
        "dropout, training",
        "dropout, validation",
    ]
    assert figure.get_suptitle() == "Mine"


def test_uncertainty_bars_stack_disagreement_on_noise():
    noise, disagreement = np.array([0.1, 0.4, 1.0]), np.array([0.2, 0.0, 0.5])
    figure = plots.uncertainty_bars(IMAGES[:3], noise, disagreement, ["a", "b", "c"])
    bars = figure.axes[0].patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], [*noise, *disagreement])
    np.testing.assert_allclose([bar.get_y() for bar in bars], [0, 0, 0, *noise])
    np.testing.assert_array_equal(pictures(figure), IMAGES[:3])
    assert [axes.get_xlabel() for axes in figure.axes[1:]] == ["a", "b", "c"]
    assert figure.axes[0].get_ylabel() == "uncertainty (bits)"


def test_variance_shift_sets_inference_against_training_and_leaves_dead_channels_out():
    figure = plots.variance_shift({"first": VARIANCES, "second": VARIANCES})
    assert titles(figure) == ["first", "second"]
    for axes in figure.axes:
        drawn = lines(axes)
        np.testing.assert_array_equal(drawn["a channel"], [VARIANCES[0][1:], VARIANCES[1][1:]])
        np.testing.assert_array_equal(drawn["equal"][0], drawn["equal"][1])
        assert (axes.get_xlabel(), axes.get_xscale(), axes.get_yscale()) == ("in training", "log", "log")
    assert figure.axes[0].get_ylabel() == "in inference"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: plots.dropout_masks(IMAGES[:2], MASKS),
            "expected an image of shape (h, w), received (2, 28, 28). Pass",
        ),
        (
            lambda: plots.dropout_masks(IMAGES[0], {"a": np.ones((2, 28, 28)), "b": np.ones((3, 28, 28))}),
            "dropout_masks: expected masks of shape (k, 28, 28) with one k for all names, received (2, 28, 28), "
            "(3, 28, 28). Draw as many masks for each.",
        ),
        (lambda: plots.dropout_masks(IMAGES[0], {"a": np.ones((2, 9, 9))}), "for all names, received (2, 9, 9)."),
        (lambda: plots.dropout_masks(IMAGES[0], {}), "for all names, received none. Draw"),
        (
            lambda: plots.prediction_samples(IMAGES[:2], SAMPLES),
            "prediction_samples: expected samples of shape (count, 2, classes), received (50, 3, 10). Stack",
        ),
        (
            lambda: plots.prediction_samples(IMAGES[:3], SAMPLES, SAMPLES[0, :2]),
            "prediction_samples: expected unmasked of shape (3, 10), received (2, 10). Predict the same images.",
        ),
        (
            lambda: plots.prediction_samples(IMAGES[:3], SAMPLES, captions=["a"]),
            "prediction_samples: expected 3 captions, received 1. Give one for each image.",
        ),
        (lambda: plots.line_chart({}, "x", "y"), "line_chart: expected at least one line, received none."),
        (
            lambda: plots.line_chart({"a": ([1, 2], [1])}, "x", "y"),
            "line_chart: expected x and y of 'a' as two lists of one length, received shapes (2,) and (1,). Give a",
        ),
        (
            lambda: plots.line_chart({"a": ([1], [np.nan])}, "x", "y"),
            "expected finite numbers in y of 'a', received NaN",
        ),
        (lambda: plots.overfitting_curves({}), "overfitting_curves: expected at least one column, received none."),
        (
            lambda: plots.overfitting_curves({"200": {"plain": RUNS["plain"] | {"training": [1.0, 2.0]}}}),
            "overfitting_curves: expected training of 'plain' in '200' of shape (runs, 3), received (2,). Give each",
        ),
        (
            lambda: plots.uncertainty_bars(IMAGES[:3], np.ones(3), np.ones(2)),
            "uncertainty_bars: expected disagreement of shape (3,), received (2,). Give one for each image.",
        ),
        (lambda: plots.variance_shift({}), "variance_shift: expected at least one layer, received none."),
        (
            lambda: plots.variance_shift({"a": (np.ones(3), np.ones(2))}),
            "variance_shift: expected two lists of positive variances of one length for 'a', received shapes (3,) and "
            "(2,). Measure both on the same channels.",
        ),
        (lambda: plots.variance_shift({"a": (np.zeros(3), np.ones(3))}), "positive variances of one length for 'a'"),
    ],
)
def test_figures_of_dropout_check_what_they_are_given(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


def test_histograms_have_a_column_for_each_run_and_a_row_for_each_look():
    figure = plots.histograms_over_training(HISTOGRAMS, [0, 10, 20], "activation", "Title")
    assert figure.get_suptitle() == "Title"
    panels = np.array(figure.axes).reshape(3, 2)
    assert [axes.get_title() for axes in panels[0]] == list(HISTOGRAMS)
    assert [axes.get_ylabel() for axes in panels[:, 0]] == ["0", "10", "20"]
    assert [axes.get_xlabel() for axes in panels[-1]] == ["activation"] * 2
    for column, run in zip(panels.T, HISTOGRAMS.values(), strict=True):
        for axes, counts, edges in zip(column, run["counts"], run["edges"], strict=True):
            shown = axes.patches[-1].get_data()
            np.testing.assert_array_equal(shown.values, counts)
            np.testing.assert_allclose(shown.edges, edges)
    assert len({axes.get_ylim() for axes in panels.flat}) == 1  # one scale for all
    height = panels[0, 0].transScale.transform([(0, 0), (0, 9), (0, 99)])[:, 1]
    assert height[2] == pytest.approx(2 * height[1])  # logarithmic
    assert (height[0], sorted(panels[0, 0].get_yticks())) == (0, [1, 10])
    FigureCanvasAgg(figure).draw()
    labels = [[tick.label2.get_visible() for tick in axes.yaxis.get_major_ticks()] for axes in panels[1]]
    assert (any(labels[0]), all(labels[1])) == (False, True)  # at the right of a row
    assert [text.get_text() for text in panels[1, 1].texts] == ["count"]
    assert panels[0, 0].get_xlim() == panels[2, 1].get_xlim()
    own = np.array(plots.histograms_over_training(HISTOGRAMS, [0, 10, 20], "a", share_x=False).axes).reshape(3, 2)
    assert own[0, 0].get_xlim() == own[2, 0].get_xlim() != own[0, 1].get_xlim()


def test_a_look_at_one_number_is_a_bar_there_and_one_without_values_is_empty():
    edges = np.array([[-1.0, 0.0, 1.0], [-9.0, 2.0, 13.0], [0.0, 1.0, 2.0]])
    run = {"counts": np.array([[1, 2], [0, 5], [0, 0]]), "edges": edges}
    one, bar, empty = plots.histograms_over_training({"a": run}, [0, 1, 2], "a").axes
    assert len(one.patches) == 2
    assert list(bar.lines[0].get_xdata()) == [2.0, 2.0]
    assert not bar.patches
    assert not empty.patches
    assert not empty.lines
    assert one.get_xlim()[0] > -2  # the bins around one number do not stretch the axis


def test_line_chart_names_the_few_places_of_a_logarithmic_axis():
    (axes,) = plots.line_chart({"a": ([2, 8, 32], [1, 2, 3]), "b": ([4], [1])}, "x", "y", log_x=True).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "8", "32"]


def test_line_chart_shows_the_median_of_several_runs_in_a_band():
    runs = np.array([[1.0, 2.0, 3.0], [5.0, 2.0, 4.0], [2.0, 0.0, 9.0]])
    (axes,) = plots.line_chart({"a": ([1, 2, 4], runs), "one run": ([1, 2], [3, 4])}, "x", "y").axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [2.0, 2.0, 4.0])
    (band,) = axes.collections  # a single run has none
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
    assert {(1, 1), (2, 0), (4, 3), (1, 5), (2, 2), (4, 9)} <= corners


@pytest.mark.parametrize(
    ("runs", "steps", "text"),
    [
        ({}, [0], "histograms_over_training: expected at least one run and one step, received 0 and 1. Pass"),
        ({"a": spread()}, [], "expected at least one run and one step, received 1 and 0."),
        (
            {"a": spread()},
            [0, 1],
            "histograms_over_training: expected 'a' to hold counts (2, bins) and edges (2, bins + 1), received shapes "
            "(3, 10) and (3, 11). Pass all of what a Monitor keeps of one layer, and its steps.",
        ),
        ({"a": {"counts": np.ones((1, 3))}}, [0], "received shapes (1, 3) and (0,)."),
        (
            {"a": {"counts": [[np.nan]], "edges": [[0, 1]]}},
            [0],
            "expected finite numbers in counts of 'a', received NaN",
        ),
    ],
)
def test_histograms_are_checked(runs, steps, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        plots.histograms_over_training(runs, steps, "x")


def test_seed_bands_show_mean_and_range_in_one_colour_a_group():
    curves = np.array([[1.0, 0.5], [3.0, 0.1]])
    left, right = plots.seed_bands(
        {"one": {"a": curves, "b": curves + 1}, "two": {"b": curves}}, ["loss", "accuracy"]
    ).axes
    np.testing.assert_array_equal(left.lines[0].get_xdata(), [1, 2])
    np.testing.assert_allclose(left.lines[0].get_ydata(), [2.0, 0.3])
    edges = left.collections[0].get_paths()[0].vertices
    assert {(1.0, 1.0), (1.0, 3.0), (2.0, 0.1), (2.0, 0.5)} <= {tuple(point) for point in edges}
    assert same_color(left.lines[1].get_color(), right.lines[0].get_color())
    assert not same_color(left.lines[0].get_color(), left.lines[1].get_color())
    assert left.lines[0].get_marker() != left.lines[1].get_marker()
    assert [line.get_linestyle() for line in left.lines] == ["-", "-"]  # dashes are for validation
    assert [text.get_text() for text in left.figure.legends[0].get_texts()] == ["a", "b"]
    figure = plots.seed_bands({"loss": {"a": curves, "b": curves[:1]}, "validation loss": {"a": curves}}, "loss")
    assert [axes.lines[0].get_linestyle() for axes in figure.axes] == ["-", "--"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a (2 seeds)", "b (1 seed)"]
    assert [line.get_linestyle() for line in figure.legends[0].get_lines()] == ["-", "-"]
    assert plots.seed_bands({"one": {"a": curves}}, "validation loss").axes[0].lines[0].get_linestyle() == "--"
    assert [(axes.get_title(), axes.get_ylabel()) for axes in (left, right)] == [("one", "loss"), ("two", "accuracy")]
    assert right.yaxis.get_major_formatter()(0.5) == "50 %"


def test_seed_bands_of_one_quantity_share_their_axis():
    panels = {"one": {"a": np.full((2, 3), 0.01)}, "two": {"a": np.full((2, 3), 1.0)}}
    shared = plots.seed_bands(panels, "validation loss", log_loss=True).axes
    assert shared[0].get_ylim() == shared[1].get_ylim()
    assert [axes.get_ylabel() for axes in shared] == ["validation loss", ""]
    assert {axes.get_yscale() for axes in shared} == {"log"}
    wide = {name: {"a": [[1e-2, 1e5]]} for name in "abcdef"}
    axes, *_ = plots.seed_bands(wide, "loss", log_loss=True, columns=2).axes
    FigureCanvasAgg(axes.figure).draw()
    low, high = axes.get_ylim()
    assert sum(low <= tick.get_loc() <= high for tick in axes.yaxis.get_major_ticks()) >= 2  # over any range
    own = plots.seed_bands(panels, ["loss", "accuracy"], log_loss=True).axes
    assert [axes.get_yscale() for axes in own] == ["log", "linear"]


def test_seed_bands_in_a_grid_share_their_axis_and_leave_the_rest_of_it_empty():
    panels = {name: {"a": np.full((2, 3), 0.1 * i)} for i, name in enumerate("vwxyz", start=1)}
    figure = plots.seed_bands(panels, "loss", columns=3)
    assert [axes.get_visible() for axes in figure.axes] == [True] * 5 + [False]
    assert titles(figure) == list(panels)
    assert len({axes.get_ylim() for axes in visible(figure)}) == 1
    assert [axes.get_subplotspec().colspan.start for axes in visible(figure)] == [0, 1, 2, 0, 1]
    assert [axes.get_xlabel() for axes in visible(figure)] == ["", "", "epoch", "epoch", "epoch"]


def test_ranking_sorts_rows_and_shows_runs_mean_and_interval_in_the_colour_of_the_group():
    intervals = {"right": (0.5, 1.5), "wrong": (-1.0, 9.0), "worse": (40.0, 60.0)}
    (axes,) = plots.ranking(RANKED, intervals, "error, %", {"guessing": 90.0}, log=True).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["right", "wrong", "worse"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row stands above
    level, *lines = axes.lines
    assert level.get_xdata()[0] == 90
    means = [line for line in lines if len(line.get_xdata()) == 1 and line.get_alpha() is None]
    means = [line.get_xdata()[0] for line in means if line.get_linestyle() == "None" and line.get_marker() in "os"]
    assert means == [1.0, 4.0, 50.0]
    drawn = np.array([collection.get_segments()[0][:, 0] for collection in axes.collections])
    np.testing.assert_allclose(drawn, [[1 / 1.3, 1.5], [1 / 1.3, 9], [40, 60]])  # cut off where the axis ends
    colours = [collection.get_colors()[0] for collection in axes.collections]
    assert same_color(colours[0], colours[1])
    assert not same_color(colours[1], colours[2])
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["guessing", "unseen", "seen"]


def test_paired_differences_show_pairs_mean_interval_and_control():
    control = {"test loss": {"batch normalization − plain": [-0.15]}}
    (axes,) = plots.paired_differences(DIFFERENCES, INTERVALS, control, "Keras").axes
    points = {marker: [line for line in axes.lines if line.get_marker() == marker] for marker in "osD"}
    np.testing.assert_allclose([line.get_xdata() for line in points["o"]], list(DIFFERENCES["test loss"].values()))
    np.testing.assert_allclose([line.get_xdata()[0] for line in points["s"]], [0.2 / 3, -0.2])
    np.testing.assert_allclose([line.get_xdata() for line in points["D"]], [[-0.15]])
    drawn = [collection.get_segments()[0][:, 0] for collection in axes.collections]
    np.testing.assert_allclose(drawn, list(INTERVALS["test loss"].values()), atol=1e-12)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(DIFFERENCES["test loss"])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row stands above
    assert points["D"][0].get_ydata()[0] == pytest.approx(1.2)
    texts = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert texts == ["a pair of runs", "mean and interval", "a pair of runs, Keras"]


def test_reliability_diagram_shows_bins_gaps_and_error():
    above, below = plots.reliability_diagram({"plain": BINS}).axes
    _, filled, hollow = above.lines
    np.testing.assert_allclose(filled.get_xydata(), [[85 / 90, 89 / 90]])
    np.testing.assert_allclose(hollow.get_xydata(), [[0.5, 0.4]])
    gaps = above.collections[0].get_segments()
    np.testing.assert_allclose(gaps, [[[85 / 90, 85 / 90], [85 / 90, 89 / 90]]])  # none of few images
    assert hollow.get_markersize() < filled.get_markersize()
    assert above.get_title() == "plain\npooled ECE 5.00 %"  # (1 + 4) of 100 images
    assert plots.reliability_diagram({"a": BINS}, errors={"a": 0.0123}).axes[0].get_title() == "a\nECE 1.23 %"
    assert [bar.get_height() for bar in below.patches] == BINS["count"]
    np.testing.assert_allclose([bar.get_x() for bar in below.patches], [0, 1 / 3, 2 / 3])
    _, filled, hollow = plots.reliability_diagram({"plain": BINS}, least=5).axes[0].lines
    assert (len(filled.get_xdata()), len(hollow.get_xdata())) == (2, 0)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: plots.seed_bands({}, "loss"),
            ValueError,
            "seed_bands: expected a dict of dicts of arrays, none of them empty, received dict {}. Write {'a panel': ",
        ),
        (lambda: plots.seed_bands({"a": {}}, "loss"), ValueError, "none of them empty, received dict {'a': {}}."),
        (lambda: plots.seed_bands([1], "loss"), ValueError, "none of them empty, received list [1]."),
        (
            lambda: plots.seed_bands({"a": {"b": [1.0, 2.0]}}, "loss"),
            ValueError,
            "seed_bands: expected a table of seeds and epochs for 'b' in 'a', received shape (2,). "
            "Its shape has to have 2 numbers.",
        ),
        (lambda: plots.seed_bands({"a": {"b": [["x"]]}}, "loss"), TypeError, "expected 'b' to be an array of numbers"),
        (lambda: plots.seed_bands({"a": {"b": [[np.nan]]}}, "loss"), ValueError, "expected finite numbers in 'b'"),
        (
            lambda: plots.seed_bands({"a": {"b": [[1.0]]}}, ["loss", "accuracy"]),
            ValueError,
            "seed_bands: expected a ylabel for each of 1 panel, received 2. Pass one word for all, or as many as there",
        ),
        (
            lambda: plots.seed_bands({"a": {"b": [[1.0]]}}, "loss", columns=0),
            ValueError,
            "seed_bands: expected count to be a positive whole number, received 0.",
        ),
        (
            lambda: plots.ranking({"a": {"b": [1.0]}}, {}, "%"),
            ValueError,
            "ranking: expected an interval (low, high) for 'b', received None. Pass one for each row.",
        ),
        (
            lambda: plots.ranking({"a": {"b": [1.0]}, "c": {"b": [2.0]}}, {"b": (0, 3)}, "%"),
            ValueError,
            "ranking: expected each name once, received 'b' in two groups. Give it another name.",
        ),
        (
            lambda: plots.ranking({"a": {"b": [0.0, 1.0]}}, {"b": (0, 3)}, "%", log=True),
            ValueError,
            "ranking: expected positive numbers for 'b' on a logarithmic axis, received 0. Leave out log=True",
        ),
        (
            lambda: plots.paired_differences(DIFFERENCES, {"test loss": {"dropout − plain": (0, 1)}}),
            ValueError,
            "paired_differences: expected an interval (low, high) for 'batch normalization − plain' in 'test loss', "
            "received None. Pass one for each row.",
        ),
        (
            lambda: plots.paired_differences({"a": {"b": 1.0}}, {}),
            ValueError,
            "paired_differences: expected a row of differences for 'b' in 'a', received shape ().",
        ),
        (
            lambda: plots.reliability_diagram({"plain": {"count": [1], "confidence": [0.5]}}),
            ValueError,
            "reliability_diagram: expected count, confidence and correct of one length in 'plain', and at least one "
            "image, received 1 of count, 1 of confidence. Fill the bins from model.predict.",
        ),
        (
            lambda: plots.reliability_diagram({"plain": BINS}, errors={"bn": 0.01}),
            ValueError,
            "reliability_diagram: expected an error for 'plain', received {'bn': 0.01}. Pass one for each model.",
        ),
        (
            lambda: plots.reliability_diagram({"plain": {**BINS, "correct": [1]}}),
            ValueError,
            "received 3 of count, 3 of confidence, 1 of correct.",
        ),
        (
            lambda: plots.reliability_diagram({"plain": {part: [0, 0] for part in BINS}}),
            ValueError,
            "and at least one image",
        ),
    ],
)
def test_figures_of_several_runs_refuse(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()
