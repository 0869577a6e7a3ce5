"""What programs ask of TensorFlow before they begin: where it computes, and how much it says."""

from __future__ import annotations

import contextlib
import logging
from contextlib import AbstractContextManager


def executing_eagerly() -> bool:
    """True: every line computes when it is run."""
    return True


def get_logger() -> logging.Logger:
    """TensorFlow's logger of Python's `logging`; tinycnn writes nothing to it."""
    return logging.getLogger("tensorflow")


def device(device_name: str) -> AbstractContextManager[None]:
    """``with tf.device("/CPU:0"):`` as it is without it.

    Raises:
        ValueError: another device.
    """
    if "cpu" not in device_name.lower():
        raise ValueError(
            f"device: expected '/CPU:0', received {device_name!r}. tinycnn computes on the processor; take models to "
            "Keras for a GPU: model.save('model.keras')."
        )
    return contextlib.nullcontext()
