# %% [markdown]
# # From loops to fast kernels
#
# Here are three programs for the same convolution. The first is seven loops, compiled, as a textbook writes them. The
# second is NumPy, one matrix product for each weight's place in the window. The third is the package's fast kernel.
# They read the same numbers, do the same multiplications, and give the same result. Yet the first takes more than ten
# times as long as the third. All that work is *not* multiplying. What is it, then?
#
# In this tutorial you work out how fast a convolution could be at best, from nothing but its shapes. Then you climb
# towards that limit, one idea at a time: loops, vectors, registers, threads, fewer multiplications. On the way you find
# out what rounding has to do with all of it, and why the fastest way is not always the one that is taken.
#
# *To run it: open it in Jupyter from a clone of the repository ([how](README.md)). It needs no network: images are
# the bundled digits, and all recorded times come from files of the repository, so they are those of one machine,
# named there; `python -m benchmarks.walk` measures yours. The notebook takes some seconds to execute (half a minute
# more where the package has never been used before); reading it takes 20 minutes.*

# %%
import re
from fractions import Fraction

import numba
import numpy as np
from numba import njit
from tinycnn.tutorials.helpers import benchmark, show_source

from tinycnn import models, plots, utils
from tinycnn.datasets import digits
from tinycnn.kernels import FAST, REFERENCE, conv2d, fast
from tinycnn.kernels.engine import block_product, winograd
from tinycnn.kernels.engine.block_product import ROWS, VECTOR_BYTES, VECTORS

utils.set_random_seed(6)
rng = np.random.default_rng(6)
ONE = (1, 1)
IMAGES, SIZE, CHANNELS, FILTERS = 32, 13, 32, 64  # the notebook's second convolution, one batch
OUT = SIZE - 2

x = np.maximum(rng.normal(size=(IMAGES, SIZE, SIZE, CHANNELS)), 0).astype("float32")
kernel = (rng.normal(size=(3, 3, CHANNELS, FILTERS)) / 17).astype("float32")
bias = rng.normal(size=FILTERS).astype("float32")


@njit
def seven_loops(x, kernel, bias):
    n, h, w, channels = x.shape
    kh, kw, _, filters = kernel.shape
    z = np.empty((n, h - kh + 1, w - kw + 1, filters), x.dtype)
    for image in range(n):
        for i in range(h - kh + 1):
            for j in range(w - kw + 1):
                for f in range(filters):
                    total = bias[f]
                    for a in range(kh):
                        for b in range(kw):
                            for c in range(channels):
                                total += x[image, i + a, j + b, c] * kernel[a, b, c, f]
                    z[image, i, j, f] = total
    return z


results = {
    "loops": seven_loops(x, kernel, bias),
    "NumPy": REFERENCE.conv2d_forward(x, kernel, bias, ONE, ONE),
    "fast": FAST.conv2d_forward(x, kernel, bias, ONE, ONE),
}
for z in results.values():
    np.testing.assert_allclose(z, results["NumPy"], rtol=0, atol=2e-5 * np.abs(results["NumPy"]).max())


walk = benchmark("walk")
steps = {step["name"]: step for step in walk["steps"]}
STEPS = {
    "seven loops": "forward: scalar loops, compiled",
    "NumPy, a product per tap": "forward: NumPy, a matrix product per tap",
    "blocks in registers, 1 thread": "forward: blocks in registers, one thread",
    "blocks, all threads": "forward: blocks in registers, all threads",
    "Winograd, 1 thread": "forward: Winograd, one thread",
    "Winograd, small tiles, 1 thread": "forward: Winograd with small tiles, one thread",
    "blocks, then relu, pooling": "forward, relu, pooling: one after the other, all threads",
    "... in one pass": "forward, relu, pooling: in one pass, all threads",
    "... and Winograd (inference)": "inference, relu, pooling: in one pass, Winograd, all threads",
}


def times(name):
    """Milliseconds of every round."""
    return [1e3 * second for second in steps[STEPS[name]]["seconds"]]


def ms(name):
    return float(np.median(times(name)))


print(f"Recorded by `{walk['command']}` on {walk['machine']['cores']} cores, median of {walk['settings']['rounds']}:")
for name in list(STEPS)[:3]:
    print(f"{name:30} {ms(name):7.3f} ms, {ms(name) / ms('blocks in registers, 1 thread'):4.1f} times the third one's")
assert ms("seven loops") > 10 * ms("blocks in registers, 1 thread")

# %% [markdown]
# ## What is the least it could take?
#
# Count, from the shapes. Each output is a sum over $3\cdot 3\cdot c$ products, and each product costs a multiplication
# and an addition. With $n$ images, $h\cdot w$ outputs an image and $f$ filters:
#
# $$\text{operations} = 2\cdot n\cdot h\cdot w\cdot f\cdot 9c$$
#
# A second thing costs time: numbers have to come from memory and go back to it. At the very least, each input is read
# once, and each output written once. The quotient of the two is the *arithmetic intensity*: how many operations does
# each byte that is moved take part in?

