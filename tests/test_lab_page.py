"""The lab's page in a real browser: an exported file computes as the library does, by mouse and by keyboard."""

from __future__ import annotations

import base64
import math
import re
import shutil
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lab_program import serving, step_batch
from parity_cases import notebook_model
from random_models import Chain, build, chains, fill, some_input

from tinycnn import Sequential, keras, layers
from tinycnn.insight.copies import copy_model
from tinycnn.insight.inspection import gradients
from tinycnn.keras.layers import Conv2D, Dense, Input
from tinycnn.lab.export import export
from tinycnn.lab.server import Server
from tinycnn.lab.session import Session

BROWSER = next((path for path in ("/usr/bin/chromium", shutil.which("chromium")) if path and Path(path).exists()), None)
AXE = Path(__file__).parent / "browser/node_modules/axe-core/axe.min.js"
TOLERANCE = 1e-5  # of the largest activation: sums are in float64 there, in float32 here


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    if BROWSER is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test when something goes wrong in it, or when it asks for anything but its own file."""
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    page.close()
    assert wrong == []
    assert [url for url in requests if not url.startswith(("file://", "http://127.0.0.1:"))] == []


def opened(page: Any, model: Any, folder: Path) -> Any:
    """The page of the exported model, ready."""
    export(model, folder / "model.html")
    page.goto((folder / "model.html").as_uri())
    page.locator("html[data-ready]").wait_for()
    return page


def activations(page: Any, x: np.ndarray) -> list[np.ndarray]:
    """Every layer's output in the page, for one sample."""
    looks = page.evaluate(
        "async ([shape, data]) => (await lab.source.look({ shape, data: Float32Array.from(data) }))"
        ".map((y) => [y.shape, Array.from(y.data)])",
        [list(x.shape), x.ravel().tolist()],
    )
    return [np.array(data, "float64").reshape(shape) for shape, data in looks]


def assert_computes_alike(page: Any, model: Any, x: np.ndarray) -> None:
    for sample in x.astype("float32"):
        found = activations(page, sample)
        expected = [(layer.name, y[0]) for layer, _, y in model.walk(sample[None])]
        assert len(found) == len(expected)
        for (name, y), z in zip(expected, found, strict=True):
            assert z.shape == y.shape, name
            np.testing.assert_allclose(z, y, rtol=0, atol=TOLERANCE * max(1, np.abs(y).max()), err_msg=name)


def notebook(name: str = "batch_normalization") -> Sequential:
    return fill(notebook_model(keras, name))


pytestmark = pytest.mark.browser

IMAGE_CHAIN = Chain(
    (7, 6, 2),
    [
        ("ZeroPadding2D", {"padding": ((0, 1), (2, 0))}),
        ("Conv2D", {"filters": 3, "kernel_size": (3, 2), "padding": "same", "strides": (2, 1), "activation": "elu"}),
        ("BatchNormalization", {"scale": False, "epsilon": 0.1}),
        ("AveragePooling2D", {"pool_size": (3, 2), "strides": (1, 2), "padding": "same"}),
        ("Dropout", {"rate": 0.5}),
        ("Conv2D", {"filters": 4, "kernel_size": 2, "dilation_rate": (2, 1), "use_bias": False, "activation": "tanh"}),
        ("Conv2D", {"filters": 6, "kernel_size": 1, "groups": 2}),
        ("MaxPooling2D", {"pool_size": 2, "strides": 1, "padding": "same"}),
        ("LeakyReLU", {}),
        ("Dense", {"units": 3, "activation": "leaky_relu"}),
        ("ReLU", {"negative_slope": 0.125}),
        ("ELU", {"alpha": 0.25}),
        ("Reshape", {"target_shape": (-1, 3)}),
        ("Softmax", {}),
        ("Flatten", {}),
        ("Dense", {"units": 5, "activation": "sigmoid"}),
    ],
)
GLOBAL_CHAIN = Chain(
    (6, 6),
    [
        ("Reshape", {"target_shape": (6, 6, 1)}),
        ("Conv2D", {"filters": 3, "kernel_size": 3, "activation": "relu"}),
        ("GlobalMaxPooling2D", {"keepdims": True}),
        ("Activation", {"activation": "softmax"}),
        ("GlobalAveragePooling2D", {}),
        ("Dense", {"units": 1}),
    ],
)


