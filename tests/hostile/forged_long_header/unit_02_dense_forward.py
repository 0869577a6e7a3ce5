"""Announces a header of four gigabytes."""

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
    say(b"\xff\xff\xff\xff" + b"x" * 100000)