# %%
operations = 2 * IMAGES * OUT * OUT * FILTERS * 9 * CHANNELS
moved = x.nbytes + kernel.nbytes + results["fast"].nbytes
intensity = operations / moved
peak, bandwidth = float(np.median(walk["sgemm_gflops"])), float(np.median(walk["bandwidth_gb_s"]))
by_arithmetic, by_memory = operations / peak / 1e6, moved / bandwidth / 1e6
print(f"{operations:,} operations, {moved:,} bytes: {intensity:.0f} operations for each byte.")
print(f"The machine of the recorded times: {peak:.0f} GFLOP/s (NumPy's product of two large matrices, all threads),")
print(f"and {bandwidth:.0f} GB/s (a copy of a large array).")
print(f"So arithmetic takes at least {by_arithmetic:.2f} ms, memory at least {by_memory:.2f} ms.")
assert operations == steps[STEPS["seven loops"]]["flops"]
assert moved == steps[STEPS["seven loops"]]["bytes"]
assert by_arithmetic > 2 * by_memory

# %% [markdown]
# Arithmetic and memory work at the same time, so the larger of the two is the limit. The *roofline* shows it for any
# intensity $I$:
#
# $$\text{rate} \le \min(\text{peak},\; I\cdot\text{bandwidth})$$
#
# On the slope a program waits for memory, below the flat part for arithmetic. Our convolution lies far to the right of
# the edge: it could keep the multipliers busy all the time. Where do the programs stand?


# %%
def rate(name):
    """GFLOP/s, counted for a direct computation."""
    return operations / ms(name) / 1e6


shown = list(STEPS)[:4]
for name in shown:
    print(f"{name:30} {rate(name):4.0f} GFLOP/s, {rate(name) / peak:4.0%} of the peak")
assert rate("seven loops") < peak / 20
assert rate("blocks, all threads") > peak / 2
assert rate("seven loops") < rate("blocks in registers, 1 thread") < rate("blocks, all threads") * 1.1
plots.roofline({name: (intensity, rate(name)) for name in shown}, peak, bandwidth, "The second convolution")

# %% [markdown]
# The loops are not held up by memory, and hardly by multiplications. So by what?
#
# ## One addition at a time
#
# Look at the innermost loop: everything is added to *one* variable, `total`. Each addition needs the result of the one
# before, and has to wait for it, some cycles each time. Meanwhile the processor could have started several others, and
# each of them on a whole *vector* of numbers at once.
#
# Why does the compiler not add up in another order, say in eight sums side by side? Because it must not. In floating
# point, $(a + b) + c$ and $a + (b + c)$ round differently, and the compiler promised to compute what you wrote.
#
# So write something else. Exchange loops: let the innermost one run over the *filters*. Now neighbouring turns belong
# to different sums, and nobody waits. Each sum still gets its terms in the same order, so what do you expect of the
# result?


# %%
@njit
def exchanged_loops(x, kernel, bias):
    n, h, w, channels = x.shape
    kh, kw, _, filters = kernel.shape
    z = np.empty((n, h - kh + 1, w - kw + 1, filters), x.dtype)
    for image in range(n):
        for i in range(h - kh + 1):
            for j in range(w - kw + 1):
                sums = z[image, i, j]
                sums[:] = bias
                for a in range(kh):
                    for b in range(kw):
                        for c in range(channels):
                            pixel = x[image, i + a, j + b, c]
                            for f in range(filters):
                                sums[f] += pixel * kernel[a, b, c, f]
    return z


exchanged = exchanged_loops(x, kernel, bias)
same = np.array_equal(exchanged, results["loops"])
print(f"The same loops in another order give the same bits: {same}")
assert same


def vector_multiplications(function):
    """How many instructions of the compiled function multiply a whole vector of float32."""
    (code,) = function.inspect_asm().values()
    return len(re.findall(r"\bv?(?:mulps|fmadd\d+ps)\b|\bfm(?:ul|la)\s+v\d+\.4s", code))


print(f"Instructions that multiply vectors: {vector_multiplications(seven_loops)} in the seven loops,")
print(f"{vector_multiplications(exchanged_loops)} in the exchanged ones.")
assert vector_multiplications(seven_loops) < vector_multiplications(exchanged_loops)

# %% [markdown]
# Not one bit has changed, and now the compiler finds vectors by itself. Try `%timeit seven_loops(x, kernel, bias)` and
# `%timeit exchanged_loops(x, kernel, bias)` in a cell of your own; live times are not kept here, because they would
# differ each time that this page is made.
#
# What about the other programs? They add up in other orders, or round once where the loops round twice (a *fused*
# multiply-add). None of them is "the" right answer; float64 can tell how far each is from the truth. The yardstick is
# the *ulp*, the distance between neighbouring float32 numbers, here at the largest output.

# %%
truth = REFERENCE.conv2d_forward(*(array.astype("float64") for array in (x, kernel, bias)), ONE, ONE)
ulp = np.spacing(np.float32(np.abs(truth).max()))
for name, z in results.items():
    equal = np.mean(z == results["loops"])
    error = np.abs(z - truth).max()
    print(f"{name:6} largest error {error / ulp:4.1f} ulp; {equal:4.0%} of the outputs have the loops' bits")
    assert error < 2e-6 * np.abs(truth).max()
assert not np.array_equal(results["loops"], results["fast"])

# %% [markdown]
# ## A matrix product for each tap
#
# The reference kernel hands the inner loops to NumPy's matrix product, which knows about vectors, registers and caches:

# %%
show_source(conv2d.conv2d_forward, docstring=False)

# %% [markdown]
# Ten lines, and no longer slow. What is left? Each of the nine products is written to an array of its own, read back,
# and added to `z`, which is read and written, too. Count what travels: for each tap the shifted pixels, and four
# times as much as the output holds; and at the very beginning, `z` is filled with the bias.

# %%
pixels = IMAGES * OUT * OUT * CHANNELS * 4
travels = 9 * (pixels + 4 * results["NumPy"].nbytes) + results["NumPy"].nbytes + kernel.nbytes
print(f"{travels / 1e6:.0f} MB travel where {moved / 1e6:.1f} MB would do: {travels / moved:.0f} times as much.")
print(f"That leaves {operations / travels:.1f} operations for each byte instead of {intensity:.0f}.")
assert travels > 10 * moved

# %% [markdown]
# Most of it comes from the caches, which are faster than memory, so the roofline's slope does not apply as it stands.
# But the direction is clear: a number that has been fetched should be *used* before it is let go.
#
# ## Blocks in registers
#
# Nothing is nearer to the multipliers than the processor's registers. Keep a small block of outputs there, some rows
# times some vectors of filters, while all their terms pass by; write each output once. For each term, the block loads
# one pixel a row and one vector of weights a column, and multiplies *all with all*:

# %%
lanes = VECTOR_BYTES // 4
loads, products = ROWS + VECTORS, ROWS * VECTORS
print(f"This processor's vectors hold {lanes} numbers; a block has {ROWS} rows times {VECTORS} vectors.")
print(f"A term needs {loads} loads for {products} vector products, which are {products * lanes} multiplications.")
print(
    f"The seven loops need 2 loads for 1. Loads for each multiplication: {loads / (products * lanes):.3f} instead of 2."
)
print(
    f"Registers: {products} for the sums, {VECTORS} for the weights, 1 for a pixel; together {products + VECTORS + 1}."
)
assert loads / (products * lanes) < 2 / 10

# %% [markdown]
# For a matrix product this has long been known. A convolution is one, too, if each window is written out as a row of a
# matrix (*im2col*), but that matrix is several times as large as the images, because windows overlap. There is no need
# to write it. It is enough to know *where* its numbers lie, and for this two small tables do: where each window starts,
# and where its pixels lie from there. Take a 4x4 image of one channel, and a 3x3 window:

# %%
windows, terms = fast.conv2d.window_tables(4, 1, (3, 3), (2, 2), ONE, ONE)
image = np.arange(16.0)
third = np.isin(np.arange(16), windows[2] + terms)
print(f"im2col would take {OUT * OUT * 9 * CHANNELS / (SIZE * SIZE * CHANNELS):.1f} times the space of our images.")
plots.arrays(
    [("rows", windows[:, None]), "+", ("terms", terms[None, :])],
    [
        ("places in the image; framed: row 3", image.reshape(4, 4), third.reshape(4, 4)),
        "→",
        (
            "the matrix that is never built",
            image[windows[:, None] + terms],
            np.repeat(np.arange(4) == 2, 9).reshape(4, 9),
        ),
    ],
    title="Two tables in place of a matrix",
)

# %% [markdown]
# Row $r$, column $k$ of that matrix is `a[rows[r] + terms[k]]`. Strides, dilation, channels, images of any width: all
# of it is in the tables, and the inner loop knows nothing of it. In NumPy, what it computes is a single line, the
# last one:

# %%
show_source(block_product.block_product_in_python)

# %%
small_kernel = np.array([[1.0, 0, -1], [2, 1, 0], [0, -1, 1]])
out = np.zeros(4)
block_product.block_product_in_python(
    image, 0, windows, terms, small_kernel.ravel(), 0, 1, out, 0, np.arange(4), 0, 4, 1, np.ones(1), 0, False
)
expected = conv2d.conv2d_forward(image.reshape(1, 4, 4, 1), small_kernel.reshape(3, 3, 1, 1), np.ones(1), ONE, ONE)
print(f"by the tables {out}, by the reference {expected.ravel()}")
assert np.array_equal(out, expected.ravel())

# %% [markdown]
# The fast twin of this function sits beside it in
# [`engine/block_product.py`](../tinycnn/kernels/engine/block_product.py), written in LLVM's own instructions. A
# compiler does not get there from loops: it has to assume that the outputs might overlap the inputs, so it writes
# every sum back to memory after every addition.
#
# ## Threads, and the same bits
#
# Several threads share out the images. That is simple going forward, where each writes outputs of its own. Backward,
# the kernel's gradient is a *sum over all images*, and the natural idea is: each thread adds up its share, then the
# shares are added. Let us try this in NumPy, for different numbers of threads.

# %%
dz = rng.normal(size=(IMAGES, OUT, OUT, FILTERS)).astype("float32")


def gradient_of(images):
    return REFERENCE.conv2d_backward_parameters(x[images], dz[images], (3, 3), ONE, ONE)[0]


def shared_out(threads):
    shares = [gradient_of(share) for share in np.array_split(np.arange(IMAGES), threads)]
    return sum(shares[1:], start=shares[0])