@pytest.mark.parametrize("chain", [IMAGE_CHAIN, GLOBAL_CHAIN], ids=["image", "global"])
def test_an_exported_file_computes_every_layer_as_the_library_does(chain: Chain, page: Any, tmp_path: Path) -> None:
    model = fill(build(keras, chain))
    assert_computes_alike(opened(page, model, tmp_path), model, some_input(chain, n=2))


def test_a_functional_model_and_float64(page: Any, tmp_path: Path) -> None:
    x = Input(shape=(4, 4, 1))
    h = layers.Conv2D(2, 3, activation="relu", dtype="float64")(x)
    model = fill(keras.Model(x, Dense(3, activation="softmax", dtype="float64")(layers.Flatten(dtype="float64")(h))))
    assert_computes_alike(opened(page, model, tmp_path), model, np.random.default_rng(3).normal(size=(2, 4, 4, 1)))


def test_batch_normalization_in_training_is_that_of_the_library(page: Any, tmp_path: Path) -> None:
    frozen = layers.BatchNormalization(trainable=False)
    inner = [Conv2D(3, 3, activation="relu"), layers.BatchNormalization(), frozen, layers.Flatten(), Dense(2)]
    model = fill(Sequential([Input((5, 5, 1)), *inner, layers.BatchNormalization(epsilon=0.1)]))
    opened(page, model, tmp_path)
    x = np.random.default_rng(5).normal(size=(4, 5, 5, 1)).astype("float32")
    found = page.evaluate(
        """async (images) => {
            const [x, ...others] = images.map((data) => ({ shape: [5, 5, 1], data: Float32Array.from(data) }));
            return (await lab.source.inTraining(x, others)).map(({ output }) => Array.from(output.data));
        }""",
        x.reshape(4, -1).tolist(),
    )
    expected = [y[0].ravel() for _, _, y in copy_model(model).walk(x, training=True)]
    for y, z in zip(expected, found, strict=True):
        np.testing.assert_allclose(z, y, rtol=0, atol=TOLERANCE * max(1, np.abs(y).max()))


COVERED = ["Activation", "AveragePooling2D", "BatchNormalization", "Conv2D", "Conv2D", "Dense", "Dropout", "ELU"]
COVERED += ["Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "LeakyReLU", "MaxPooling2D", "ReLU", "Reshape"]
COVERED += ["Softmax", "SpatialDropout2D", "GaussianNoise", "AlphaDropout", "GaussianDropout", "ZeroPadding2D"]


@st.composite
def covered_chains(draw: Any) -> Chain:
    """Chains of the layers and arguments that forward.js knows."""
    chain = draw(chains(max_layers=7, names=COVERED))
    for name, arguments in chain.layers:
        if arguments.get("activation") in ("softplus", "silu"):
            arguments["activation"] = "elu"
        if name == "ReLU":
            arguments.update(max_value=None, threshold=0.0)
        if name == "Softmax":
            arguments["axis"] = -1
    return chain


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(covered_chains())
def test_random_chains(page: Any, tmp_path: Path, chain: Chain) -> None:
    assume(len(chain.input_shape) == 3)
    model = fill(build(keras, chain))
    assert_computes_alike(opened(page, model, tmp_path), model, some_input(chain, n=1))


def settle(page: Any) -> None:
    """Wait until the drawing has been looked at: the page does it once a frame."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def answer(page: Any) -> list[str]:
    return page.locator("#probabilities tbody td:last-child").all_inner_texts()


def shown(page: Any) -> list[float]:
    """What the page shows as the network's probabilities."""
    return [float(text.removesuffix(" %")) for text in answer(page)]


def test_a_drawing_by_mouse_and_by_keyboard_is_read(page: Any, tmp_path: Path) -> None:
    model = notebook()
    opened(page, model, tmp_path)
    page.click("#clear")
    page.get_by_text("nothing is drawn yet").wait_for()
    before = answer(page)
    box = page.locator("#pen").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.25 * box["height"], steps=4)
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
    page.mouse.up()
    settle(page)
    by_mouse = answer(page)
    assert by_mouse != before
    greys = np.array(page.evaluate("Array.from(lab.greys)"), "float32")
    assert greys.max() == 1
    np.testing.assert_allclose(
        np.array(shown(page)), 100 * model.predict(greys.reshape(1, 28, 28, 1), verbose=0)[0], atol=0.06
    )

    page.click("#clear")
    page.get_by_text("nothing is drawn yet").wait_for()
    page.locator("#pen").focus()
    for key in ["Space", *["ArrowDown"] * 14, *["ArrowRight"] * 6, "Space"]:
        page.keyboard.press(key)
    settle(page)
    assert answer(page) not in (before, by_mouse)
    page.keyboard.press("Delete")
    page.get_by_text("nothing is drawn yet").wait_for()
    assert answer(page) == before


