"""The lab's program: every number against another way to it, requests that are not the page's, and training beside."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinycnn
from tinycnn import models
from tinycnn.functional import Input
from tinycnn.insight.copies import copy_model
from tinycnn.kernels import REFERENCE
from tinycnn.lab import command_line, looks, server
from tinycnn.lab import images as lab_images
from tinycnn.lab.server import Server
from tinycnn.lab.session import NotPossible, Session, Watch, to_json
from tinycnn.layers import Add, BatchNormalization, Conv2D, Dense, Dropout, Flatten, LayerNormalization, MaxPooling2D
from tinycnn.model import Model
from tinycnn.saving import load_model
from tinycnn.sequential import Sequential

LAYERS = 9


def small(kernels: str = "reference") -> Any:
    tinycnn.set_random_seed(3)
    model = Sequential(
        [
            Conv2D(4, 3, activation="relu", input_shape=(28, 28, 1)), BatchNormalization(), MaxPooling2D(2),
            Dropout(0.25), Flatten(), Dense(8, activation="relu"), LayerNormalization(), Dropout(0.5),
            Dense(10, activation="softmax"),
        ]
    )  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], kernels=kernels)
    return model


def images(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((count, 28, 28, 1)).astype(np.float32), rng.integers(0, 10, count)


@pytest.fixture
def session() -> Iterator[Session]:
    model = small()
    x, y = images(64)
    model.fit(x, y, epochs=1, verbose=0)
    session = Session(model, (x, y), images(40, 1), labels=list("abcdefghij"))
    yield session
    session.close()


def floats(content: Any, *shapes: Any) -> list[np.ndarray]:
    numbers = np.frombuffer(content, "<f4")
    assert numbers.size == sum(int(np.prod(shape)) for shape in shapes)
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(numbers, cuts), shapes, strict=True)]


# Numbers


def test_the_description_names_layers_shapes_and_where_they_take_their_input_from(session: Session) -> None:
    found = json.loads(to_json(session.answer("model", None)))
    assert [layer["class"] for layer in found["layers"]][:2] == ["Conv2D", "BatchNormalization"]
    assert [layer["sources"] for layer in found["layers"]] == [[place - 1] for place in range(LAYERS)]
    assert found["layers"][6]["kind"] == "LayerNormalization"  # forward.js has none
    assert found["layers"][0]["shape"] == [26, 26, 4]
    assert list(found["layers"][1]["weights"]) == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert found["input_shape"] == [28, 28, 1]
    assert found["labels"] == list("abcdefghij")
    assert found["parameters"][:2] == ["conv2d/kernel", "conv2d/bias"]
    assert len(found["examples"]) == 10


def test_what_every_layer_puts_out(session: Session) -> None:
    x, _ = images(1, 5)
    shapes = [layer.output_shape[1:] for layer in session.model.layers]
    found = floats(session.answer("look", x.ravel()), *shapes)
    for layer, y in zip(session.model.layers, found, strict=True):
        expected = x = layer.forward(x)
        np.testing.assert_allclose(y, expected[0], atol=1e-5)


def test_predictions_and_weights(session: Session) -> None:
    x, _ = images(5, 6)
    (found,) = floats(session.answer("predict", x.ravel()), (5, 10))
    np.testing.assert_allclose(found, session.model.predict(x, verbose=0), atol=1e-5)
    kernel, bias = floats(session.answer("weights/0", None), (3, 3, 1, 4), (4,))
    np.testing.assert_array_equal(kernel, session.model.layers[0].kernel.value)
    np.testing.assert_array_equal(bias, session.model.layers[0].bias.value)


def test_batch_normalization_in_training(session: Session) -> None:
    x, _ = images(6, 7)
    shapes = [layer.output_shape[1:] for layer in session.model.layers]
    *outputs, mean, variance = floats(session.answer("in_training", x.ravel()), *shapes, (4,), (4,))
    z = session.model.layers[0].forward(x)
    np.testing.assert_allclose(mean, z.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(variance, z.var(axis=(0, 1, 2)), rtol=1e-4)
    bn = session.model.layers[1]
    expected = bn.gamma.value * (z - mean) / np.sqrt(variance + bn.epsilon) + bn.beta.value
    np.testing.assert_allclose(outputs[1], expected[0], atol=1e-4)
    np.testing.assert_array_equal(outputs[3], outputs[2])  # dropout lets all pass


def test_masks_of_dropout_and_what_follows_from_them(session: Session) -> None:
    x, _ = images(1, 8)
    count = 12
    found = floats(session.answer(f"dropout/7/{count}", x.ravel()), *[(8,), (10,)] * count)
    masks, answers = np.array(found[::2]), np.array(found[1::2])
    assert set(np.unique(masks)) == {0.0, 2.0}
    assert len({mask.tobytes() for mask in masks}) > 1
    taken = x
    for layer in session.model.layers[:7]:
        taken = layer.forward(taken)
    for mask, answer in zip(masks, answers, strict=True):
        np.testing.assert_allclose(answer, session.model.layers[8].forward(taken * mask)[0], atol=1e-5)
    with pytest.raises(NotPossible, match=r"expected the place of a Dropout layer, received 0, a Conv2D\."):
        session.answer("dropout/0/3", x.ravel())


def test_a_step_taken_apart(session: Session) -> None:
    x, _ = images(1, 9)
    shapes = [layer.output_shape[1:] for layer in session.model.layers]
    parameters = session.description["parameters"]
    loss, *gradients, of_image, ratios = floats(
        session.answer("step/4", x.ravel()), (1,), *shapes, (28, 28, 1), (len(parameters),)
    )
    # the gradient of the last dense layer's input, by differences, with the masks of the same copy
    data, labels = session.data  # type: ignore[misc]
    rows = np.random.default_rng(0).permutation(len(data))[:31]
    batch, y = np.concatenate([x, data[rows]]), np.concatenate([[4], labels[rows]])
    assert loss[0] == pytest.approx(looks._loss(looks.snapshot(session.model), batch, y), rel=1e-5)

    def loss_at(image: np.ndarray) -> float:
        twin = looks.snapshot(session.model)
        twin = copy_model(twin, "float64")
        return looks._loss(twin, np.concatenate([image, data[rows]]).astype(np.float64), y)

    place = np.unravel_index(np.argmax(np.abs(of_image)), (28, 28, 1))
    slopes = []
    for sign in (1, -1):
        moved = x.astype(np.float64)
        moved[(0, *place)] += sign * 1e-5
        slopes.append(loss_at(moved))
    assert of_image[place] == pytest.approx((slopes[0] - slopes[1]) / 2e-5, rel=0.02)
    assert np.all(np.isfinite(ratios[: len(parameters) - 1]))
    assert [g.shape for g in gradients] == [tuple(shape) for shape in shapes]


def test_the_activations_are_histograms_and_misread_images(session: Session) -> None:
    now = json.loads(to_json(session.answer("activations", None)))
    assert [layer["name"] for layer in now["layers"]] == [layer.name for layer in session.model.layers]
    assert sum(now["layers"][0]["counts"]) == 40 * 26 * 26 * 4
    assert 0 <= now["layers"][0]["dead"] <= 1
    assert now["layers"][1]["dead"] is None
    x, y = session.test  # type: ignore[misc]
    answers = session.model.predict(x, verbose=0)
    wrong = np.flatnonzero(answers.argmax(axis=1) != y)
    assert len(now["misread"]) == min(len(wrong), 24)
    lead = [answers[i].max() - answers[i, y[i]] for i in wrong]
    nearest = wrong[int(np.argmin(lead))]
    assert (now["misread"][0]["label"], now["misread"][0]["answer"]) == (y[nearest], answers[nearest].argmax())


def test_what_the_page_asks_every_second_looks_at_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("snapshot", "histograms", "misread"):
        monkeypatch.setattr(looks, name, None)
    now = json.loads(to_json(session.answer("training", None)))
    assert (now["running"], now["failure"]) == (False, "")
    assert now["history"]["loss"]


def test_activations_are_measured_again_when_the_weights_have_changed_and_seldom_in_a_training(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    monkeypatch.setattr(looks, "histograms", lambda *_: measured.append(1) or [])
    clock = [100.0]
    monkeypatch.setattr("tinycnn.lab.session.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr(looks, "misread", lambda *_: clock.__setitem__(0, clock[0] + 0.25) or [])

    def count(version: int, fitting: bool, seconds: float = 0.0) -> int:
        session.watch.version, session.watch.fitting = version, fitting
        clock[0] += seconds
        session.answer("activations", None)
        return len(measured)

    assert [count(0, False), count(0, False), count(1, True)] == [1, 1, 1]
    assert [count(2, True, 24.9), count(2, True, 0.2), count(3, True, 24.8)] == [1, 2, 2]
    assert [count(3, False), count(3, False)] == [3, 3]  # the training has ended: what is there now is shown


def test_models_side_by_side() -> None:
    one, two = small(), small()
    x, _ = images(1)
    two.layers[-1].bias.value[3] = 5.0
    found = Session(one, others=[two]).answer("compare", x.ravel())
    for model, answer in zip((one, two), found, strict=True):
        np.testing.assert_allclose(answer["output"], model.predict(x, verbose=0)[0], atol=1e-5)  # type: ignore[index]


def test_a_graph_is_looked_at_too() -> None:
    entry = Input((28, 28, 1))
    left = Conv2D(2, 3, padding="same")(entry)
    joined = Add()([left, Conv2D(2, 1)(entry)])
    model = Model(entry, Dense(10, activation="softmax")(Flatten()(joined)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = images(40)
    session = Session(model, (x, y))
    assert [layer["sources"] for layer in session.description["layers"]] == [[-1], [-1], [0, 1], [2], [3]]
    shapes = [layer["shape"] for layer in session.description["layers"]]
    found = floats(session.answer("look", x[0].ravel()), *shapes)
    np.testing.assert_allclose(found[2], found[0] + found[1], atol=1e-6)
    np.testing.assert_allclose(found[-1], model.predict(x[:1], verbose=0)[0], atol=1e-5)
    session.answer("step/3", x[0].ravel())


# Training beside


@pytest.mark.jit
def test_training_with_the_lab_open_ends_with_the_same_bits() -> None:
    x, y = images(320)
    alone, watched = small("fast"), small("fast")
    alone.fit(x, y, epochs=2, verbose=0)
    session = Session(watched, (x, y), (x[:50], y[:50]))
    done = threading.Event()
    asked: list[int] = []

    def look() -> None:
        while not done.is_set():
            for path in ("look", "in_training", "step/1", "dropout/3/2", "predict", "compare"):
                session.answer(path, x[0].ravel())
            session.answer("training", None)
            session._due = 0.0  # as often as can be
            session.answer("activations", None)
            asked.append(1)

    looker = threading.Thread(target=look)
    looker.start()
    watched.fit(x, y, epochs=2, verbose=0)
    done.set()
    looker.join()
    assert asked
    for one, other in zip(alone.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_starts_is_counted_and_stops() -> None:
    x, y = images(640)
    session = Session(small(), (x, y))
    session.answer("train", np.empty(0, np.float32))
    with pytest.raises(NotPossible, match="it trains already"):
        session.answer("train", np.empty(0, np.float32))
    end = time.monotonic() + 120
    while (state := session.watch.state())["version"] < 5:
        assert time.monotonic() < end
        assert session.running, session.failure
        time.sleep(0.02)
    assert (state["epoch"], state["steps"]) == (1, 20)
    session.answer("stop", np.empty(0, np.float32))
    session.close()
    assert not session.running
    assert not session.failure
    assert json.loads(to_json(session.answer("training", None)))["history"]["loss"]


def test_a_training_command_opens_it_and_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tinycnn import train

    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    asked: list[Any] = []
    original = Session._training

    def watched(self: Session, _: None) -> dict[str, Any]:
        asked.append((self.running, self.watch.version))
        return original(self, _)

    monkeypatch.setitem(Session._requests, "training", (watched, 0, "GET"))
    on_train_batch_end = Watch.on_train_batch_end

    def look(self: Watch, batch: int, logs: Any = None) -> None:
        on_train_batch_end(self, batch, logs)
        port = int(opened[0].split(":")[2].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        token = connection.getresponse().read().decode().split('name="token" content="')[1].split('"')[0]
        for method, path, body in (
            ("GET", "/training", None),
            ("POST", "/look", bytes(4 * 784)),
            ("POST", "/stop", b""),
        ):
            connection.request(method, path, body, {"X-Token": token})
            asked.append(connection.getresponse().read()[:60])
        connection.close()

    monkeypatch.setattr(Watch, "on_train_batch_end", look)
    arguments = ["--data", "digits", "--subset", "120", "--epochs", "2", "--verbose", "0", "--kernels", "reference"]
    for name, more in (("with", ["--lab"]), ("without", [])):
        tinycnn.utils.clear_session()  # layers are called alike
        assert train.main([*arguments, *more, "--out", str(tmp_path / name)]) == 0
    assert len(opened) == 1
    assert (True, 1) in asked
    assert b"lab: the command that opened this page trains the model; Ctr" in asked
    one, other = ((tmp_path / name / "model.weights.h5").read_bytes() for name in ("with", "without"))
    assert one == other
    said = capsys.readouterr().out
    assert f"The lab is at {opened[0]} until the training ends." in said


def test_a_training_goes_on_where_the_lab_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tinycnn import train

    def taken(*_: Any, **__: Any) -> None:
        raise OSError("no port is free")

    monkeypatch.setattr("tinycnn.lab.server.Server.__init__", taken)
    arguments = ["--data", "digits", "--subset", "60", "--epochs", "1", "--verbose", "0", "--kernels", "reference"]
    assert train.main([*arguments, "--lab", "--out", str(tmp_path / "run")]) == 0
    assert "warning: training without the lab (no port is free)." in capsys.readouterr().err


def test_what_goes_wrong_in_training_is_told() -> None:
    x, y = images(40)
    session = Session(small(), (x * np.nan, y))
    session.answer("train", np.empty(0, np.float32))
    session.close()
    assert session.failure.startswith(("fit: expected", "loss: expected a finite number"))


def test_without_images_that_suit_there_is_no_training() -> None:
    session = Session(small())
    for path in ("train", "step/1"):
        status, content, _ = session.respond(path, np.zeros(784, np.float32))
        assert (status, content.decode()) == (
            409, "lab: expected training images of 28x28x1, found none: digits are 28x28x1."
        )  # fmt: skip


# What is asked wrongly


@pytest.mark.parametrize(
    ("path", "size", "status", "said"),
    [
        ("nothing", 784, 404, "lab: expected one of model, weights, training, activations, look"),
        ("look/1", 784, 404, "lab: expected one of"),
        ("weights/x", None, 404, "lab: expected one of"),
        ("look", None, 404, "lab: expected one of"),
        ("weights/99", None, 409, "lab: expected the place of one of 9 layers, received 99."),
        ("look", 783, 409, "lab: expected 1 to 1 images of 784 finite numbers, received 783 numbers."),
        ("look", 0, 409, "lab: expected 1 to 1 images of 784 finite numbers, received 0 numbers."),
        ("look", 2 * 784, 409, "lab: expected 1 to 1 images"),
        ("step/10", 784, 409, "lab: expected a label from 0 to 9, received 10."),
        ("dropout/7/101", 784, 409, "lab: expected 1 to 100 masks, received 101."),
    ],
)
def test_requests_that_cannot_be_answered(
    session: Session, path: str, size: int | None, status: int, said: str
) -> None:
    found, content, kind = session.respond(path, None if size is None else np.zeros(size, np.float32))
    assert found == status
    assert content.decode().startswith(said)
    assert kind == "text/plain; charset=utf-8"


def test_numbers_that_are_none_are_refused(session: Session) -> None:
    status, content, _ = session.respond("look", np.full(784, np.nan, np.float32))
    assert (status, b"finite numbers" in content) == (409, True)


def test_an_empty_and_a_full_drawing_are_drawings(session: Session) -> None:
    for grey in (0.0, 1.0):
        assert session.respond("look", np.full(784, grey, np.float32))[0] == 200


def test_models_that_cannot_be_drawn_into() -> None:
    one, other = Input((28, 28, 1)), Input((28, 28, 1))
    two = Model([one, other], Flatten()(Add()([one, other])))
    with pytest.raises(ValueError, match=r"lab: expected a model with one input and one output, received .* 2 and 1\."):
        Session(two)
    with pytest.raises(ValueError, match=r"lab: expected a model that takes images, .* inputs of shape \(7,\)"):
        Session(Sequential([Dense(2, input_shape=(7,))]))


def test_bodies_may_be_as_large_as_the_images_of_a_request(session: Session) -> None:
    assert session.largest_body == 64_000  # 16 images of 28x28 are fewer
    large = Session(Sequential([Flatten(input_shape=(64, 64, 3))]))
    assert large.largest_body == 16 * 4 * 64 * 64 * 3
    assert session.respond("predict", np.zeros(16 * 784, np.float32))[0] == 200
    status, content, _ = session.respond("predict", np.zeros(17 * 784, np.float32))
    assert (status, content.decode()) == (
        409, "lab: expected 1 to 16 images of 784 finite numbers, received 13328 numbers."
    )  # fmt: skip


# The server


@pytest.fixture
def serving() -> Iterator[Server]:
    def answer(path: str, body: np.ndarray | None) -> tuple[int, bytes, str]:
        return 200, f"{path} {None if body is None else body.size}".encode(), "text/plain"

    running = Server(answer)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def ask(
    running: Server, method: str, path: str, body: bytes | None = None, **headers: str | None
) -> tuple[int, str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    given = {"Host": f"127.0.0.1:{running.port}", "X-Token": running.token} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    connection.putrequest(method, path, skip_host=True)
    for name, value in ({"Content-Length": str(len(body))} if body is not None else {} | {}).items():
        given.setdefault(name, value)
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text, response.headers


def test_the_page_and_its_files(serving: Server) -> None:
    status, text, headers = ask(serving, "GET", "/", X_Token=None)
    assert status == 200
    assert f'<meta name="token" content="{serving.token}">' in text
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    for name in ("lab.js", "lab.css", "views/maps.js", "icon.svg"):
        status, text, headers = ask(serving, "GET", f"/{name}", X_Token=None)
        assert (status, text) == (200, (server.PAGE / name).read_text(encoding="utf-8"))
    assert "README.md" not in server.FILES


@pytest.mark.parametrize(
    "path", ["/../server.py", "/views/../../server.py", "//etc/passwd", "/README.md", "/%2e%2e/server.py"]
)
def test_no_other_file_is_served(serving: Server, path: str) -> None:
    assert ask(serving, "GET", path, X_Token=None)[0] == 403  # a question, which needs the token
    assert "import" not in ask(serving, "GET", path)[1]


def test_a_question_with_its_token_is_answered(serving: Server) -> None:
    assert ask(serving, "POST", "/look", bytes(8))[:2] == (200, "look 2")
    assert ask(serving, "GET", "/model")[:2] == (200, "model None")
    assert ask(serving, "GET", "/model", Host=f"localhost:{serving.port}")[0] == 200
    assert ask(serving, "GET", "/model", Origin=f"http://127.0.0.1:{serving.port}")[0] == 200


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Host": "evil.example"}, "expected the host 127.0.0.1:"),
        ({"Host": None}, "expected the host 127.0.0.1:"),
        ({"Host": "127.0.0.1"}, "expected the host 127.0.0.1:"),
        ({"Origin": "http://evil.example"}, "expected a request of the lab's own page."),
        ({"Origin": "null"}, "expected a request of the lab's own page."),
        ({"X_Token": None}, "expected the token of this program's page."),
        ({"X_Token": "guess"}, "expected the token of this program's page."),
        ({"X_Token": "ä"}, "expected the token of this program's page."),
    ],
)
def test_foreign_requests_are_refused(serving: Server, headers: dict[str, str | None], said: str) -> None:
    for method, body in (("GET", None), ("POST", bytes(4))):
        status, text, _ = ask(serving, method, "/model", body, **headers)
        assert status in (400, 403)
        assert status == 400 or text.startswith(f"lab: {said}")


def test_bodies_that_are_too_large_or_cut_off(serving: Server) -> None:
    status, text, _ = ask(serving, "POST", "/look", b"", Content_Length="64001")
    assert (status, text) == (413, "lab: expected a body of at most 64,000 bytes, received 64,001.")
    assert ask(serving, "POST", "/look", bytes(64_000))[0] == 200
    assert ask(serving, "POST", "/look", b"", Content_Length="x")[0] == 411
    assert ask(serving, "POST", "/look", bytes(7))[:2] == (
        400, "lab: expected 7 bytes of float32 numbers, received 7."
    )  # fmt: skip
    with socket.create_connection(("127.0.0.1", serving.port)) as half:
        half.sendall(
            f"POST /look HTTP/1.1\r\nHost: 127.0.0.1:{serving.port}\r\nX-Token: {serving.token}\r\n"
            "Content-Length: 8\r\n\r\nabc".encode()
        )
        half.shutdown(socket.SHUT_WR)
        assert b"expected 8 bytes of float32 numbers, received 3." in half.recv(4096) + half.recv(4096)
    assert ask(serving, "GET", "/model")[0] == 200  # a tab that was closed harms nobody


def test_a_tab_that_is_closed_while_it_waits_and_between_requests(capfd: pytest.CaptureFixture[str]) -> None:
    asked, gone, threads = threading.Event(), threading.Event(), threading.active_count()

    def answer(path: str, body: np.ndarray | None) -> tuple[int, bytes, str]:
        asked.set()
        assert path == "model" or gone.wait(10)
        return 200, bytes(0 if path == "model" else 20_000_000), "application/octet-stream"

    running = Server(answer)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    for path in ("look", "model"):
        asked.clear()
        tab = socket.create_connection(("127.0.0.1", running.port))
        tab.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets the connection
        head = f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nX-Token: {running.token}\r\n\r\n"
        tab.sendall(head.encode())
        assert asked.wait(10)
        if path == "model":
            assert tab.recv(4096).startswith(b"HTTP/1.1 200")
        tab.close()
        gone.set()
    assert ask(running, "GET", "/model")[0] == 200
    running.shutdown()
    running.server_close()
    thread.join()
    end = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == threads  # nobody waits for the tabs that are gone
    assert capfd.readouterr().err == ""


def test_two_tabs_look_at_one_training() -> None:
    x, y = images(640)
    session = Session(small(), (x, y))
    running = Server(session.respond)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    try:
        assert ask(running, "POST", "/train", b"")[0] == 200
        assert ask(running, "POST", "/train", b"")[:2] == (409, "lab: it trains already.")
        tabs = [http.client.HTTPConnection("127.0.0.1", running.port, timeout=20) for _ in range(2)]
        for path, body in (("/training", None), ("/look", bytes(4 * 784)), ("/activations", None)):
            for tab in tabs:  # both have asked before one is answered
                tab.request("GET" if body is None else "POST", path, body, {"X-Token": running.token})
            for tab in tabs:
                response = tab.getresponse()
                assert (response.status, len(response.read()) > 0) == (200, True)
        tabs[0].close()
        assert session.running  # a tab that is closed ends no training
        tabs[1].request("POST", "/stop", b"", {"X-Token": running.token})
        assert tabs[1].getresponse().status == 200
        tabs[1].close()
        session.close()
        assert (session.running, session.failure) == (False, "")
    finally:
        session.close()
        running.shutdown()
        running.server_close()
        thread.join()


def test_a_port_in_use(serving: Server) -> None:
    with pytest.raises(
        OSError, match=rf"lab: expected port {serving.port} to be free, received: .* Choose another with"
    ):
        tinycnn.lab.serve(small(), port=serving.port, browser=False)


# The command


def test_a_run_a_file_and_what_is_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = models.plain()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "m.keras")
    page = tmp_path / "m.html"
    assert command_line.main([str(tmp_path / "m.keras"), "--export", str(page)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().out.startswith(f"{page}: ")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text('{"model": "plain", "data": "digits"}')
    assert command_line.main([str(tmp_path / "run")]) == 1
    assert "expected model.weights.h5, found none: the run has not finished." in capsys.readouterr().err
    model.save_weights(tmp_path / "run" / "model.weights.h5")
    loaded, data = command_line.load(tmp_path / "run")
    assert data == "digits"
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
    for name, said in (("nothing.keras", "nothing.keras"), ("m.html", "m.html")):
        assert command_line.main([str(tmp_path / name)]) == 1
        assert said in capsys.readouterr().err
    whole = (tmp_path / "m.keras").read_bytes()
    turned = len(whole) // 2
    for damaged in (whole[:turned], whole[:turned] + bytes([whole[turned] ^ 1]) + whole[turned + 1 :], b""):
        (tmp_path / "damaged.keras").write_bytes(damaged)
        assert command_line.main([str(tmp_path / "damaged.keras")]) == 1
        said = capsys.readouterr().err
        assert said.startswith("python -m tinycnn.lab: ")
        assert "damaged.keras" in said
        assert said.count("\n") == 1
    (tmp_path / "run" / "config.json").write_text("[]")
    assert command_line.main([str(tmp_path / "run")]) == 1
    assert "expected a folder that python -m tinycnn.train has written" in capsys.readouterr().err


def test_the_newest_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command_line.newest_run() is None
    for name in ("b", "a", "unfinished"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        if name != "unfinished":
            (tmp_path / "runs" / name / "model.weights.h5").write_text("x")
            time.sleep(0.01)
    assert command_line.newest_run() == Path("runs/a")


def test_images_for_models_that_take_digits() -> None:
    (x, y), test = lab_images.images_for(models.plain(), "digits")
    assert (x.shape, y.shape, test[0].shape) == ((4 * 1202, 28, 28, 1), (4 * 1202,), (355, 28, 28, 1))
    soft, *sharp = np.split(x, 4)
    np.testing.assert_allclose(sharp[0], np.clip(3 * (soft - 0.3), 0, 1), atol=1e-6)
    assert [np.mean((part > 0.1) & (part < 0.9)) for part in sharp] < [np.mean((soft > 0.1) & (soft < 0.9))] * 3
    np.testing.assert_array_equal(y[:1202], y[-1202:])
    assert lab_images.images_for(Sequential([Flatten(input_shape=(8, 8, 1))]), "digits") == (None, None)


def test_the_program_goes_on_with_its_model_and_ctrl_c_ends_it_in_the_middle_of_a_training(tmp_path: Path) -> None:
    model = small()
    model.save(tmp_path / "m.keras")
    command = [sys.executable, "-m", "tinycnn.lab", str(tmp_path / "m.keras"), "--no-browser"]
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    environment["PYTHONPATH"] = str(Path(tinycnn.__file__).parents[1])
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    assert lines[1].startswith("The lab is at http://127.0.0.1:")
    tab = Tab(int(lines[1].split(":")[2].split("/")[0]))
    (tmp_path / "m.keras").write_text("replaced while it is open")
    kernel, _ = floats(tab.ask("GET", "weights/0")[1], (3, 3, 1, 4), (4,))
    np.testing.assert_array_equal(kernel, model.layers[0].kernel.value)
    assert tab.ask("POST", "train")[0] == 200
    while not json.loads(tab.ask("GET", "training")[1])["version"]:
        time.sleep(0.02)
    assert tab.ask("GET", "weights/0")[1] != kernel.tobytes(), "it learns"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    kept = Path("runs") / "lab_m.keras"
    assert (process.returncode, out) == (0, f"\nThe lab is closed.\nWhat it has learned here is in {kept}.\n")
    learned = load_model(tmp_path / kept).layers[0].kernel.value
    assert np.isfinite(learned).all()
    assert not np.array_equal(learned, kernel)
    assert [line for line in errors.splitlines() if "compiling the fast kernels" not in line] == []


class Tab:
    """A page that is open in a browser, as far as the program sees it."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.token = ""
        page = self.ask("GET", "")[1].decode()
        self.token = page.split('name="token" content="')[1].split('"')[0]

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        given = body if method == "GET" else body or b""
        self.connection.request(method, f"/{path}", given, {"X-Token": self.token})
        response = self.connection.getresponse()
        return response.status, response.read()