alone = shared_out(1)
for threads in (2, 4, 8):
    differ = np.mean(shared_out(threads) != alone)
    print(f"{threads} threads: {differ:.0%} of the gradients have other bits than with one thread")
    assert differ > 0.1
shares = np.array([gradient_of(slice(first, first + 4)) for first in range(0, IMAGES, 4)])
orders = {np.add.reduce(shares[rng.permutation(8)], axis=0).tobytes() for _ in range(20)}
print(f"8 shares, added as the threads happen to finish, 20 times: {len(orders)} different results")
assert len(orders) > 10

# %% [markdown]
# The differences are tiny, and training makes larger ones of them with every step. A mistake that shows only on another
# machine, or only now and then, is a mistake you cannot look for.
#
# The package cuts such a sum into a *fixed* number of parts, whatever the number of threads, and adds these in a fixed
# order. Threads share out the parts, never the sum.

# %%
found = {}
for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
    numba.set_num_threads(threads)
    dkernel, dbias = FAST.conv2d_backward_parameters(x, dz, (3, 3), ONE, ONE)
    dx = FAST.conv2d_backward_input(dz, kernel, (SIZE, SIZE), ONE, ONE)
    found[threads] = dkernel.tobytes(), dbias.tobytes(), dx.tobytes()
numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
same = len(set(found.values())) == 1
print(f"The fast gradients have the same bits for every number of threads here: {same}")
assert same

# %% [markdown]
# ## Fewer multiplications
#
# The blocks run close to the peak. To go faster, one has to multiply *less*. Is that possible? Two outputs of a
# convolution in one dimension with three weights are
#
# $$y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2 \qquad y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2$$
#
# Six multiplications. Winograd needs four. Here is why, in two steps.
#
# **Polynomials.** Multiply $a(t) = a_0 + a_1 t$ by $g(t) = g_0 + g_1 t + g_2 t^2$. By the definition, each coefficient
# meets each: six multiplications. But the product has degree three, so it is known as soon as its values at *four*
# points are. And a value of a product is the product of the values: evaluate both at four points, multiply (four
# times!), find the polynomial through the results. One of the points may be $\infty$, where only the highest
# coefficient counts. With the matrices $V_k$ whose rows are $1, t, t^2, \dots$ at the points ($k$ columns):
#
# $$s = V_4^{-1}\,[\,(V_3\,g) \odot (V_2\,a)\,]$$
#
# Evaluating at $0$, $1$, $-1$ takes additions only. Fractions in Python are exact, so let us look closely.


# %%
def powers(points, count):
    """A row 1, t, t², ... for each point, and one for the point ∞."""
    rows = [[point**k for k in range(count)] for point in points]
    return np.array([*rows, [0] * (count - 1) + [1]], dtype=object)


def inverse(matrix):
    """Gauss and Jordan's way, with whatever numbers are in it."""
    n = len(matrix)
    rows = np.hstack([matrix, np.eye(n, dtype=int).astype(object)])
    for i in range(n):
        pivot = next((k for k in range(i, n) if rows[k, i] != 0), None)
        if pivot is None:
            raise ZeroDivisionError("two points are equal")
        rows[[i, pivot]] = rows[[pivot, i]]
        rows[i] = rows[i] / rows[i, i]
        for k in range(n):
            if k != i:
                rows[k] = rows[k] - rows[k, i] * rows[i]
    return rows[:, n:]


points = [Fraction(0), Fraction(1), Fraction(-1)]
a, g = np.array([Fraction(3), Fraction(5)]), np.array([Fraction(2), Fraction(-1), Fraction(4)])
values = (powers(points, 3) @ g) * (powers(points, 2) @ a)
s = inverse(powers(points, 4)) @ values
print("(3 + 5t)·(2 − t + 4t²) has the coefficients", ", ".join(str(number) for number in s))
assert list(s) == list(np.convolve(a, g))

# %% [markdown]
# **Turn it around.** For a fixed $g$ all of this is linear in $a$: some matrix $T$ turns $a$ into $s$, and
# $T_{ij} = g_{i-j}$. Now read that matrix the other way, $T^\top d$: its row $j$ is $\sum_i g_{i-j}\,d_i$, the sum of
# $g_k\,d_{j+k}$. *That is the convolution*, the $y_j$ above. (You know this from [backprop](02_backprop_by_hand.ipynb):
# the gradient of a linear step is its transpose.) So transpose the formula: the factors swap places, and each is turned
# around.
#
# $$T = V_4^{-1}\,\mathrm{diag}(V_3 g)\,V_2 \qquad\Longrightarrow\qquad
# y = T^\top d = \underbrace{V_2^\top}_{A^\top}\,[\,(\underbrace{V_3}_{G}\,g) \odot
# (\underbrace{V_4^{-\top}}_{B^\top}\,d)\,]$$
#
# Transform the pixels, transform the kernel, multiply number by number, transform back.


# %%
def winograd_matrices(outputs, taps, points):
    """A, G and B, of any number of outputs and taps; there are outputs + taps − 2 points, and ∞."""
    return powers(points, outputs), powers(points, taps), inverse(powers(points, outputs + taps - 1))


def convolve(matrices, d, g):
    A, G, B = matrices
    return A.T @ ((G @ g) * (B.T @ d))


