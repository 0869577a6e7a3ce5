"""What happens when the loss is not a number any more."""

from __future__ import annotations

import math

from tinycnn.output import show
from tinycnn.trainers.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """End training, as if it had come to its end, at the first batch whose loss is NaN or infinite.

    Without this callback `fit` raises a FloatingPointError that names the layer. With it ``fit`` returns: the
    epoch's "loss" is NaN in the History, and the other callbacks are told of the end of epoch and training.
    Either way the weights are those before that batch.

    Args:
        raise_error: whether to raise a RuntimeError instead; then nobody is told of the end of training.

    Keras:   same decisions and hooks; there the weights have become NaN too, and so has "val_loss"
    """

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"TerminateOnNaN: expected a finite loss, received {loss} in batch {batch}. Lower the learning rate, "
                "or look at the data of this batch."
            )
        show(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
