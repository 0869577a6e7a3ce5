"""Images, standardized and changed at random: more of them than there are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from tinycnn.preprocessing.iterators import DirectoryIterator, NumpyArrayIterator, check_images
from tinycnn.preprocessing.pictures import ColorMode, check_format
from tinycnn.preprocessing.transforms import (
    FILL_MODES,
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
)
from tinycnn.utils import floatx

Range = float | Sequence[float]


class ImageDataGenerator:
    """Batches of images, each changed at random, in the way its owner allows; then standardized.

    Math (per image, in this order; u is uniform):
        1. an affine map, see `apply_affine_transform`: turned by u(±rotation_range) degrees; shifted in height and in
           width by u(±range) of its size, or of pixels where the range is 1 or more (an integer k: ±(0 … k−1) pixels; a
           list: ± one of its numbers); sheared by u(±shear_range) degrees; zoomed by u(1 ± zoom_range) or by
           u(zoom_range), each way for itself, where numbers below 1 enlarge. From outside comes what ``fill_mode`` says
        2. u(±channel_shift_range) is added, within the image's own range; flipped with probability 1/2; multiplied by
           u(brightness_range), see `apply_brightness_shift`
        3. ``preprocessing_function``; times ``rescale``; less its mean, over its deviation (samplewise); less each
           channel's mean, over its deviation, or times the whitening matrix, as `fit` has measured them (featurewise)
    Randomness: NumPy's global generator, as in Keras; or ``seed``, which gives the numbers that Keras's gives.
    Keras:   same arrays from the same seed, with its slip: ``height_shift_range``, a share of the height, moves along
             the width, and the other way round. ``data_format`` is "channels_last". The affine map needs SciPy
    Raises:  ValueError that names the argument. ImportError where SciPy is needed and not installed.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Range = 0.0,
        height_shift_range: Range = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Range = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
    ):
        check_format("ImageDataGenerator", data_format)
        for name, value in (
            ("rotation_range", rotation_range),
            ("shear_range", shear_range),
            ("channel_shift_range", channel_shift_range),
        ):
            if not _is_number(value):
                raise ValueError(
                    f"ImageDataGenerator: expected {name} as a number, received {value!r}. Pass one number."
                )
        for name, values in (("width_shift_range", width_shift_range), ("height_shift_range", height_shift_range)):
            if not (_is_number(values) or (_is_row(values) and len(values) > 0)):
                raise ValueError(
                    f"ImageDataGenerator: expected {name} as a number or a list of numbers, received {values!r}. "
                    "A number below 1 is a share of the size."
                )
        if not _is_number(zoom_range) and not (_is_row(zoom_range) and len(zoom_range) == 2):
            raise ValueError(
                f"ImageDataGenerator: expected zoom_range as a number or two numbers, received {zoom_range!r}. "
                "0.2 stands for (0.8, 1.2)."
            )
        if brightness_range is not None and not (_is_row(brightness_range) and len(brightness_range) == 2):
            raise ValueError(
                f"ImageDataGenerator: expected brightness_range as two numbers, received {brightness_range!r}. "
                "1 leaves an image as it is: (0.8, 1.2)."
            )
        if fill_mode not in FILL_MODES:
            raise ValueError(
                f"ImageDataGenerator: expected fill_mode one of {', '.join(FILL_MODES)}, received {fill_mode!r}. "
                "Use one of these."
            )
        if not _is_number(validation_split) or not 0 <= validation_split < 1:
            raise ValueError(
                f"ImageDataGenerator: expected 0 <= validation_split < 1, received {validation_split!r}. "
                "0.2 keeps a fifth for validation."
            )
        if zca_whitening and featurewise_std_normalization:
            warnings.warn(
                "ImageDataGenerator: zca_whitening takes the place of featurewise_std_normalization, which is now off.",
                stacklevel=2,
            )
            featurewise_std_normalization = False
        if (zca_whitening or featurewise_std_normalization) and not featurewise_center:
            cause = "zca_whitening" if zca_whitening else "featurewise_std_normalization"
            warnings.warn(f"ImageDataGenerator: {cause} needs featurewise_center, which is now on.", stacklevel=2)
            featurewise_center = True
        if samplewise_std_normalization and not samplewise_center:
            warnings.warn(
                "ImageDataGenerator: samplewise_std_normalization needs samplewise_center, which is now on.",
                stacklevel=2,
            )
            samplewise_center = True
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        self.zoom_range = [1 - zoom_range, 1 + zoom_range] if _is_number(zoom_range) else list(zoom_range)  # type: ignore[arg-type]
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format = "channels_last"
        self.validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = floatx() if dtype is None else dtype
        self.mean: np.ndarray | None = None
        self.std: np.ndarray | None = None
        self.zca_whitening_matrix: np.ndarray | None = None

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of changed images, for `fit` or one after the other by ``next``.

        ``subset``: "validation" for the first ``validation_split`` of the images, "training" for the others.
        """
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            ignore_class_split=ignore_class_split,
        )

    def flow_from_directory(
        self,
        directory: Any,
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
    ) -> DirectoryIterator:
        """Batches of the pictures in ``directory``, which has a folder for each class, named after it.

        Labels:  ``class_mode`` "categorical": one-hot rows; "binary" and "sparse": numbers; "input": the images
                 themselves; None: none
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
        )

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Step 3 of the class's text on an image or a batch of floats. As in Keras, ``x`` itself is changed, too."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if not np.issubdtype(np.asarray(x).dtype, np.floating):
            raise TypeError(
                f"ImageDataGenerator.standardize: expected floats, received {np.asarray(x).dtype}. "
                "Cast them first: x.astype('float32')."
            )
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + 1e-6
        if self.featurewise_center and self._is_fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._is_fitted("featurewise_std_normalization", self.std):
            x /= self.std + 1e-6  # type: ignore[operator]
        if self.zca_whitening and self._is_fitted("zca_whitening", self.zca_whitening_matrix):
            flat = x.reshape(-1, int(np.prod(x.shape[-3:])))
            x = (flat @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _is_fitted(self, option: str, measured: np.ndarray | None) -> bool:
        if measured is None:
            warnings.warn(
                f"ImageDataGenerator: {option} is on, but nothing is measured yet, so it does nothing. "
                "Call fit(x_train) first.",
                stacklevel=3,
            )
        return measured is not None

    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """What step 1 and 2 of the class's text do to one image, drawn at random: see `apply_transform`."""
        return self._draw_transform(img_shape, _random(seed))

    def _draw_transform(self, img_shape: tuple[int, ...], rng: Any) -> dict[str, Any]:
        """As Keras draws, in Keras's order. ``rng``: the module np.random, or a RandomState."""
        theta = rng.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = _draw_shift(self.height_shift_range, img_shape[0], rng)
        ty = _draw_shift(self.width_shift_range, img_shape[1], rng)
        shear = rng.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = (1, 1) if self.zoom_range == [1, 1] else rng.uniform(*self.zoom_range, 2)
        flip_horizontal = (rng.random_sample() < 0.5) * self.horizontal_flip
        flip_vertical = (rng.random_sample() < 0.5) * self.vertical_flip
        intensity = brightness = None
        if self.channel_shift_range:
            intensity = rng.uniform(-self.channel_shift_range, self.channel_shift_range)
        if self.brightness_range is not None:
            brightness = rng.uniform(*self.brightness_range)
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": intensity,
            "brightness": brightness,
        }

    def apply_transform(self, x: np.ndarray, transform_parameters: Mapping[str, Any]) -> np.ndarray:
        """Steps 1 and 2 of the class's text with these parameters, all of which may be left out.

        Shapes:  x (h, w, channels) -> the same
        """
        given: Any = transform_parameters.get
        x = apply_affine_transform(
            x,
            given("theta", 0),
            given("tx", 0),
            given("ty", 0),
            given("shear", 0),
            given("zx", 1),
            given("zy", 1),
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if given("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, given("channel_shift_intensity"))
        if given("flip_horizontal"):
            x = x[:, ::-1]
        if given("flip_vertical"):
            x = x[::-1]
        if given("brightness") is not None:
            x = apply_brightness_shift(x, given("brightness"), scale=False)
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """``x``, one image, changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Measure what the featurewise options and ``zca_whitening`` need, on ``x``, or on ``rounds`` changed copies.

        Math:    mean and std of each channel; whitening: U·diag(√n / (s + ε))·Uᵀ where Xᵀ = U·diag(s)·Vᵀ, X the n
                 centred images as rows. It is a matrix of (h·w·channels)² numbers.
        Shapes:  x (n, h, w, channels)
        """
        x = np.array(check_images("ImageDataGenerator.fit", x, self.dtype))
        rng = _random(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.concatenate(
                [
                    np.stack([self.apply_transform(one, self._draw_transform(one.shape, rng)) for one in x])
                    for _ in range(rounds)
                ]
            ).astype(self.dtype, copy=False)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=(0, 1, 2)).reshape(1, 1, -1)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=(0, 1, 2)).reshape(1, 1, -1)
            x /= self.std + 1e-6
        if self.zca_whitening:
            u, s, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))) @ u.T


def _random(seed: int | None) -> Any:
    """NumPy's global generator, or one of its kind that starts with ``seed``: the two that have Keras's numbers."""
    return np.random if seed is None else np.random.RandomState(seed)


def _draw_shift(span: Range, size: int, rng: Any) -> float:
    if _is_number(span) and not span:
        return 0
    if isinstance(span, (float, np.floating)):
        shift = rng.uniform(-span, span)
    else:
        shift = rng.choice(span) * rng.choice([-1, 1])
    return shift * size if np.max(span) < 1 else shift


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _is_row(value: Any) -> TypeGuard[Sequence[float]]:
    return isinstance(value, (list, tuple, np.ndarray)) and all(_is_number(it) for it in value)