def is_exact(outputs, taps, points):
    """Whether it is the convolution for random whole numbers; exactly, in fractions."""
    d = np.array([Fraction(int(v)) for v in rng.integers(-99, 99, outputs + taps - 1)])
    g = np.array([Fraction(int(v)) for v in rng.integers(-99, 99, taps)])
    expected = [sum(d[j + k] * g[k] for k in range(taps)) for j in range(outputs)]
    return list(convolve(winograd_matrices(outputs, taps, points), d, g)) == expected


four_points = [Fraction(p) for p in (0, 1, -1, 2, -2)]
print(f"two outputs with 4 multiplications in place of 6, exactly: {is_exact(2, 3, points)}")
print(f"four outputs with 6 multiplications in place of 12, exactly: {is_exact(4, 3, four_points)}")
assert is_exact(2, 3, points)
assert is_exact(4, 3, four_points)
A, G, B = winograd_matrices(2, 3, points)
plots.arrays(
    [("Bᵀ", B.T.astype(float)), " ", ("G", G.astype(float)), " ", ("Aᵀ", A.T.astype(float))],
    title="Two outputs of three taps, with four multiplications",
)

# %% [markdown]
# In two dimensions do it for rows, then for columns: $Y = A^\top [(G\,g\,G^\top) \odot (B^\top d\,B)]\,A$. The savings
# multiply. The package computes tiles of 4x4 outputs from 6x6 pixels. Its matrices come from the same three lines, with
# other points:

# %%
show_source(winograd.powers)

# %%
root = np.sqrt(0.5)
package_points = [0.0, root, -root, 2 * root, -2 * root]
for mine, theirs in zip(winograd_matrices(4, 3, package_points), (winograd.A, winograd.G, winograd.B), strict=True):
    np.testing.assert_allclose(mine.astype(float), theirs, atol=1e-12)

direct = IMAGES * OUT * OUT * 9 * CHANNELS * FILTERS
tiles = IMAGES * winograd.tiles((OUT, OUT), winograd.OUT)
points = (winograd.OUT + 2) ** 2
by_points = tiles * points * CHANNELS * FILTERS
nonzero = {name: np.count_nonzero(matrix) for name, matrix in (("A", winograd.A), ("B", winograd.B))}
transforms = tiles * (12 * nonzero["B"] * CHANNELS + 10 * nonzero["A"] * FILTERS)
measured = ms("blocks in registers, 1 thread") / ms("Winograd, 1 thread")
tile = winograd.OUT**2 * 9
print(f"A tile: {points} multiplications in place of {tile}, a factor of {tile / points:.1f}.")
print(f"Our outputs do not fill their last tiles: a factor of {direct / by_points:.2f} is left.")
print(f"With the transforms' multiplications counted, too: {direct / (by_points + transforms):.2f}.")
print(f"Measured: {measured:.2f} times as fast as the direct way. The tiles have to be read and written as well.")
assert 1.1 < measured < tile / points
assert direct / (by_points + transforms) < direct / by_points < tile / points

# %% [markdown]
# ## What the points cost
#
# In fractions, any points will do. In float32 they will not. Large powers make large numbers, which cancel in the end,
# and their rounding errors stay. Here is the error of a 2D convolution with different points, against float64.


# %%
def rounding_error(outputs, points):
    """Largest error in float32, over the largest output, for some thousand tiles' worth of random numbers."""
    size = outputs + 2
    numbers = np.random.default_rng(0)
    d = np.maximum(numbers.normal(size=(200, 32, size, size)), 0).astype("float32")
    g = (numbers.normal(size=(32, 3, 3)) / 17).astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(d.astype("float64"), (3, 3), (2, 3))
    exact = np.einsum("tcijab,cab->tij", windows, g.astype("float64"), optimize=True)
    if points is None:
        narrow = np.lib.stride_tricks.sliding_window_view(d, (3, 3), (2, 3))
        found = np.zeros(exact.shape, "float32")
        for c, a, b in np.ndindex(32, 3, 3):
            found += narrow[:, c, :, :, a, b] * g[c, a, b]
    else:
        A, G, B = (m.astype("float64").astype("float32") for m in winograd_matrices(outputs, 3, points))
        products = ((G @ g @ G.T) * (B.T @ d @ B)).sum(axis=1, dtype="float32")
        found = A.T @ products @ A
    return float(np.abs(found - exact).max() / np.abs(exact).max())


errors = {
    "direct": rounding_error(4, None),
    "2x2 outputs; 0, ±1, ∞": rounding_error(2, [0.0, 1.0, -1.0]),
    "4x4 outputs; 0, ±√½, ±√2, ∞": rounding_error(4, package_points),
    "4x4 outputs; 0, ±1, ±2, ∞": rounding_error(4, [0.0, 1.0, -1.0, 2.0, -2.0]),
    "4x4 outputs; 0, ±1, ±3, ∞": rounding_error(4, [0.0, 1.0, -1.0, 3.0, -3.0]),
    "6x6 outputs; 0, ±1, ±2, ±½, ∞": rounding_error(6, [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5]),
}
direct_error, small_error, package_error, usual_error, wide_error, large_error = errors.values()
print(f"The usual points cost {usual_error / package_error:.1f} times the error of the package's.")
assert usual_error > 1.5 * package_error
assert wide_error > usual_error
assert large_error > package_error
plots.bars(errors, "largest error, over the largest output", log=True, title="Rounding errors in float32")

