"""The checks of tutorial 06's exercises: right answers pass, usual mistakes get a sentence that helps."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tutorials.exercises import check, tutorial_06

A = np.array([[1, 0], [1, 1], [1, -1], [1, 2], [1, -2], [0, 1]])
G = np.array([[1, 0, 0, 0, 0]] + [[float(t) ** k for k in range(5)] for t in (1, -1, 2, -2)] + [[0, 0, 0, 0, 1]])
V = np.array([[float(t) ** k for k in range(6)] for t in (0, 1, -1, 2, -2)] + [[0, 0, 0, 0, 0, 1]])
B = np.linalg.inv(V)
BLOCKS = ((5, 5), (4, 3), 0.2, 1 / 9)
INTENSITY, POOLED = 4.3457, 15.71


def gradient(image, dz):
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(0, 1))
    return np.einsum("ijcab,ijf->abcf", windows, dz)


def ranges(n, threads, size=64):
    return [[(a, min(a + size, n)) for a in range(0, n, size)][t::threads] for t in range(threads)]


def shares(n, threads):
    return [[(t * n // threads, (t + 1) * n // threads)] for t in range(threads)]


def all_in_one(n, threads):
    return [[(0, n)]] + [[] for _ in range(threads - 1)]


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("06.1", BLOCKS),
        ("06.2", (INTENSITY, POOLED, "bytes")),
        ("06.3", (gradient,)),
        ("06.4", (A, G, B, 6, 10)),
        ("06.5", (ranges,)),
    ],
)
def test_the_right_answers_pass(name, answers, capsys):
    assert check(name, *answers)
    assert not check(name, ..., *answers[1:])
    assert capsys.readouterr().out == f"Exercise {name}: right.\nExercise {name}: not answered yet.\n"


@pytest.mark.parametrize(
    ("name", "answers", "words"),
    [
        ("06.1", ((6, 4), (4, 3), 0.0, 1 / 9), "Another block for 32 registers takes fewer loads"),
        ("06.1", ((5, 5), (4, 4), 0.2, 0.0), "4x4 needs 21 registers, and there are 16"),
        ("06.1", ((5, 5), (4, 3), 0.25, 1 / 9), "share that stays empty is another with 32 registers"),
        ("06.1", (5, (4, 3), 0.2, 1 / 9), r"pair \(rows, vectors\), received 5"),
        ("06.1", ((5, 0), (4, 3), 0.2, 1 / 9), "at least one row and one vector"),
        ("06.1", ((5, 5.5), (4, 3), 0.2, 1 / 9), "vectors of the block for 32 registers as a whole number"),
        ("06.2", (INTENSITY / 2, POOLED, "bytes"), "Do a multiplication and an addition count as two"),
        ("06.2", (4 * INTENSITY, POOLED, "bytes"), "How many bytes has a float32"),
        ("06.2", (INTENSITY, INTENSITY, "bytes"), "another intensity in one pass"),
        ("06.2", (INTENSITY, POOLED, "multiplications"), "slope of the roofline"),
        ("06.2", (INTENSITY, POOLED, "time"), "one of 'multiplications', 'bytes'"),
        ("06.2", ("4", POOLED, "bytes"), "the intensity as a number, received '4'"),
        ("06.3", (lambda image, dz: 2 * gradient(image, dz),), "it is not the gradient"),
        ("06.3", (lambda image, dz: gradient(image, dz)[::-1],), "it is not the gradient"),
        ("06.3", (lambda image, dz: gradient(image, dz).transpose(1, 0, 2, 3),), "it is not the gradient"),
        ("06.3", (lambda image, dz: gradient(image, dz).ravel(),), r"shape \(3, 3, 1, 1\), received shape \(9,\)"),
        ("06.3", (np.zeros((3, 3, 32, 64)),), "kernel_gradient as a function"),
        ("06.4", (A[:, ::-1], G, B, 6, 10), "it is not the convolution"),
        ("06.4", (A, G, B.T, 6, 10), "it is not the convolution"),
        ("06.4", (A, G, B, 6, 8), "a multiplication for each tap"),
        ("06.4", (A, G, B, 12, 10), "fewer multiplications than by the definition"),
        ("06.4", (A[1:], G[1:], np.eye(5), 5, 10), "has more coefficients than that"),
        ("06.4", (np.ones((7, 2)), np.ones((7, 5)), np.eye(7), 7, 10), "possible with fewer"),
        ("06.4", (A.T, G, B, 6, 10), r"A as finite numbers of shape \(6, 2\), received shape \(2, 6\)"),
        ("06.5", (shares,), "depend on the number of threads"),
        ("06.5", (all_in_one,), "more than twice its fair share"),
        ("06.5", (lambda n, threads: ranges(n - 64, threads),), "do not hold each of the numbers once"),
        ("06.5", (lambda n, threads: ranges(n, threads + 1),), "list of 1 lists of pairs .* received 2 lists"),
        ("06.5", (lambda n, threads: n,), r"list of 1 lists of pairs \(first, stop\), received 10000"),
        ("06.5", (lambda n, threads: [[(0, n + 1)]] * threads,), "0 <= first < stop <= 10000, received others"),
        ("06.5", (3,), "share_out as a function"),
    ],
)
def test_a_wrong_answer_gets_a_sentence(name, answers, words, capsys):
    assert not check(name, *answers)
    assert (out := capsys.readouterr().out).startswith(f"Exercise {name}: not yet. ")
    assert re.search(words, out), out


def test_the_block_is_searched_for_and_not_written_down():
    """Any block that needs the fewest loads is right; among these there is one for each number of registers."""
    for registers, block in ((32, (5, 5)), (16, (4, 3))):
        blocks = [(r, v) for r in range(1, 32) for v in range(1, 32) if r * v + v + 1 <= registers]
        fewest = min((r + v) / (r * v) for r, v in blocks)
        assert [b for b in blocks if sum(b) / (b[0] * b[1]) <= fewest + 1e-9] == [block]


def test_they_are_five():
    assert [name for name in dir(tutorial_06) if name.startswith("exercise_")] == [f"exercise_{i}" for i in range(1, 6)]