def drawn(page: Any, points: list[tuple[float, float]]) -> np.ndarray:
    """What the network gets for a line through these points of the square, (h, w)."""
    page.click("#clear")
    box = page.locator("#pen").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()
    settle(page)
    return np.array(page.evaluate("Array.from(lab.greys)"), "float64").reshape(28, 28)


def test_a_finger_draws_and_does_not_scroll(browser: Any, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 500}, has_touch=True, is_mobile=True)
    page = opened(context.new_page(), Sequential([Input((28, 28, 1)), layers.Flatten(), Dense(2)]), tmp_path)
    page.click("#clear")
    page.evaluate("scrollTo(0, 0)")
    box = page.locator("#pen").bounding_box()
    touch = context.new_cdp_session(page)
    for kind, y in (("touchStart", 0.7), ("touchMove", 0.5), ("touchMove", 0.3), ("touchEnd", None)):
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + (y or 0) * box["height"]}
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if y is None else [at]})
    settle(page)
    rows, columns = np.nonzero(np.array(page.evaluate("Array.from(lab.greys)")).reshape(28, 28) > 0.5)
    assert np.ptp(rows) + 1 >= 19
    assert np.ptp(columns) + 1 <= 3
    assert page.evaluate("scrollY") == 0
    context.close()


SEVEN = np.array([(0.0, 0.0), (0.8, 0.0), (0.3, 1.0)])


def test_a_drawing_is_normalised_as_mnist_was(page: Any, tmp_path: Path) -> None:
    opened(page, Sequential([Input((28, 28, 1)), layers.Flatten(), Dense(2)]), tmp_path)
    small, large = 0.2 * SEVEN + (0.05, 0.7), 0.8 * SEVEN + 0.1
    images = [drawn(page, points.tolist()) for points in (small, large)]
    for image in images:
        rows, columns = np.nonzero(image > 0.5)
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        mass = [(image.sum(axis) * np.arange(28)).sum() / image.sum() for axis in (1, 0)]
        np.testing.assert_allclose(mass, 13.5, atol=0.1)
    np.testing.assert_allclose(images[0], images[1], atol=0.25)  # the mouse moves by whole pixels of the screen

    page.uncheck("#centre")
    left_below, everywhere = (drawn(page, points.tolist()) for points in (small, large))
    assert left_below[:, 14:].sum() == left_below[:14].sum() == 0 < left_below.sum() < 0.5 * everywhere.sum()

    page.check("#centre")
    dot = drawn(page, [(0.1, 0.1)])
    assert 0 < dot.sum() < 12


@pytest.mark.slow
def test_the_tour_has_six_steps_that_speak_of_this_image(page: Any, tmp_path: Path) -> None:
    model = notebook()
    opened(page, model, tmp_path)
    page.click("#tour-button")
    for place in range(1, 7):
        page.locator(f"#tour h2:has-text('{place} of 6')").wait_for()
        if place in (1, 6):
            label = page.evaluate("lab.answer().label")
            assert f"“{label}”" in page.inner_text("#tour p")
        page.click("#tour button:nth-of-type(2)")
    assert page.locator("#tour").is_hidden()


def test_a_pixel_is_taken_apart_into_what_the_library_adds_up(page: Any, tmp_path: Path) -> None:
    model = notebook()
    opened(page, model, tmp_path)
    x = np.array(page.evaluate("Array.from(lab.greys)"), "float32").reshape(1, 28, 28, 1)
    walk = [(layer, given, y[0]) for layer, given, y in model.walk(x)]
    for k in (0, 3, 7):  # both convolutions and the first dense layer
        layer, given, y = walk[k]
        i, j, channel = (4, 6, 5) if y.ndim == 3 else (0, 0, 5)
        page.evaluate("place => lab.open('pixel', place)", {"layer": k, "i": i, "j": j, "channel": channel})
        z = layer.forward(given, activate=False)[0][(i, j, channel) if y.ndim == 3 else channel]
        bias = layer.bias.value[channel]
        shown = page.locator(".equation").all_inner_texts()
        assert shown[0].startswith(f"z = {figure(z - bias)} (sum) + ")
        assert shown[0].endswith(f" = {figure(z)}")
        assert shown[1] == f"y = relu({figure(z)}) = {figure(max(z, 0))}"