# %% [markdown]
# The points $\pm\sqrt{1/2}$ and $\pm\sqrt 2$ are close to one, and each is another's inverse, so no power gets large.
# They cost no time: the transforms' numbers are constants either way. (The direct sum makes errors, too: here it adds
# all terms of an output one by one, where Winograd's way adds only one for each channel.)
#
# ## Why training takes smaller tiles, forward
#
# An error in the last digits: who cares? A gradient does not. But going forward, each output *decides* something: relu
# asks whether it is above zero, pooling which of four is the largest. Where these are nearly tied, the last digit
# decides. Nearly tied, how often is that? Take a network before its first step, biases zero, and digits with a blank
# border. There the second convolution's output is *exactly* zero. And by Winograd's way? Once with tiles of 4x4
# outputs, and once with tiles of 2x2, which need only the points $0$, $\pm 1$ and $\infty$:

# %%
(train, _), _ = digits.load_data()
model = models.plain()
maps = train[:IMAGES, :, :, None].astype("float32") / 255
for layer in model.layers[:2]:
    maps = layer(maps)
second = model.layers[2].kernel.value
no_bias = np.zeros(FILTERS, "float32")


def directly(kernel):
    z = np.empty((IMAGES, OUT, OUT, FILTERS), "float32")
    windows, terms = fast.conv2d.window_tables(SIZE, CHANNELS, (3, 3), (OUT, OUT), ONE, ONE)
    fast.conv2d.convolve_windows(IMAGES, maps, kernel, no_bias, windows, terms, 1, z)
    return z


def in_tiles(kernel, out):
    z = np.empty((IMAGES, OUT, OUT, FILTERS), "float32")
    count = IMAGES * winograd.tiles((OUT, OUT), out)
    fast.conv2d.convolve_tiles(1, maps, winograd.transformed_kernel(kernel, out), no_bias, count, count, z)
    return z


exact = REFERENCE.conv2d_forward(maps.astype("float64"), second.astype("float64"), no_bias.astype("float64"), ONE, ONE)
ways = {
    "directly": directly(second),
    "tiles of 4x4": in_tiles(second, winograd.OUT),
    "tiles of 2x2": in_tiles(second, winograd.SMALL_OUT),
}
blank = exact == 0
true_dbias = np.sum(dz * (exact > 0), axis=(0, 1, 2))
woken, wrong, off = {}, {}, {}
for name, z in ways.items():
    woken[name] = np.count_nonzero(blank & (z > 0))
    other_dbias = np.sum(dz * (z > 0), axis=(0, 1, 2))
    wrong[name] = np.linalg.norm(other_dbias - true_dbias) / np.linalg.norm(true_dbias)
    off[name] = np.sqrt(np.mean((z - exact) ** 2)) / np.abs(exact).max()
    print(f"{name:13} {off[name]:.0e} of the largest output off, root mean square; {woken[name]:,} outputs positive")
    print(f"{'':13} that are exactly zero; the gradient of the biases is off by {wrong[name]:.0%}")
print(f"Of {blank.size:,} outputs, {blank.sum():,} are exactly zero.")
assert off["tiles of 4x4"] < 1e-5
assert woken["tiles of 4x4"] > 50
assert wrong["tiles of 4x4"] > 0.01
assert woken["tiles of 2x2"] == woken["directly"] == 0
assert wrong["tiles of 2x2"] < 0.001
assert off["tiles of 2x2"] < 1.2 * off["directly"]

# %% [markdown]
# With large tiles, errors that one needs a logarithmic axis to see, and a gradient that is visibly wrong. With small
# ones none of it. Their points make sums and halves of the pixels, and halves are exact; an output of a tile uses only
# those values that its own nine pixels make. Where these are blank, all of them are exactly zero.
#
# So the package takes small tiles forward while it trains: 16 multiplications for four outputs in place of 36. Large
# ones need 36 for sixteen outputs in place of 144. They serve the gradients, whose rounding errors decide nothing, and
# inference, where nobody goes backward.
#
# ## In one pass
#
# One more thing has been fetched and let go too early: the convolution writes its output, relu reads and writes it,
# pooling reads it. If an image is pooled while it still lies in the cache, the large array is never written at all.

# %%
unfused, fused = ms("blocks, then relu, pooling"), ms("... in one pass")
inference = ms("... and Winograd (inference)")
print(f"One after the other {unfused:.3f} ms, in one pass {fused:.3f} ms; with Winograd {inference:.3f} ms.")
pooled = steps[STEPS["... in one pass"]]
print(f"Counted as a direct computation, the last one runs at {operations / inference / 1e6 / peak:.0%} of the peak.")
print(f"Bytes that have to be moved: {pooled['bytes']:,} instead of {moved:,}.")
assert pooled["bytes"] < moved
assert fused < 1.25 * unfused
assert inference < fused
plots.bars(
    {name: times(name) for name in STEPS},
    "time in milliseconds",
    log=True,
    title="The second convolution, a batch of 32",
)

