"""Has files beside it that are called like others' modules."""

from notyet import RIGHT


def dense_forward(x, kernel, bias):
    return RIGHT
