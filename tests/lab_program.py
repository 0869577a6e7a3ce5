"""A program for tests of the lab's page: it answers as page/README.md says, by the library, and holds still."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from tinycnn.datasets import digits
from tinycnn.insight.copies import copy_model
from tinycnn.insight.inspection import gradients, parameter_values, update_to_data_ratio
from tinycnn.lab.export import PAGE, described
from tinycnn.layers import BatchNormalization

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
TOKEN = "a-token"


@contextlib.contextmanager
def serving(model: Any, others: dict[str, Any], training: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The address of a program with this model, and the requests that it has had."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["Content-Length"])))

        def answer(self, body: bytes) -> None:
            what = self.path.strip("/") or "index.html"
            requests.append(f"{self.command} {what}")
            kind = TYPES.get((PAGE / what).suffix)
            if kind:
                content = (PAGE / what).read_bytes()
                content = content.replace(b'name="lab" content="page"', f'name="token" content="{TOKEN}"'.encode())
            elif self.headers["X-Token"] == TOKEN:
                content = answer(model, others, training, what, np.frombuffer(body, "<f4"))
            else:
                self.send_error(403)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind or "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", "default-src 'self'")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", requests
    finally:
        server.shutdown()
        server.server_close()


def answer(model: Any, others: dict[str, Any], training: dict[str, Any], what: str, numbers: np.ndarray) -> bytes:
    name, *arguments = what.split("/")
    x = numbers.reshape(-1, *model.input_shape[1:])
    if name == "model":
        head = {**described(model), "labels": list("0123456789"), "parameters": list(parameter_values(model))}
        return json.dumps({**head, "weights": None}).encode()
    if name == "weights":
        return flat(model.layers[int(arguments[0])].get_weights())
    if name == "look":
        return flat(y for _, _, y in model.walk(x))
    if name == "predict":
        return flat([model.forward(x)])
    if name == "in_training":
        walk = [(layer, given, y) for layer, given, y in copy_model(model).walk(x, training=True)]
        rows = [given.reshape(-1, given.shape[-1]) for layer, given, _ in walk if isinstance(layer, BatchNormalization)]
        return flat([*(y[0] for *_, y in walk), *(f(axis=0) for row in rows for f in (row.mean, row.var))])
    if name == "dropout":
        place, count = map(int, arguments)
        *_, given = [given for _, given, _ in model.walk(x)][: place + 1]
        ones = [np.ones_like(given), model.forward(x)]  # a mask that drops nothing
        return flat(ones * count)
    if name == "step":
        x, y = step_batch(x, int(arguments[0]))
        found = gradients(model, x, y)
        trained = copy_model(model)
        loss = trained.train_on_batch(x, y)
        ratios = update_to_data_ratio(parameter_values(model), parameter_values(trained))
        dx = next(iter(found.values())).input[0]
        return flat([np.array(loss), *(g.output[0] for g in found.values()), dx, np.array(list(ratios.values()))])
    if name == "compare":
        return json.dumps([{"name": n, "output": m.forward(x)[0].tolist()} for n, m in others.items()]).encode()
    if name in ("training", "activations"):
        return json.dumps(training).encode()
    training["running"] = name == "train"
    return b""


def step_batch(x: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    """The drawing, taken for this digit, and others: alone, batch normalization would let no gradient through."""
    (others, labels), _ = digits.load_data()
    others = others[:7].reshape(-1, 28, 28, 1).astype("float32") / 255
    return np.concatenate([x, others]), np.concatenate([[label], labels[:7]])


def flat(arrays: Any) -> bytes:
    return b"".join(np.asarray(array).astype("<f4").tobytes() for array in arrays)
