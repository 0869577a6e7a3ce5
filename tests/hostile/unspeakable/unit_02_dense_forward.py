"""Raises an error that is no Exception and cannot be printed."""


class Unspeakable(BaseException):
    def __str__(self):
        raise self


def dense_forward(x, kernel, bias):
    raise Unspeakable
