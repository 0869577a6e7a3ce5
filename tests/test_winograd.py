"""Winograd's convolution: its matrices, its transforms, its rounding errors. Parity is in test_kernels.py."""

from __future__ import annotations

import numpy as np
import pytest
from tolerances import PARITY, assert_close, distance

pytest.importorskip("numba")

from numba import njit

from tinycnn.kernels import conv2d
from tinycnn.kernels.engine import winograd
from tinycnn.kernels.engine.llvm_functions import VECTOR_BYTES

ONE = (1, 1)


@pytest.mark.parametrize(
    ("a", "g", "b"),
    [
        (winograd.A, winograd.G, winograd.B),
        (winograd.SMALL_A, winograd.SMALL_G, winograd.SMALL_B),
        (winograd.LARGE_A, winograd.LARGE_G, winograd.LARGE_B),
    ],
    ids=["4x4", "2x2", "5x5"],
)
def test_the_matrices_are_exact(a, g, b):
    """For one row: Aᵀ·[(G·taps) ⊙ (Bᵀ·pixels)] is their convolution, for every pair of unit vectors."""
    size, out = a.shape
    for i, pixels in enumerate(np.eye(size)):
        for j, taps in enumerate(np.eye(3)):
            outputs = a.T @ ((g @ taps) * (b.T @ pixels))
            expected = np.eye(size)[i - j][:out] if i >= j else np.zeros(out)
            np.testing.assert_allclose(outputs, expected, atol=1e-14)


