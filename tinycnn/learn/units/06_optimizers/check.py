"""Unit 06. The usual mistakes stand here as Adam with one thing changed."""

import numpy as np

from tinycnn.learn.rungs import Mine, Wrong, as_array, as_tuple, same

NAMES = ("w", "m", "v")
SETTINGS = (0.01, 0.9, 0.999, 1e-7)


def _adam(w, g, m, v, t, rate, beta_1, beta_2, epsilon, change=""):
    """Adam as the task has it, or with one mistake."""
    if change == "betas":
        beta_1, beta_2 = beta_2, beta_1
    m = m * beta_1 + g * (1 - beta_1)
    v = v * beta_2 + (g if change == "square" else g * g) * (1 - beta_2)
    first, second = 1 - beta_1**t, 1 - beta_2**t
    if change in ("uncorrected", "only v"):
        first = 1.0
    if change in ("uncorrected", "only m"):
        second = 1.0
    root = v if change == "root" else np.sqrt(np.abs(v))
    if change == "epsilon under the root":
        root = np.sqrt(v + epsilon) - epsilon
    if change == "corrected root":
        epsilon = epsilon * np.sqrt(second)
    step = rate * np.sqrt(second) / first * (g if change == "g" else m) / (root + epsilon)
    return (w + step if change == "sign" else w - step), m, v


USUAL = {
    "sign": "the sign is wrong: it goes up the slope",
    "betas": "β₁ and β₂ are exchanged",
    "square": "v is the average of g; it must be that of g²",
    "uncorrected": "α is missing: m and v begin at 0, and nothing makes up for it",
    "only m": "√(1 − β₂ᵗ) is missing in α",
    "only v": "the division by 1 − β₁ᵗ is missing in α",
    "root": "the root of v is missing",
    "g": "the step is taken along g; it must be along m",
    "epsilon under the root": "ε stands under the root; it must be added to the root",
    "corrected root": "ε is added to the corrected root √(v/(1 − β₂ᵗ)); it must be added to √v",
}


def _usual(index: int, arguments: tuple) -> dict[str, np.ndarray]:
    with np.errstate(all="ignore"):
        return {name: _adam(*arguments, change=change)[index] for change, name in USUAL.items()}


def sgd_shape(mine: Mine) -> None:
    """sgd: a new w of the shape and type of the old"""
    w, g = (mine.rng.standard_normal((3, 2)).astype(np.float32) for _ in range(2))
    as_array("sgd", mine.sgd(w, g, 0.1), (3, 2), np.float32)


def sgd_on_paper(mine: Mine) -> None:
    """sgd: w = [5, 5], g = [10, -20] and a rate of 0.1: w = [4, 7]"""
    usual = {"the sign is wrong: it goes up the slope": [6.0, 3.0], "the learning rate is missing": [-5.0, 25.0]}
    given = mine.sgd(np.array([5.0, 5.0]), np.array([10.0, -20.0]), 0.1)
    same("sgd", given, [4.0, 7.0], usual=usual | {"it returns the step alone": [-1.0, 2.0]})


def sgd_fresh(mine: Mine) -> None:
    """sgd: fresh numbers"""
    w, g = mine.rng.standard_normal((2, 7))
    rate = float(mine.rng.uniform(0.01, 1))
    same("sgd", mine.sgd(w, g, rate), [a - rate * b for a, b in zip(w, g, strict=True)])


def adam_shapes(mine: Mine) -> None:
    """adam: three new arrays of the shape of the old"""
    w, g, m = (mine.rng.standard_normal((3, 2)).astype(np.float32) for _ in range(3))
    returned = as_tuple("adam", mine.adam(w, g, m, np.abs(m), 1, *SETTINGS), NAMES)
    for name, value in zip(NAMES, returned, strict=True):
        as_array(name, value, (3, 2))


def adam_on_paper(mine: Mine) -> None:
    """adam: g = 16, β₁ = 3/4, β₂ = 63/64: m = v = 4, and w moves by the rate"""
    arguments = (np.array([1.0]), np.array([16.0]), np.zeros(1), np.zeros(1), 1, 0.1, 3 / 4, 63 / 64, 1e-7)
    w, m, v = as_tuple("adam", mine.adam(*arguments), NAMES)
    for name, value, due, index in (("m", m, 4.0, 1), ("v", v, 4.0, 2), ("w", w, 0.9, 0)):
        why = "The first step from w = 1, m = v = 0 at a rate of 0.1."
        same(name, value, [due], why=why, usual=_usual(index, arguments))


def adam_averages(mine: Mine) -> None:
    """adam: m and v of fresh numbers, in the middle of a training"""
    arguments = _some(mine)
    _, m, v = as_tuple("adam", mine.adam(*arguments), NAMES)
    _, due_m, due_v = _adam(*arguments)
    same("m", m, due_m, usual=_usual(1, arguments))
    same("v", v, due_v, usual=_usual(2, arguments))


def _some(mine: Mine, size: float = 1.0) -> tuple:
    """Weights of a step's size, gradients and averages of this one; six steps lie behind."""
    w, g, m = mine.rng.standard_normal((3, 6))
    v = mine.rng.uniform(0.5, 2, 6)
    return (w / 100, size * g, size * m, size**2 * v, 7, *SETTINGS)


def adam_step(mine: Mine) -> None:
    """adam: where w goes then, in the seventh step"""
    arguments = _some(mine)
    w, _, _ = as_tuple("adam", mine.adam(*arguments), NAMES)
    same("w", w, _adam(*arguments)[0], usual=_usual(0, arguments))


def adam_where_gradients_are_tiny(mine: Mine) -> None:
    """adam: gradients of 1e-7, where ε decides"""
    arguments = _some(mine, 1e-7)
    w, _, _ = as_tuple("adam", mine.adam(*arguments), NAMES)
    same("w", w, _adam(*arguments)[0], usual=_usual(0, arguments))


def they_train(mine: Mine) -> None:
    """they train: down a valley 100 times as steep to one side as along"""
    steep = np.array([100.0, 1.0])

    def height(w: np.ndarray) -> float:
        return float(np.sum(steep * w**2) / 2)

    w = np.ones(2)
    for _ in range(60):
        w = as_array("sgd", mine.sgd(w, steep * w, 0.015), (2,))
    by_sgd = height(w)
    w, m, v = np.ones(2), np.zeros(2), np.zeros(2)
    for step in range(1, 61):
        w, m, v = as_tuple("adam", mine.adam(w, steep * w, m, v, step, 0.05, 0.9, 0.999, 1e-7), NAMES)
    by_adam = height(as_array("w", w, (2,)))
    mine.say(f"         from height {height(np.ones(2)):.1f}, 60 steps: SGD to {by_sgd:.2g}, Adam to {by_adam:.2g}")
    for name, end in (("sgd", by_sgd), ("adam", by_adam)):
        if not end < 1:
            raise Wrong(f"{name}: after 60 steps expected a height below 1, received {end:.3g}.")


RUNGS = (
    sgd_shape, sgd_on_paper, sgd_fresh,
    adam_shapes, adam_on_paper, adam_averages, adam_step, adam_where_gradients_are_tiny, they_train,
)  # fmt: skip