VIEWS = {
    "maps": "h3:has-text('conv2d')",
    "pixel": ".equation",
    "kernels": "canvas[aria-label^='kernels: 32 maps']",
    "step": ".note",
    "batchNormalization": "canvas[aria-label*='Channels before']",
    "dropout": ".note",
    "occlusion": "[role=status]:has-text('→')",
    "training": ".note",
    "compare": ".note",
}


@pytest.mark.slow
def test_every_view_opens_by_keyboard(page: Any, tmp_path: Path) -> None:
    opened(page, notebook(), tmp_path)
    page.locator("[role=tab][aria-selected=true]").focus()
    for place, (view, what) in enumerate(VIEWS.items()):
        if place:
            page.keyboard.press("ArrowRight")
        page.locator(f"#tab-{view}[aria-selected=true]").wait_for()
        page.locator(f"#panel {what}").first.wait_for()
    page.click("#tab-batchNormalization")
    page.get_by_text("They are not 0: the statistics are those of training").wait_for()
    page.select_option("#bn-batch", "10")
    page.get_by_text("Its neighbours have a say: “").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1400])
def test_axe_finds_nothing(width: int, page: Any, tmp_path: Path) -> None:
    opened(page, notebook(), tmp_path)
    page.set_viewport_size({"width": width, "height": 800})
    for view, what in VIEWS.items():
        page.click(f"#tab-{view}")
        page.locator(f"#panel {what}").first.wait_for()
        assert accessible(page) == [], view
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    page.click("#theme-button")
    page.click("#tour-button")
    assert accessible(page) == []


PROGRAMS = {  # in the views of the program, and where the model has other layers
    "maps": "h3", "kernels": "canvas", "step": ".equation:has-text('loss =')", "dropout": ".passes canvas",
    "training": ".spread", "compare": "th",
}  # fmt: skip
TRAINING: dict[str, Any] = {
    "running": False,
    "version": 1,
    "epoch": 2,
    "step": 7,
    "steps": 45,
    "logs": {"loss": 0.25},
    "history": {"loss": [2.0, 0.5], "val_loss": [1.5, 0.75]},
    "layers": [{"name": "conv2d", "counts": [1, 5, 2], "edges": [0.0, 1.0, 2.0, 3.0], "dead": 0.125}],
    "misread": [{"pixels": base64.b64encode(bytes(784)).decode(), "label": 3, "answer": 5, "share": 0.625}],
}


@pytest.mark.slow
def test_the_page_of_a_program(page: Any) -> None:
    model = notebook()
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    training = dict(TRAINING)
    with serving(model, {"this one": model, "another": notebook("plain")}, training) as (address, requests):
        page.goto(address)
        page.locator("html[data-ready]").wait_for()
        page.locator("[aria-label='take this 5']").click()
        page.evaluate("lab.lookAt(lab.greys)")  # and wait for it
        x = np.array(page.evaluate("Array.from(lab.greys)"), "float32").reshape(1, 28, 28, 1)
        np.testing.assert_allclose(shown(page), 100 * model.forward(x)[0], atol=0.06)
        for view in VIEWS:
            page.click(f"#tab-{view}")
            page.locator("#panel > :nth-child(2)").wait_for()

        page.click("#tab-step")
        page.select_option("#step-label", "3")
        page.get_by_text("How far one step moves each weight").click()
        page.get_by_text("conv2d/kernel").wait_for()
        expected = np.abs(gradients(model, *step_batch(x, 3))["conv2d"].output[0]).max()
        label = page.get_attribute("canvas[aria-label^='gradient of conv2d:']", "aria-label")
        assert expected > 0
        np.testing.assert_allclose(float(label.split()[-1]), expected, rtol=0.06)

        page.click("#tab-batchNormalization")
        page.select_option("#bn-batch", "3")
        page.get_by_text("Its neighbours have a say").wait_for()
        others = page.evaluate("lab.examples.slice(0, 3).map(({ pixels }) => Array.from(pixels))")
        batch = np.concatenate([x, np.array(others, "float32").reshape(3, 28, 28, 1)])
        in_training = copy_model(model).forward(batch, training=True)[0]
        page.get_by_text(f"have a say: “{in_training.argmax()}” with {100 * in_training.max():.1f} %").wait_for()
        means = next(given for _, given, _ in islice(model.walk(batch), 1, None)).mean(axis=(0, 1, 2), dtype="float64")
        label = page.get_attribute("canvas[aria-label^='Channels before']", "aria-label")
        assert label.endswith(f"normalised by means from {figure(means.min())} to {figure(means.max())}")

        page.click("#tab-compare")
        page.locator("th:has-text('another')").wait_for()
        everything = VIEWS | {"step": "canvas", "compare": "th", "training": "canvas"}
        for view, what in everything.items() if AXE.exists() else ():
            page.click(f"#tab-{view}")
            page.locator(f"#panel {what}").first.wait_for()
            assert accessible(page) == [], view
        page.click("#tab-training")
        page.get_by_text("3 read as 5, 62.5 %").wait_for()
        page.get_by_text("from 0 to 3.00; 12.5 % of its relus are dead").wait_for()
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_text("Epoch 2, step 7 of 45").wait_for()  # a second later, without a stroke
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_text("Not training · loss 0.250").wait_for()

        model.set_weights([0 * weights for weights in model.get_weights()])
        training["version"] += 1
        page.locator("#probabilities tr:has-text('10.0 %') >> nth=9").wait_for()
        assert "POST stop" in requests