TRANSFORMS = {
    "pixels": (winograd.transform_pixels, winograd.B.T, False, False),
    "kernel": (winograd.transform_kernel, winograd.G, False, False),
    "gradient": (winograd.transform_gradients, winograd.A, False, False),
    "outputs": (winograd.transform_to_outputs, winograd.A.T, True, True),
    "pixel_gradient": (winograd.transform_to_pixels, winograd.B, True, True),
    "kernel_gradient": (winograd.transform_kernel_gradient, winograd.G.T, True, False),
    "small_pixels": (winograd.transform_small_pixels, winograd.SMALL_B.T, False, False),
    "small_kernel": (winograd.transform_small_kernel, winograd.SMALL_G, False, False),
    "small_outputs": (winograd.transform_to_small_outputs, winograd.SMALL_A.T, True, True),
    "large_pixels": (winograd.transform_large_pixels, winograd.LARGE_B.T, False, False),
    "large_kernel": (winograd.transform_large_kernel, winograd.LARGE_G, False, False),
    "large_outputs": (winograd.transform_to_large_outputs, winograd.LARGE_A.T, True, True),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_transforms_at_edges_and_in_the_middle(name, dtype, rng):
    transform, matrix, adds, writes_image = TRANSFORMS[name]

    @njit
    def compiled(x, y, base, outside, rows, columns, channels):
        size, width = channels + 1, 8 * (channels + 1)
        transform(x, 2, width, size, y, 3, width, size, base, 1, width, size, outside, rows, columns, channels)

    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    rows, size = matrix.shape
    whole = rows if writes_image else size
    for channels in (1, lanes, 2 * lanes + 3):
        for inside in ((whole, whole), (1, whole), (whole - 1, 2), (whole + 3, whole + 1)):
            x, y, base = rng.normal(size=(3, 8, 8, channels + 1)).astype(dtype)
            place = [a.reshape(-1)[start:] for a, start in ((x, 2), (y, 3), (base, 1))]
            tiles = [np.append(a, np.zeros(8, dtype))[: 64 * (channels + 1)].reshape(8, 8, -1) for a in place]
            seen = tiles[0][:size, :size, :channels].astype(float)
            if not writes_image:
                seen[inside[0] :] = 0
                seen[:, inside[1] :] = 0
            result = np.einsum("ia,abc,jb->ijc", matrix, seen, matrix) + adds * tiles[2][:rows, :rows, :channels]
            expected = tiles[1].copy()
            r, c = inside if writes_image else (rows, rows)
            expected[: min(r, rows), : min(c, rows), :channels] = result[:r, :c]
            compiled(x.reshape(-1), y.reshape(-1), base.reshape(-1), np.zeros(channels, dtype), *inside, channels)
            found = np.append(y.reshape(-1)[3:], np.zeros(3, dtype)).reshape(8, 8, -1)
            assert_close(found[:-1], expected[:-1], PARITY[dtype], f"{name}, {channels} channels, inside {inside}")


def errors(rng: np.random.Generator) -> dict[str, float]:
    """Of the notebook's second convolution and its gradients in float32, against float64."""
    from tinycnn.kernels import fast

    x, kernel = np.maximum(rng.normal(size=(8, 13, 13, 32)), 0), rng.normal(size=(3, 3, 32, 64)) / 17
    dz, bias = rng.normal(size=(8, 11, 11, 64)), np.zeros(64)
    x, kernel, dz, bias = (a.astype("float32") for a in (x, kernel, dz, bias))
    wide = [a.astype("float64") for a in (x, kernel, dz, bias)]
    exact = conv2d.conv2d_forward(wide[0], wide[1], wide[3], ONE, ONE)
    found = {
        "dkernel": distance(
            fast.conv2d.conv2d_backward_parameters(x, dz, (3, 3), ONE, ONE)[0],
            conv2d.conv2d_backward_parameters(wide[0], wide[2], (3, 3), ONE, ONE)[0],
        ),
        "dx": distance(
            fast.conv2d.conv2d_backward_input(dz, kernel, (13, 13), ONE, ONE),
            conv2d.conv2d_backward_input(wide[2], wide[1], (13, 13), ONE, ONE),
        ),
        "training": distance(fast.conv2d.conv2d_forward(x, kernel, bias, ONE, ONE), exact),
    }
    for out in (2, 4, 5):
        z = np.empty((8, 11, 11, 64), "float32")
        weights = winograd.transformed_kernel(kernel, out)
        tiles = len(x) * winograd.tiles((11, 11), out)
        fast.conv2d.convolve_tiles(1, x, weights, bias, tiles, tiles, z)
        found[f"{out}x{out}"] = distance(z, exact)
    return found


@pytest.mark.jit
def test_rounding_errors_are_what_the_docstring_says(rng):
    found = errors(rng)
    assert found["training"] == found["2x2"] < 4e-7
    assert max(found["4x4"], found["dkernel"], found["dx"]) < 2e-6
    assert found["4x4"] < found["5x5"] < 4e-6


@pytest.mark.parametrize(("size", "expected"), [(10, 5), (11, 4), (12, 4), (5, 5), (4, 4), (15, 5), (26, 4)])
def test_inference_takes_the_tiles_with_fewer_multiplications(size, expected):
    assert winograd.inference_tile((size, size)) == expected


@pytest.mark.jit
def test_forward_in_training_a_blank_window_gives_the_bias(rng):
    """Exactly: a last digit more or less would decide which of equal pixels a pooling window chooses, and relu at 0."""
    from tinycnn.kernels import fast

    x = rng.normal(size=(4, 13, 12, 16)).astype("float32")
    x[:, 3:8, 2:9] = 0  # windows at all places within a tile, beside pixels that are not blank
    kernel, bias = rng.normal(size=(3, 3, 16, 17)).astype("float32"), rng.normal(size=17).astype("float32")
    assert winograd.pays(kernel.shape, ONE, ONE, (11, 10))
    z = fast.conv2d.conv2d_forward(x, kernel, bias, ONE, ONE)
    np.testing.assert_array_equal(z[:, 3:6, 2:7], np.broadcast_to(bias, (4, 3, 5, 17)))


def test_the_points_are_better_than_the_usual_ones():
    """The chosen points and the usual ones, both in NumPy and float32, on the same numbers."""

    def error(a: np.ndarray, g: np.ndarray, b: np.ndarray) -> float:
        d = np.random.default_rng(0).normal(size=(500, 32, 6, 6)).astype("float32")
        kernel = np.random.default_rng(1).normal(size=(32, 3, 3)).astype("float32")
        a, g, b = (m.astype("float32") for m in (a, g, b))
        products = ((g @ kernel @ g.T) * (b.T @ d @ b)).sum(axis=1, dtype="float32")
        windows = np.lib.stride_tricks.sliding_window_view(d.astype("float64"), (3, 3), (2, 3))
        expected = np.einsum("tcijab,cab->tij", windows, kernel.astype("float64"))
        return distance(a.T @ products @ a, expected)

    usual = winograd.matrices(winograd.OUT, np.array([0.0, 1, -1, 2, -2]))
    assert error(*usual) > 3 * error(winograd.A, winograd.G, winograd.B)


@pytest.mark.parametrize(
    ("shape", "strides", "dilation", "out", "expected"),
    [
        ((3, 3, 32, 64), (1, 1), (1, 1), (11, 11), True),
        ((3, 3, 16, 16), (1, 1), (1, 1), (4, 4), True),
        ((3, 3, 1, 32), (1, 1), (1, 1), (26, 26), False),  # nothing to multiply
        ((3, 3, 32, 15), (1, 1), (1, 1), (26, 26), False),
        ((3, 3, 32, 64), (2, 1), (1, 1), (11, 11), False),
        ((3, 3, 32, 64), (1, 1), (1, 2), (11, 11), False),
        ((3, 2, 32, 64), (1, 1), (1, 1), (11, 11), False),
        ((5, 5, 32, 64), (1, 1), (1, 1), (11, 11), False),
        ((3, 3, 32, 64), (1, 1), (1, 1), (1, 5), False),  # most of the tiles would lie outside
    ],
)
def test_when_it_is_used(shape, strides, dilation, out, expected):
    assert bool(winograd.pays(shape, strides, dilation, out)) is expected
