"""The lab: draw a digit, and look inside your own network, while it trains.

    python -m tinycnn.lab [model.keras | runs/FOLDER]     # a page on this machine
    python -m tinycnn.lab --export digits.html MODEL      # the same page as one file, without a program

`server.py` is the HTTP, `session.py` the model and its training, `looks.py` the numbers, `page/` what the browser
shows.
"""

from __future__ import annotations

import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.lab.export import export

if TYPE_CHECKING:
    from tinycnn.trainers.callbacks import Callback

__all__ = ["beside", "export", "serve"]


def serve(
    model: Any,
    training: tuple[np.ndarray, np.ndarray] | None = None,
    test: tuple[np.ndarray, np.ndarray] | None = None,
    others: Sequence[Any] = (),
    *,
    labels: list[str] | None = None,
    port: int = 0,
    browser: bool = True,
    train: bool = False,
) -> None:
    """Open the lab on a model, until Ctrl-C.

    Args:
        model: built; one image in, one output. Compiled, if it is to be trained and a step to be taken apart.
        training, test: images as the model takes them, and labels.
        others: models to compare it with, which take the same images.
        labels: names of the classes; by default their numbers.
        port: of 127.0.0.1; 0 for any that is free.
        browser: open the page in one; its address is printed anyway.
        train: start to train at once.

    Raises:
        OSError: the port is in use.
        RuntimeError: a model that is not built.
        ValueError: a model that does not take one image and give one output.
    """
    from tinycnn.lab.server import Server
    from tinycnn.lab.session import Session

    model._require_built("lab")
    session = Session(model, training, test, others, labels)
    try:
        server = Server(session.respond, port, session.largest_body)
    except OSError as error:
        raise OSError(
            f"lab: expected port {port} to be free, received: {error.strerror or error}. Choose another with --port, "
            "or leave it out."
        ) from error
    print(f"The lab is at {server.url} (Ctrl-C ends it).", flush=True)
    if browser and not _opened(server.url):
        print("No browser was found: open the address in one on this machine.", file=sys.stderr)
    if train:
        session.answer("train", np.empty(0, np.float32))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nThe lab is closed.")
    finally:
        server.server_close()
        session.close()


@contextmanager
def beside(
    model: Any,
    training: tuple[np.ndarray, np.ndarray] | None = None,
    test: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    browser: bool = True,
) -> Iterator[Callback]:
    """Open the lab on a model that its caller trains.

        with beside(model, training, test) as watch:
            model.fit(*training, callbacks=[watch])

    Arguments and errors as of `serve`. The page is closed at the end.
    """
    from tinycnn.lab.server import Server
    from tinycnn.lab.session import Session

    model._require_built("lab")
    session = Session(model, training, test, trained_elsewhere=True)
    server = Server(session.respond, largest_body=session.largest_body)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    print(f"The lab is at {server.url} until the training ends.", flush=True)
    if browser and not _opened(server.url):
        print("No browser was found: open the address in one on this machine.", file=sys.stderr)
    try:
        yield session.watch
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _opened(url: str) -> bool:
    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False