def test_larger_images_may_be_sent(capsys: pytest.CaptureFixture[str]) -> None:
    size = 4 * 64 * 64 * 3
    with tinycnn.lab.beside(Sequential([Flatten(input_shape=(64, 64, 3)), Dense(2)]), browser=False):
        tab = Tab(int(capsys.readouterr().out.split(":")[2].split("/")[0]))
        status, answers = tab.ask("POST", "predict", bytes(16 * size))
        assert (status, len(answers)) == (200, 16 * 2 * 4)
        assert tab.ask("POST", "predict", bytes(17 * size))[0] == 413


def test_what_was_learned_is_kept_over_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = small()
    model.name = "m"
    assert [command_line.keep(model) for _ in range(3)] == [
        Path("runs") / f"lab_m{number}.keras" for number in ("", "_2", "_3")
    ]


def test_models_are_called_as_their_files(tmp_path: Path) -> None:
    for name in ("one", "other"):
        small().save(tmp_path / f"{name}.keras")
    loaded = [command_line.load(tmp_path / f"{name}.keras")[0] for name in ("one", "other")]
    session = Session(loaded[0], others=loaded[1:])
    answered = session.answer("compare", np.zeros(784, np.float32))
    assert [found["name"] for found in answered] == ["one", "other"]  # type: ignore[index]


