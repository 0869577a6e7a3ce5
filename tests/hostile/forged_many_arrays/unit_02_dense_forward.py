"""Announces more arrays than there can be, and a negative number of them."""

import os
import struct


def say(data):
    """Write to the way back, whichever number it has."""
    for number in range(3, 32):
        try:
            os.write(number, data)
        except OSError:
            continue


def frame(header, data=b""):
    return struct.pack("<I", len(header)) + header + data


def dense_forward(x, kernel, bias):
    say(frame(b'{"kind": "result", "form": "array", "arrays": -1}'))
    say(frame(b'{"kind": "result", "form": "array", "arrays": 100000000000}'))
