"""Never comes back to Python: no signal handler, no tracing gets at it."""

from itertools import count


def dense_forward(x, kernel, bias):
    return sum(count())
