"""Everything of ``keras.preprocessing.image``: the generator of changed images, and pictures as arrays."""

from tinycnn.preprocessing.generator import ImageDataGenerator
from tinycnn.preprocessing.iterators import DirectoryIterator, Iterator, NumpyArrayIterator
from tinycnn.preprocessing.pictures import array_to_img, img_to_array, load_img
from tinycnn.preprocessing.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
)

__all__ = [
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "img_to_array",
    "load_img",
]
