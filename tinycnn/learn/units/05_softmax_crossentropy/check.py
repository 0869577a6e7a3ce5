"""Unit 05. The checker has no names for its mistakes: the usual ones stand here, as what they give."""

import math

import numpy as np

from tinycnn.learn.rungs import Mine, Wrong, as_array, as_tuple, same, slopes

NAMES = ("p", "loss", "dz")
OVERFLOWS = "exp of a large number is infinite; exp(z − c) / Σ exp(z − c) is the same for every c of a row"
UNDERFLOWS = "exp(−1000) is 0, and the sum of such a row, too: what is taken off must be the row's own"
LOG_OF_ZERO = "the logarithm of a probability that was rounded to 0: take the logarithm of the formula first"


def _row(z: np.ndarray) -> list[float]:
    """One row, in exact sums of its terms."""
    terms = [math.exp(x - max(z)) for x in z]
    return [t / math.fsum(terms) for t in terms]


def _both(mine: Mine, z: np.ndarray, labels: np.ndarray) -> tuple:
    return as_tuple("softmax_crossentropy", mine.softmax_crossentropy(z, labels), NAMES)


def softmax_shape(mine: Mine) -> None:
    """softmax: three rows of four numbers go in, and three of four come out"""
    as_array("softmax", mine.softmax(mine.rng.standard_normal((3, 4)).astype(np.float32)), (3, 4), np.float32)


def softmax_on_paper(mine: Mine) -> None:
    """softmax: the logits [0, log 3] have probabilities [1/4, 3/4]"""
    usual = {"exp is missing": [[0.0, 1.0]], "not divided by the sum": [[1.0, 3.0]]}
    same("softmax", mine.softmax(np.array([[0.0, math.log(3)]])), [[0.25, 0.75]], usual=usual)


def softmax_rows(mine: Mine) -> None:
    """softmax: fresh numbers, each row for itself"""
    z = mine.rng.standard_normal((4, 3))
    e = np.exp(z)
    usual = {
        "the sum runs over the samples; it must run over the classes": e / e.sum(axis=0),
        "the sum runs over the whole batch; each row needs its own": e / e.sum(),
    }
    same("softmax", mine.softmax(z), [_row(row) for row in z], usual=usual)


def softmax_of_large(mine: Mine) -> None:
    """softmax: logits of 1000 and of -1000"""
    z = np.array([[1000.0, 1000.0, 0.0], [-1000.0, -1001.0, -1002.0], [1000.0, -1000.0, 999.0]])
    given = mine.softmax(z)
    _finite("softmax", given, z.shape, UNDERFLOWS if _finite_rows(given)[::2].all() else OVERFLOWS)
    same("softmax", given, [_row(row) for row in z])


def _finite_rows(value: object) -> np.ndarray:
    array = np.asarray(value)
    return np.isfinite(array).reshape(len(array), -1).all(axis=1) if array.dtype.kind == "f" else np.zeros(3, bool)


def _finite(name: str, value: object, shape: tuple[int, ...], mistake: str) -> None:
    array = np.asarray(value)
    if array.shape == shape and array.dtype.kind == "f" and not np.isfinite(array).all():
        text = f"{name}: expected finite numbers, received NaN or infinity where logits are 1000 or -1000."
        raise Wrong(text, array, np.zeros(shape), mistake)


def shapes(mine: Mine) -> None:
    """cross-entropy: three results of the right shapes"""
    z, labels = mine.rng.standard_normal((3, 4)).astype(np.float32), np.array([3, 0, 1])
    for name, value, size in zip(NAMES, _both(mine, z, labels), ((3, 4), (3,), (3, 4)), strict=True):
        as_array(name, value, size)


def on_paper(mine: Mine) -> None:
    """cross-entropy: of [0, log 3] and class 0, p = [1/4, 3/4], loss = log 4, dz = [-3/4, 3/4]"""
    p, loss, dz = _both(mine, np.array([[0.0, math.log(3)]]), np.array([0]))
    same("p", p, [[0.25, 0.75]])
    usual = {"the minus before the logarithm is missing": [-math.log(4)], "the logarithm is missing": [0.25]}
    same("loss", loss, [math.log(4)], usual=usual | {"it takes the logarithm to the base 2": [2.0]})
    same("dz", dz, [[-0.75, 0.75]], usual=_usual_dz(np.array([[0.25, 0.75]]), np.array([0])))