def test_looks_run_on_the_reference_kernels(session: Session) -> None:
    assert all(layer.kernels is REFERENCE for layer in looks.snapshot(session.model).layers)
    fast = looks.snapshot(small("fast"))
    assert all(layer.kernels is REFERENCE for layer in fast.layers)
    assert fast.optimizer.kernels is REFERENCE


@pytest.mark.parametrize("browser", ["opens", "is not there", "fails"])
def test_serving_in_this_process(
    browser: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def open_it(url: str) -> bool:
        if browser == "fails":
            raise OSError("no display")
        opened.append(url)
        return browser == "opens"

    def serve_until_ctrl_c(self: Server) -> None:
        status, content, _ = self.answer("training", None)
        assert (status, json.loads(content)["running"]) == (200, True)
        raise KeyboardInterrupt

    threads = threading.active_count()
    monkeypatch.setattr("webbrowser.open", open_it)
    monkeypatch.setattr(Server, "serve_forever", serve_until_ctrl_c)
    x, y = images(640)
    model = small()
    tinycnn.lab.serve(model, (x, y), train=True)
    assert threading.active_count() == threads  # the training has ended, after a whole step
    for weights in model.get_weights():
        assert np.isfinite(weights).all()
    assert model.optimizer.iterations >= 1
    said = capsys.readouterr()
    assert said.out.startswith("The lab is at http://127.0.0.1:")
    assert said.out.endswith("\nThe lab is closed.\n")
    no_browser = "No browser was found: open the address in one on this machine.\n"
    assert said.err == ("" if browser == "opens" else no_browser)


def test_the_command_hands_on_the_model_its_images_and_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command_line, "serve", lambda *given, **more: served.append((given, more)))
    small().save(tmp_path / "a.keras")
    assert command_line.main(["a.keras", "a.keras", "--no-browser", "--port", "8123"]) == 0
    (model, training, test, others), more = served[0]
    assert (len(others), training[0].shape[1:], len(test[0])) == (1, (28, 28, 1), 355)
    assert model.optimizer is not None
    assert more == {"port": 8123, "browser": False, "train": False}
    assert command_line.main([]) == 0  # no run: a new model that trains at once
    assert served[1][1]["train"]
    assert "a new model with batch normalization, which is trained now" in capsys.readouterr().out

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "serve", interrupted)
    assert command_line.main(["a.keras"]) == 130