@pytest.fixture
def program() -> Iterator[tuple[str, Session]]:
    """The program itself on a small model, and its address."""
    rng = np.random.default_rng(0)
    x, y = rng.random((640, 28, 28, 1)).astype("float32"), rng.integers(0, 10, 640)
    chain = [Conv2D(2, 5, activation="relu"), layers.BatchNormalization(), layers.LayerNormalization()]
    chain += [layers.Dropout(0.5), layers.Flatten(), Dense(10, activation="softmax", name="a_name_" * 6)]
    model = Sequential([Input((28, 28, 1)), *chain])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], kernels="reference")
    session = Session(model, (x, y), (x[:50], y[:50]), [model])
    server = Server(session.respond)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.url, session
    session.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_keys_alone_draw_read_and_train(page: Any, program: tuple[str, Session]) -> None:
    address, session = program
    page.goto(address)
    page.locator("html[data-ready]").wait_for()

    def tab_to(what: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("what => document.activeElement.matches(what)", what):
                return
        raise AssertionError(f"Tab does not lead to {what}")

    tab_to("#pen")
    page.keyboard.press("Delete")
    page.get_by_text("nothing is drawn yet").wait_for()
    for key in ("Space", *["ArrowDown"] * 9, "Space"):
        page.keyboard.press(key)
    page.locator("#answer strong").wait_for()
    assert np.array(page.evaluate("Array.from(lab.greys)")).max() == 1
    tab_to("[role=tab][aria-selected=true]")
    for view in list(VIEWS)[1:-1]:
        page.keyboard.press("ArrowRight")
        page.locator(f"#tab-{view}[aria-selected=true]").wait_for()
        if view == "training":
            break
    page.locator(".spread").first.wait_for()
    tab_to("#panel button:not(:disabled)")
    page.keyboard.press("Enter")
    page.get_by_text(re.compile(r"Epoch \d+, step")).wait_for()
    tab_to("#panel button:nth-of-type(2):not(:disabled)")
    page.keyboard.press("Enter")
    page.get_by_text("Not training · ").wait_for()
    assert session.watch.version > 0


@pytest.mark.slow
@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1400, "dark")])
def test_axe_finds_nothing_in_the_program(width: int, theme: Any, page: Any, program: tuple[str, Session]) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    page.goto(program[0])
    page.locator("html[data-ready]").wait_for()
    for view, what in VIEWS.items():
        page.click(f"#tab-{view}")
        page.locator(f"#panel {PROGRAMS.get(view, what)}").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view  # a long name, too
        assert accessible(page) == [], view


def figure(value: float) -> str:
    """A number as the page writes it, in three digits."""
    sign, size = "−" if value < 0 else "", abs(float(value))
    if 0 < size < 1e-3:
        return sign + f"{size:.1e}".replace("e-0", "e-")
    return f"{sign}{size:.{max(0, 2 - math.floor(math.log10(size)))}f}" if size else "0"


def accessible(page: Any) -> list[Any]:
    """What axe finds wrong."""
    if not AXE.exists():
        pytest.skip("needs axe-core: npm ci --prefix tests/browser")
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return [(one["id"], one["help"], [node["html"] for node in one["nodes"]][:3]) for one in found]