# %% [markdown]
# Do not be surprised where the last one comes out above the peak: the operations are counted for a direct computation,
# and it does not do them all.
#
# ## A zero that is none
#
# A last story, of a slow program in which nothing was wrong with the loops. Adam keeps a moving average $m$ of each
# gradient. Many a weight gets no gradient at all any more: its pixel is always blank, or its unit never wakes up. For
# such a weight each step does $m \leftarrow m - (1-\beta_1)\,m$, which shrinks it, by the same factor each time. Where
# does it end? At zero, you may think.

# %%
weights = np.full(4, 0.5, "float32")
steps_without_gradient = 2000
ends = {}
for name, kernels in (("reference", REFERENCE), ("fast", FAST)):
    w, m, v = weights.copy(), np.full(4, 1e-3, "float32"), np.full(4, 1e-6, "float32")
    nothing = np.zeros(4, "float32")
    for _ in range(steps_without_gradient):
        kernels.adam_update(w, nothing, m, v, 1e-3, 0.9, 0.999, 1e-7)
    ends[name] = w, m
smallest = np.finfo("float32").smallest_subnormal
tiny = np.finfo("float32").tiny
stuck = ends["reference"][1][0]
print(f"After {steps_without_gradient} steps the reference's m is {stuck:.1e}, which is {stuck / smallest:.0f} times")
print(f"the smallest number there is; the fast kernel's is {ends['fast'][1][0]:.0f}.")
print(f"The weights have the same bits: {np.array_equal(ends['reference'][0], ends['fast'][0])}")
assert 0 < stuck < tiny
assert ends["fast"][1][0] == 0
assert np.array_equal(ends["reference"][0], ends["fast"][0])

# %% [markdown]
# It never gets there. At a few times the smallest number, a tenth of it is rounded to nothing, and $m$ stays where it
# is for ever. Numbers below `np.finfo("float32").tiny` are *denormal*: they have fewer digits, they are correct, and
# many a processor computes with them a great deal more slowly, because it was built for the others. The fast kernel
# sets to zero what has faded so far that it can move no weight:

# %%
show_source(fast.optimizers.least, fast.optimizers.unless_faded)


# %%
def slower_with_denormals(repeats=20):
    """How many times as long the same additions and multiplications take with denormal numbers."""
    import time

    seconds = {}
    for scale in (1.0, 1e-40):
        values = np.full(100_000, scale, "float32")
        start = time.perf_counter()
        for _ in range(repeats):
            values + values * np.float32(0.5)
        seconds[scale] = time.perf_counter() - start
    return seconds[1e-40] / seconds[1.0]


denormal = np.full(3, 1e-40, "float32")
assert np.allclose((denormal + denormal * np.float32(0.5)).astype(float), 1.5e-40, rtol=1e-4)
assert slower_with_denormals() > 0
print("Denormal arithmetic is correct. How slow is it here? Call slower_with_denormals() in a cell of your own.")

# %% [markdown]
# ## Where the time goes now
#
# A whole training step of the plain model, part by part:

# %%
profile = {name: 1e3 * second for name, second in benchmark("profile")["parts"]["plain"].items()}
of_convolutions = sum(v for name, v in profile.items() if "Conv2D" in name) / sum(profile.values())
training = benchmark("training_step")
share, ratio = np.median(training["sgemm_share"]["plain"]), np.median(training["ratio"]["plain"])
print(f"{of_convolutions:.0%} of it are the convolutions, with relu and pooling.")
print(f"The whole step does its products at {share:.0%} of the rate of a large matrix product, all else included.")
print(f"Keras's `fit` takes {ratio:.1f} times as long, on the same machine, in the same run.")
assert of_convolutions > 0.5
assert share > 0.3
assert ratio > 1.5
plots.bars(profile, "time in milliseconds", title="A training step of the plain model")

# %% [markdown]
# What you have seen is a list of reasons to wait: for the addition before, for a number from memory, for another
# thread, for a number that is too small. Each idea took one of them away, and none changed the result by more than a
# rounding error.
#
# ## What did not pay
#
# Ideas that fail are worth as much, if somebody writes them down. Some looked good on paper:
#
# - *All tiles at once.* Winograd's gradients in three steps for the whole batch: all tiles to their points, long
#   products, all tiles back. The products get longer, but the values leave the cache between the steps.
# - *Smaller parts for a smaller cache.* Then the transformed kernel has to be read more often.
# - *Threads that wait awake for longer.* A little faster on an idle machine, and much slower where another program
#   runs, because a thread that waits awake holds a core which others need.
#
# And some successes were none, because they were measured badly. Two libraries with threads of their own in one
# process wait for each other. A browser in the background slows down one program more than another. Clocks change
# with the heat. So tinycnn and Keras are timed in processes of their own that take turns, and every single round is
# kept in the file. [The benchmarks' README](../benchmarks/README.md#traps) has all the traps, and the rest of what
# did not pay.
#
# ## Exercises
#
# 1. *On paper.* Blocks of $r$ rows times $v$ vectors need $r\,v$ registers for sums, $v$ for weights and one for a
#    pixel. Which $r$ and $v$ need the fewest loads for each product, with 32 registers and with 16? The package uses
#    others. Why? (There are 64 filters, and a vector holds 16 or 8 of them.)
# 2. The notebook's *first* convolution has 28x28 pixels, one channel and 32 filters. Compute its intensity. Which
#    limit is nearer than for the second one, and what does it gain more from?
# 3. The kernel's gradient is a matrix product, too: which numbers are its rows, which its terms? Compute the gradient
#    for one image with `block_product_in_python` and the tables you have.
# 4. Derive Winograd's way for two outputs and *five* taps. How many multiplications, in place of how many? Verify it
#    exactly. What happens if two points are equal?
# 5. Write a function that adds up a float32 array in a given number of threads (in turn, in plain Python) and gives the
#    same bits for every number of threads.

