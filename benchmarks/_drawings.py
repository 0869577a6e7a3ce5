"""A hundred drawings of digits as strokes: ten of each, always the same.

Not drawn by hand: each is a digit as one learns to write it, bent, slanted, stretched, moved and shaken by seeded
random numbers. So they say whether drawings of other sizes, places and hands are read, not how well a certain hand is.
"""

from __future__ import annotations

import math
import random

Point = tuple[float, float]
Stroke = list[Point]


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float, points: int = 14) -> Stroke:
    """Part of an ellipse around (x, y); degrees, 0 to the right, 90 downwards."""
    angles = [math.radians(start + (end - start) * k / (points - 1)) for k in range(points)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


#: In a box of width 1 and height 1.5, y downwards.
DIGITS: dict[int, list[Stroke]] = {
    0: [_arc(0.5, 0.75, 0.42, 0.72, -90, 270, 24)],
    1: [[(0.25, 0.35), (0.55, 0.05), (0.55, 1.45)]],
    2: [[*_arc(0.5, 0.4, 0.38, 0.36, 200, 380), (0.7, 0.75), (0.1, 1.45), (0.95, 1.45)]],
    3: [[*_arc(0.45, 0.38, 0.36, 0.34, 210, 440), *_arc(0.45, 1.08, 0.42, 0.38, 280, 510)]],
    4: [[(0.65, 0.05), (0.1, 0.95), (0.95, 0.95)], [(0.68, 0.5), (0.68, 1.45)]],
    5: [[(0.85, 0.08), (0.25, 0.08), (0.2, 0.65), *_arc(0.48, 1.0, 0.4, 0.42, 230, 500)]],
    6: [[(0.7, 0.05), (0.3, 0.55), *_arc(0.5, 1.05, 0.38, 0.38, 190, 550, 20)]],
    7: [[(0.08, 0.08), (0.92, 0.08), (0.4, 1.45)]],
    8: [[*_arc(0.5, 0.4, 0.32, 0.34, 90, 450, 18), *_arc(0.5, 1.1, 0.38, 0.36, 270, 630, 18)]],
    9: [[*_arc(0.5, 0.45, 0.36, 0.38, 0, 360, 18), (0.86, 0.45), (0.75, 1.45)]],
}


def drawings(each: int = 10, seed: int = 0) -> list[tuple[int, list[Stroke]]]:
    """(digit, strokes) of as many variations of each; points from 0 to 1 across the square and down."""
    rng = random.Random(seed)
    return [(digit, _varied(strokes, rng)) for digit, strokes in DIGITS.items() for _ in range(each)]


def _varied(strokes: list[Stroke], rng: random.Random) -> list[Stroke]:
    height, slant, turn = rng.uniform(0.35, 0.8), rng.uniform(-0.1, 0.3), math.radians(rng.uniform(-8, 8))
    width = height * rng.uniform(0.4, 0.65)
    left, top = rng.uniform(0.05, 0.95 - width), rng.uniform(0.05, 0.95 - height)
    bend = [rng.uniform(-0.04, 0.04) for _ in range(4)]

    def place(x: float, y: float) -> Point:
        x += bend[0] * math.sin(3 * y) + bend[1] * math.cos(4 * x) + rng.gauss(0, 0.008)
        y += bend[2] * math.sin(3 * x) + bend[3] * math.cos(4 * y) + rng.gauss(0, 0.008)
        u, v = (x - 0.5 + slant * (0.75 - y)) * width, (y / 1.5 - 0.5) * height
        u, v = u * math.cos(turn) - v * math.sin(turn), u * math.sin(turn) + v * math.cos(turn)
        return left + width / 2 + u, top + height / 2 + v

    return [[place(x, y) for x, y in stroke] for stroke in strokes]