def _usual_dz(p: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """What the usual mistakes make of dz."""
    hot = np.eye(p.shape[1])[labels]
    dz = p - hot
    return {
        "the 1 at the label is not taken off": p,
        "the sign is wrong": -dz,
        "divided by the number of samples: each loss is its own, no mean is taken": dz / len(p),
        "the gradient is taken through the softmax twice": p * (dz - (dz * p).sum(axis=1, keepdims=True)),
        "that is the gradient with respect to p; go on to z": -hot / p,
        "the 1 is taken off in all columns that are a label of some sample": p - hot.max(axis=0),
    }


def fresh(mine: Mine) -> None:
    """cross-entropy: p and loss of fresh numbers"""
    z, labels = mine.rng.standard_normal((5, 4)), mine.rng.permutation([0, 1, 2, 3, 3])
    p, loss, _ = _both(mine, z, labels)
    due = [_row(row) for row in z]
    same("p", p, due)
    losses = np.array([-math.log(row[k]) for row, k in zip(due, labels, strict=True)])
    usual = {
        "each loss is divided by the number of samples": losses / 5,
        "every sample has the mean": [losses.mean()] * 5,
    }
    same("loss", loss, losses, usual=usual)


def of_large(mine: Mine) -> None:
    """cross-entropy: logits of 1000, and a loss of 1000"""
    z, labels = np.array([[1000.0, 0.0], [0.0, 1000.0], [-1000.0, -1000.0]]), np.array([1, 1, 0])
    p, loss, dz = _both(mine, z, labels)
    _finite("p", p, (3, 2), UNDERFLOWS if _finite_rows(p)[:2].all() else OVERFLOWS)
    _finite("loss", loss, (3,), LOG_OF_ZERO if _finite_rows(loss)[1:].all() else OVERFLOWS)
    same("p", p, [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    array = as_array("loss", loss, (3,))
    clipped = "a small number is added to p, or p is clipped, so that its logarithm is finite: the loss is wrong then"
    if 5 < array[0] < 750:
        text = f"loss[0] is {array[0]:.6g}, due is 1000: the right class has a logit 1000 below the other."
        raise Wrong(text, array, np.array([1000.0, 0.0, math.log(2)]), clipped)
    same("loss", loss, [1000.0, 0.0, math.log(2)])
    same("dz", dz, [[1.0, -1.0], [0.0, 0.0], [-0.5, 0.5]])


def against_slopes(mine: Mine) -> None:
    """cross-entropy: dz against the slopes of your own loss"""
    z, labels = mine.rng.standard_normal((3, 4)), mine.rng.permutation(4)[:3]
    weights = mine.rng.uniform(0.5, 1.5, 3)
    p, _, dz = _both(mine, z, labels)
    due = slopes(lambda at: _both(mine, at, labels)[1], z, weights) / weights[:, None]
    why = "Due is what your own loss's slope is."
    same("dz", dz, due, 1e-4, why, usual=_usual_dz(p, labels))


def it_learns(mine: Mine) -> None:
    """it learns: three clouds of points, told apart by your gradient"""
    labels = np.arange(60) % 3
    x = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])[labels] + 0.4 * mine.rng.standard_normal((60, 2))
    kernel = np.zeros((2, 3))
    for _ in range(30):
        _, loss, dz = _both(mine, x @ kernel, labels)
        kernel -= 0.5 * x.T @ dz / len(x)
    right = int(np.sum(np.argmax(x @ kernel, axis=1) == labels))
    if right < 55:
        raise Wrong(f"after 30 steps {right} of 60 points are in their class, expected 55; loss {np.mean(loss):.3g}.")


RUNGS = (
    softmax_shape, softmax_on_paper, softmax_rows, softmax_of_large,
    shapes, on_paper, fresh, of_large, against_slopes, it_learns,
)  # fmt: skip