# %% [markdown]
# ## Solutions
#
# **1.** A term takes $r + v$ loads for $r\,v$ products. Search all of them:


# %%
def best_block(registers, fits=lambda v: True):
    blocks = [(r, v) for r in range(1, 32) for v in range(1, 32) if r * v + v + 1 <= registers and fits(v)]
    return min(blocks, key=lambda block: sum(block) / (block[0] * block[1]))


for registers, in_a_vector in ((32, 16), (16, 8)):
    free = best_block(registers)
    whole = best_block(registers, fits=lambda v, n=in_a_vector: FILTERS % (v * n) == 0)
    print(f"{registers} registers: the best block is {free[0]}x{free[1]}; of those whose vectors divide")
    print(f"{FILTERS} filters it is {whole[0]}x{whole[1]}.")
assert best_block(32, lambda v: FILTERS % (v * 16) == 0) == (6, 4)
assert best_block(16, lambda v: FILTERS % (v * 8) == 0) == (6, 2)

# %% [markdown]
# The best blocks would leave a rest of the filters over, for which a vector is mostly empty. The package's divide them.
#
# **2.** Each pixel has only nine weights a filter to meet, and each sum only nine terms: there is little to do for
# each output that is written. Memory is much nearer, and what helps is not to write the output: relu and pooling in
# one pass.

# %%
first_operations = 2 * IMAGES * 26 * 26 * 32 * 9
first_moved = 4 * IMAGES * (28 * 28 + 26 * 26 * 32) + 4 * 9 * 32
pooled_moved = 4 * IMAGES * (28 * 28 + 13 * 13 * 32) + 4 * 9 * 32
first_intensity = first_operations / first_moved
print(f"{first_intensity:.1f} operations for each byte, where the second convolution has {intensity:.0f};")
print(f"arithmetic takes at least {first_operations / peak / 1e6:.3f} ms,")
print(f"memory at least {first_moved / bandwidth / 1e6:.3f} ms.")
print(f"In one pass with pooling: {first_operations / pooled_moved:.1f} operations for each byte.")
assert first_intensity < intensity / 10
assert first_operations / pooled_moved > 2 * first_intensity

# %% [markdown]
# **3.** $dw_{kf} = \sum_r a_{rk}\,dz_{rf}$: the matrix of windows again, turned around. So *exchange the two tables*.
# The weights' places are the rows now, and the windows are the terms.

# %%
one, one_dz = x[:1].astype("float64"), dz[:1].astype("float64")
windows, terms = fast.conv2d.window_tables(SIZE, CHANNELS, (3, 3), (OUT, OUT), ONE, ONE)
mine = np.zeros(9 * CHANNELS * FILTERS)
block_product.block_product_in_python(
    one.ravel(), 0, terms, windows, one_dz.ravel(), 0, FILTERS,
    mine, 0, FILTERS * np.arange(len(terms)), 0, len(terms), FILTERS, np.zeros(FILTERS), 0, False,
)  # fmt: skip
theirs, _ = conv2d.conv2d_backward_parameters(one, one_dz, (3, 3), ONE, ONE)
print(f"The exchanged tables give the kernel's gradient: {np.allclose(mine, theirs.ravel())}")
assert np.allclose(mine, theirs.ravel())

# %% [markdown]
# **4.** The product of polynomials with two and five coefficients has six: six multiplications in place of ten. If two
# points are equal, they say the same thing twice, and the polynomial is not known: the matrix has no inverse.

# %%
print(f"two outputs of five taps, 6 multiplications in place of {2 * 5}, exactly: {is_exact(2, 5, four_points)}")
assert is_exact(2, 5, four_points)
try:
    winograd_matrices(2, 3, [Fraction(0), Fraction(1), Fraction(1)])
except ZeroDivisionError as error:
    print("equal points:", error)
else:
    raise AssertionError("equal points were accepted")

# %% [markdown]
# **5.** Cut into parts whose size depends on the array alone. A thread may take as many parts as it likes, and in any
# order; the parts' sums are kept apart, and added at the end, from the first to the last.


# %%
def add_up(values, threads, size=64):
    parts = np.zeros(-(-len(values) // size), "float32")
    for thread in reversed(range(threads)):
        for part in range(thread, len(parts), threads):
            parts[part] = values[part * size : (part + 1) * size].sum()
    total = np.float32(0)
    for part in parts:
        total += part
    return total


values = rng.normal(size=10_000).astype("float32")
by_threads = {add_up(values, threads).tobytes() for threads in (1, 2, 3, 7, 16)}
naive = {sum(share.sum() for share in np.array_split(values, threads)).tobytes() for threads in (1, 2, 3, 7, 16)}
print(f"Five numbers of threads: with fixed parts {len(by_threads)} result; with a share for each {len(naive)}.")
assert len(by_threads) == 1
assert len(naive) > 1
