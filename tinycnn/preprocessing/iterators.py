"""Batches of changed images without end: from an array, or from a folder with a folder of pictures for each class."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.preprocessing.pictures import CHANNELS, ColorMode, array_to_img, check_reading, img_to_array, load_img
from tinycnn.utils import PyDataset

if TYPE_CHECKING:
    from tinycnn.preprocessing.generator import ImageDataGenerator

ENDINGS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


class Iterator(PyDataset):
    """Batches of ``n`` samples, by number for `fit`, or one after the other without end by ``next``.

    Randomness: as in Keras, from NumPy's global generator, which `set_random_seed` and ``np.random.seed`` set; with a
    ``seed``, from a generator that starts every batch anew with ``seed`` + the number of batches made, and gives
    Keras's numbers.
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **options: Any):
        super().__init__(**options)
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(
                f"{type(self).__name__}: expected batch_size >= 1, received {batch_size!r}. Pass a number such as 32."
            )
        self.n = n
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.seed = seed
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array: Any = None
        self._rng: Any = np.random
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise ValueError(
                f"{type(self).__name__}: expected the number of a batch, 0 … {len(self) - 1}, received {index}. "
                "len() says how many there are."
            )
        with self._lock:
            self._reseed()
            self.total_batches_seen += 1
            if self.index_array is None:
                self._set_index_array()
            return self._batch(self._chosen(index))

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        with self._lock:
            self._reseed()
            if self.batch_index == 0:
                self._set_index_array()
            chosen = self._chosen(self.batch_index)
            self.batch_index = (self.batch_index + 1) % len(self)
            self.total_batches_seen += 1
            return self._batch(chosen)

    def reset(self) -> None:
        """``next`` starts again with the first batch of an epoch."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        self._set_index_array()

    def _reseed(self) -> None:
        if self.seed is not None:
            self._rng = np.random.RandomState(self.seed + self.total_batches_seen)

    def _set_index_array(self) -> None:
        self.index_array = self._rng.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _chosen(self, number: int) -> np.ndarray:
        return self.index_array[number * self.batch_size : (number + 1) * self.batch_size]

    def _batch(self, chosen: np.ndarray) -> Any:
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_lock", "_rng")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock(), _rng=np.random)


class _ImageIterator(Iterator):
    """Draws the changes of each image, and keeps pictures of them where ``save_to_dir`` says so."""

    def __init__(
        self,
        n: int,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        image_data_generator: ImageDataGenerator,
        dtype: str,
        save_to_dir: Any,
        save_prefix: str,
        save_format: str,
    ):
        self.image_data_generator = image_data_generator
        self.dtype = dtype
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        super().__init__(n, batch_size, shuffle, seed)

    def _changed(self, x: np.ndarray) -> np.ndarray:
        generator = self.image_data_generator
        params = generator._draw_transform(x.shape, self._rng)
        return generator.standardize(generator.apply_transform(x.astype(self.dtype), params))

    def _save(self, batch: np.ndarray, chosen: np.ndarray, most: int) -> None:
        if self.save_to_dir:
            for x, number in zip(batch, chosen, strict=True):
                name = f"{self.save_prefix}_{number}_{self._rng.randint(most)}.{self.save_format}"
                array_to_img(x, scale=True).save(os.path.join(self.save_to_dir, name))


class NumpyArrayIterator(_ImageIterator):
    """What `ImageDataGenerator.flow` returns: batches (x, y), or x alone, or (x, y, sample_weight)."""

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: ImageDataGenerator,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: str | None = None,
    ):
        who = "ImageDataGenerator.flow"
        dtype = dtype or image_data_generator.dtype
        x = check_images(who, x, dtype)
        y, weights = (None if a is None else np.asarray(a) for a in (y, sample_weight))
        for name, array in (("y", y), ("sample_weight", weights)):
            if array is not None and (array.ndim == 0 or len(array) != len(x)):
                raise ValueError(
                    f"{who}: expected {name} for each of the {len(x)} images, received shape {array.shape}. "
                    "Pass as many as there are images."
                )
        if subset is not None:
            cut = int(len(x) * _check_subset(who, subset, image_data_generator))
            if y is not None and not ignore_class_split and not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
                raise ValueError(
                    f"{who}: expected the same classes in both subsets, received y whose first {cut} rows hold others "
                    "than the rest. Shuffle x and y together first, or pass ignore_class_split=True."
                )
            part = slice(cut) if subset == "validation" else slice(cut, None)
            x, y, weights = x[part], None if y is None else y[part], None if weights is None else weights[part]
        if not len(x):
            raise ValueError(f"{who}: expected at least one image, received none. Pass more, or another subset.")
        self.x = x
        self.y = y
        self.sample_weight = weights
        super().__init__(
            len(x), batch_size, shuffle, seed, image_data_generator, dtype, save_to_dir, save_prefix, save_format
        )

    def _batch(self, chosen: np.ndarray) -> Any:
        batch = np.zeros((len(chosen), *self.x.shape[1:]), self.dtype)
        for i, number in enumerate(chosen):
            batch[i] = self._changed(self.x[number])
        self._save(batch, chosen, 10**4)
        if self.y is None:
            return batch
        if self.sample_weight is None:
            return batch, self.y[chosen]
        return batch, self.y[chosen], self.sample_weight[chosen]


def check_images(who: str, x: Any, dtype: str) -> np.ndarray:
    """``x`` as an array of images, of ``dtype``."""
    try:
        x = np.asarray(x, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{who}: expected one array of images (n, height, width, channels), received {type(x).__name__} "
            f"({error}). Pass images of one size and no second input beside them."
        ) from error
    if x.ndim != 4:
        hint = "Add the channel axis: x.reshape(-1, 28, 28, 1)." if x.ndim == 3 else "Pass a batch of images."
        raise ValueError(f"{who}: expected images of shape (n, height, width, channels), received {x.shape}. {hint}")
    if x.shape[3] not in (1, 3, 4):
        warnings.warn(
            f"{who}: expected 1, 3 or 4 channels on the last axis, received {x.shape}. "
            "If channels come first: x.transpose(0, 2, 3, 1).",
            stacklevel=4,
        )
    return x


def _check_subset(who: str, subset: object, generator: ImageDataGenerator) -> float:
    if subset not in ("training", "validation"):
        raise ValueError(f"{who}: expected subset 'training' or 'validation', received {subset!r}. Use one, or none.")
    return generator.validation_split


class DirectoryIterator(_ImageIterator):
    """What `ImageDataGenerator.flow_from_directory` returns: batches (x, y), or x alone, read when they are asked for.

    ``samples`` counts the pictures, ``classes`` has the class of each, ``class_indices`` the number of each name.
    """

    def __init__(
        self,
        directory: Any,
        image_data_generator: ImageDataGenerator,
        target_size: tuple[int, int] = (256, 256),
        color_mode: ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
    ):
        who = "ImageDataGenerator.flow_from_directory"
        check_reading(who, color_mode, interpolation)
        if class_mode not in CLASS_MODES:
            raise ValueError(
                f"{who}: expected class_mode one of {', '.join(map(repr, CLASS_MODES))}, received {class_mode!r}. "
                "'categorical' goes with categorical_crossentropy, 'sparse' with sparse_categorical_crossentropy."
            )
        if not os.path.isdir(directory):
            raise FileNotFoundError(
                f"{who}: expected a folder with one folder of pictures for each class, received {directory!r}, "
                "which is no folder. Mend the path."
            )
        split = (0.0, 1.0)
        if subset is not None:
            share = _check_subset(who, subset, image_data_generator)
            split = (0.0, share) if subset == "validation" else (share, 1.0)
        self.directory = directory
        self.target_size = tuple(target_size)
        self.color_mode: ColorMode = color_mode
        self.image_shape = (*self.target_size, CHANNELS[color_mode])
        self.class_mode = class_mode
        self.interpolation = interpolation
        self.keep_aspect_ratio = keep_aspect_ratio
        names = classes or sorted(it for it in os.listdir(directory) if os.path.isdir(os.path.join(directory, it)))
        self.class_indices = {name: number for number, name in enumerate(names)}
        self.num_classes = len(names)
        self.filenames: list[str] = []
        labels: list[int] = []
        for name, number in self.class_indices.items():
            files = _pictures_in(os.path.join(directory, name), follow_links)
            files = files[int(split[0] * len(files)) : int(split[1] * len(files))]
            self.filenames += [os.path.join(name, file) for file in files]
            labels += [number] * len(files)
        self.classes = np.array(labels, "int32")
        self.samples = len(labels)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        if not self.samples:
            raise ValueError(
                f"{who}: expected a folder of pictures ({', '.join(ENDINGS)}) for each class in {directory!r}, "
                "received none. The folder above them is meant; without classes, put all into one folder in it."
            )
        dtype = dtype or image_data_generator.dtype
        super().__init__(
            self.samples, batch_size, shuffle, seed, image_data_generator, dtype, save_to_dir, save_prefix, save_format
        )

    @property
    def filepaths(self) -> list[str]:
        return [os.path.join(self.directory, name) for name in self.filenames]

    @property
    def labels(self) -> np.ndarray:
        return self.classes

    def _batch(self, chosen: np.ndarray) -> Any:
        batch = np.zeros((len(chosen), *self.image_shape), self.dtype)
        for i, number in enumerate(chosen):
            path = os.path.join(self.directory, self.filenames[number])
            picture = load_img(
                path,
                color_mode=self.color_mode,
                target_size=self.target_size,  # type: ignore[arg-type]
                interpolation=self.interpolation,
                keep_aspect_ratio=self.keep_aspect_ratio,
            )
            batch[i] = self._changed(img_to_array(picture))
        self._save(batch, chosen, 10**7)
        if self.class_mode is None:
            return batch
        if self.class_mode == "input":
            return batch, batch.copy()
        labels = self.classes[chosen]
        if self.class_mode == "categorical":
            return batch, np.eye(self.num_classes, dtype=self.dtype)[labels]
        return batch, labels.astype(self.dtype)


def _pictures_in(folder: str, follow_links: bool) -> list[str]:
    """The pictures in ``folder`` and in the folders in it, in order, relative to it."""
    found = []
    for root, _, files in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0]):
        found += [os.path.relpath(os.path.join(root, f), folder) for f in sorted(files) if f.lower().endswith(ENDINGS)]
    return found
