"""Event files for TensorBoard, the program that shows trainings in a browser."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

from tinycnn.trainers.callbacks.callback import Callback, Logs, check_frequency, is_count


class TensorBoard(Callback):
    """Write what TensorBoard shows: ``TensorBoard("logs")``, then ``tensorboard --logdir logs`` in a terminal.

    In ``train/`` of the folder: "epoch_loss", "epoch_accuracy", … and "epoch_learning_rate" over the epochs; in
    ``validation/``: the same figures of the validation, and "evaluation_loss_vs_iterations", … over the steps. What is
    written is on the disk when the epoch ends.

    Args:
        log_dir: the folder; made if need be.
        histogram_freq: histograms of all weights, "sequential/conv2d/kernel/histogram", after every so many epochs;
            0 for none.
        write_graph, write_images, profile_batch, embeddings_freq, embeddings_metadata: not supported.
        write_steps_per_second: whether to write "epoch_steps_per_second", and for batches "batch_steps_per_second".
        update_freq: "epoch"; or "batch", or after how many batches to write "batch_loss", … as well.

    Keras:   same folders, tags, steps and values; scalars and histograms in TensorBoard's older form, which it shows
             alike; no graph of the model, so that ``write_graph`` is False by default. With a number as
             ``update_freq`` Keras leaves out the epochs whose last step is no multiple of it

    Raises:
        ImportError: the package tensorboardX is not installed: ``pip install 'tinycnn[tensorboard]'``.
        ValueError: an argument that is not supported, or out of range.
    """

    state_attributes: ClassVar = {"_batches": is_count}

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = False,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        super().__init__()
        unsupported = {
            "write_graph": write_graph,
            "write_images": write_images,
            "profile_batch": profile_batch,
            "embeddings_freq": embeddings_freq,
            "embeddings_metadata": embeddings_metadata,
        }
        given = [f"{name}={value!r}" for name, value in unsupported.items() if value]
        if given:
            raise ValueError(
                "TensorBoard: expected log_dir, histogram_freq, write_steps_per_second and update_freq, received "
                f"{', '.join(given)}. Leave out what tinycnn does not support."
            )
        _import_tensorboardx()
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = check_frequency("TensorBoard", "update_freq", 1 if update_freq == "batch" else update_freq)
        self._files: dict[str, _EventFile] = {}
        self._batches = 0
        self._batch_start = self._epoch_start = 0.0
        self._epoch_iterations = 0

    @property
    def wants_batches(self) -> bool:
        """Not where epochs alone are written; a subclass may define hooks of its own."""
        return self.update_freq != "epoch" or (type(self) is not TensorBoard and super().wants_batches)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch_start = time.perf_counter()
        self._epoch_iterations = self.model.optimizer.iterations

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        super().on_train_batch_begin(batch, logs)
        self._batches += 1
        self._batch_start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        if self.update_freq == "epoch" or self._batches % int(self.update_freq):
            return
        figures = dict(logs or {})
        if self.write_steps_per_second:
            figures["steps_per_second"] = 1 / (time.perf_counter() - self._batch_start)
        for name, value in figures.items():
            self._file("train").add_scalar(f"batch_{name}", value, self._batches)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        figures = {**(logs or {}), "learning_rate": float(optimizer.learning_rate)}
        if self.write_steps_per_second:
            steps = optimizer.iterations - self._epoch_iterations
            figures["steps_per_second"] = steps / (time.perf_counter() - self._epoch_start)
        for name, value in figures.items():
            folder = "validation" if name.startswith("val_") else "train"
            self._file(folder).add_scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for layer in self.model.layers:
                for name, value in layer.named_weights.items():
                    self._file("train").add_histogram(f"{self.model.name}/{layer.name}/{name}/histogram", value, epoch)
        self._flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        for name, value in (logs or {}).items():
            self._file("validation").add_scalar(
                f"evaluation_{name}_vs_iterations", value, self.model.optimizer.iterations
            )
        self._flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _file(self, folder: str) -> _EventFile:
        if folder not in self._files:
            self._files[folder] = _EventFile(os.path.join(self.log_dir, folder))
        return self._files[folder]

    def _flush(self) -> None:
        for file in self._files.values():
            file.writer.flush()

    def _close(self) -> None:
        for file in self._files.values():
            file.writer.close()
        self._files = {}


class _EventFile:
    """One event file. It is written at once, not by a thread as tensorboardX's ``SummaryWriter`` does: what was added
    before a crash is not lost.
    """

    def __init__(self, folder: str):
        self._x = _import_tensorboardx()
        os.makedirs(folder, exist_ok=True)
        # The name has the time in seconds and the machine; the ending tells trainings of one second apart.
        self.writer = self._x.event_file_writer.EventsWriter(
            os.path.join(folder, "events"), f".{os.getpid()}.{time.time_ns()}"
        )

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self._add(self._x.summary.scalar(tag, value), step)

    def add_histogram(self, tag: str, values: Any, step: int) -> None:
        self._add(self._x.summary.histogram(tag, values, bins=30), step)

    def _add(self, summary: Any, step: int) -> None:
        event = self._x.proto.event_pb2.Event(wall_time=time.time(), step=step, summary=summary)
        self.writer.write_event(event)


def _import_tensorboardx() -> Any:
    """Imported where it is used: it is an extra, and takes time."""
    try:
        import tensorboardX
        import tensorboardX.event_file_writer
        import tensorboardX.proto.event_pb2
        import tensorboardX.summary
    except ImportError as error:
        raise ImportError(
            "TensorBoard: expected the package tensorboardX, found none. "
            "Install it: pip install 'tinycnn[tensorboard]'."
        ) from error
    return tensorboardX
