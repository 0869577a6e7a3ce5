# %% [markdown]
# # From loops to fast kernels
#
# Here are three programs for the same convolution. The first is seven loops, compiled, as a textbook writes them. The
# second is NumPy, one matrix product for each weight's place in the window. The third is one of the package's fast
# kernels, on one thread. They read the same numbers, do the same multiplications, and give the same result. What they
# do not take is the same time.
#
# In this tutorial you work out how fast a convolution could be, from nothing but its shapes and two figures of the
# machine. Then you climb towards that limit, one idea at a time: loops, vectors, registers, threads, a way around most
# multiplications. On the way you find out what rounding has to do with all of it, and why training leaves the way with
# the fewest multiplications alone.
#
# *To run it: open it in Jupyter ([how](README.md)). It needs no network: images are the bundled digits, and all
# recorded times come from files of the repository, so they are those of one machine, named there; `python -m
# benchmarks.walk` measures yours. The notebook takes some seconds to execute, and half a minute on top of that the
# first time that the package is used; reading it takes 25 minutes.*
#
# **Predict.** The seven loops are *compiled*, by the compiler that makes fast programs of C. How many times as long do
# they take as the fast kernel, both on one thread? Your answer is a number, 1 or more; 1 means the same time.

# %% tags=["predict"]
loops_over_kernel = ...  # a number, 1 or more

# %%
import re
from fractions import Fraction

import numba
import numpy as np
from numba import njit
from tinycnn.tutorials.evidence import counted, shown, within
from tinycnn.tutorials.exercises import check
from tinycnn.tutorials.helpers import benchmark, compare, show_source

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


def in_blocks(x, kernel, bias):
    n, h, w, channels = x.shape
    out = h - 2, w - 2
    z = np.empty((n, *out, kernel.shape[-1]), x.dtype)
    windows, terms = fast.conv2d.window_tables(w, channels, (3, 3), out, ONE, ONE)
    fast.conv2d.convolve_windows(n, x, kernel, bias, windows, terms, 1, z)
    return z


results = {
    "loops": seven_loops(x, kernel, bias),
    "NumPy": REFERENCE.conv2d_forward(x, kernel, bias, ONE, ONE),
    "blocks": in_blocks(x, kernel, bias),
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
    "small tiles, then relu, pooling": "forward, relu, pooling: one after the other, all threads",
    "small tiles, relu, pooling in one pass": "forward, relu, pooling: in one pass, all threads",
    "inference: large tiles, in one pass": "inference, relu, pooling: in one pass, Winograd, all threads",
}


def times(name):
    """Milliseconds of every round."""
    return 1e3 * np.array(steps[STEPS[name]]["seconds"])


def ms(name):
    return float(np.median(times(name)))


print(f"Recorded by `{walk['command']}` on {walk['machine']['cores']} cores, median of {walk['settings']['rounds']}:")
for name in list(STEPS)[:3]:
    print(f"{name:30} {ms(name):7.3f} ms, {ms(name) / ms('blocks in registers, 1 thread'):4.1f} times the third one's")
shown("seven loops over the kernel", times("seven loops") / times("blocks in registers, 1 thread"), above=10)
compare(loops_over_kernel, ms("seven loops") / ms("blocks in registers, 1 thread"), " times as long")

# %% [markdown]
# The loops take more than ten times as long. <!-- shown: seven loops over the kernel -->
# All three multiply and add the same numbers; so what else does the first one do all the time?

# %% [markdown]
# ## What is the least it could take?
#
# Count, from the shapes. Each output is a sum over $3\cdot 3\cdot c$ products, and each product takes a multiplication
# and an addition. With $n$ images, $h\cdot w$ outputs an image and $f$ filters:
#
# $$\text{operations} = 2\cdot n\cdot h\cdot w\cdot f\cdot 9c$$
#
# Another thing takes time: numbers have to come from memory and go back to it. At the very least, each input is read
# once, and each output written once. The quotient of the two is the *arithmetic intensity*: how many operations does
# each byte that is moved take part in?

# %%
operations = 2 * IMAGES * OUT * OUT * FILTERS * 9 * CHANNELS
moved = x.nbytes + kernel.nbytes + results["blocks"].nbytes
intensity = operations / moved
roofs = {threads: max(walk["roof_gflops"][name]) for threads, name in ((1, "one_thread"), (0, "all_threads"))}
peak, bandwidth = roofs[0], float(np.median(walk["bandwidth_gb_s"]))
by_arithmetic, by_memory = operations / peak / 1e6, moved / bandwidth / 1e6
print(f"{operations:,} operations, {moved:,} bytes: {intensity:.0f} operations for each byte.")
print(f"The machine of the recorded times: {peak:.0f} GFLOP/s (multiply-adds in registers, {walk['threads']} threads;")
print(f"{roofs[1]:.0f} on one thread), and {bandwidth:.0f} GB/s (a copy of a large array).")
print(f"So arithmetic takes at least {by_arithmetic:.2f} ms, memory at least {by_memory:.2f} ms.")
assert operations == steps[STEPS["seven loops"]]["flops"]
assert moved == steps[STEPS["seven loops"]]["bytes"]
by_memory_each = moved / np.array(walk["bandwidth_gb_s"]) / 1e6
shown("arithmetic's least time over memory's", by_arithmetic / by_memory_each, above=2)

# %% [markdown]
# The first figure is the *roof*: the rate of a loop that does nothing but multiply and add in registers, the highest
# that was seen. No program does more operations in a second.
#
# Arithmetic and memory work at the same time, so the larger of the two times is the limit. <!-- derived -->
# The *roofline* shows it for any intensity $I$:
#
# $$\text{rate} \le \min(\text{roof},\; I\cdot\text{bandwidth})$$
#
# On the slope a program waits for memory, below the flat part for arithmetic. Our convolution lies to the right of the
# edge: arithmetic needs more than twice the time of memory. <!-- shown: arithmetic's least time over memory's -->
# It could keep the multipliers busy all the time. Where do the programs stand?


# %%
def rates(name):
    """GFLOP/s of every round, of the operations that are done."""
    return steps[STEPS[name]]["done"] / times(name) / 1e6


def rate(name):
    return float(np.median(rates(name)))


def of_the_roof(name):
    """Of the roof, for as many threads as the step has."""
    return rates(name) / roofs[steps[STEPS[name]]["threads"]]


programs = list(STEPS)[:4]
for name in programs:
    print(f"{name:30} {rate(name):4.0f} GFLOP/s, {np.median(of_the_roof(name)):4.0%} of the roof")
shown("the loops' share of the roof", of_the_roof("seven loops"), below=0.05)
within("share of the roof", [of_the_roof(name) for name in STEPS], 1)
plots.roofline(
    {name: (intensity, rate(name)) for name in programs}, peak, bandwidth, "The second convolution (roof: all threads)"
)

# %% [markdown]
# The loops reach less than a twentieth of the roof. <!-- shown: the loops' share of the roof -->
# They are not held up by memory, and hardly by multiplications. So by what?
#
# ## One addition at a time
#
# Look at the innermost loop: everything is added to *one* variable, `total`. Each addition needs the result of the one
# before, and has to wait for it, some cycles each time. Meanwhile the processor could have started several others, and
# each of them on a whole *vector* of numbers at once.
#
# Why does the compiler not add up in another order, say in eight sums side by side? It must not: in floating point,
# $(a + b) + c$ and $a + (b + c)$ round differently, and the compiler promised to compute what you wrote.
#
# So write something else. Exchange loops: let the innermost one run over the *filters*. Now neighbouring turns belong
# to different sums, and none has to wait for the one before.
#
# **Predict.** Compare all outputs of the exchanged loops with those of the seven loops, bit by bit. Your answer is a
# word: "same" if every bit is, "others" if some last digits change.

# %% tags=["predict"]
bits = ...  # "same" or "others"


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
compare(bits, "same" if same else "others")


def vector_multiplications(function):
    """How many instructions of the compiled function multiply a whole vector of float32."""
    (code,) = function.inspect_asm().values()
    return len(re.findall(r"\bv?(?:mulps|fmadd\d+ps)\b|\bfm(?:ul|la)\s+v\d+\.4s", code))


print(f"Instructions that multiply vectors: {vector_multiplications(seven_loops)} in the seven loops,")
print(f"{vector_multiplications(exchanged_loops)} in the exchanged ones.")
assert vector_multiplications(seven_loops) < vector_multiplications(exchanged_loops)

# %% [markdown]
# Not one bit has changed: each sum still gets its terms in the same order. And now the compiler finds vectors by
# itself. Try `%timeit seven_loops(x, kernel, bias)` and
# `%timeit exchanged_loops(x, kernel, bias)` in a cell of your own; live times are not kept here: they would differ each
# time that this page is made.
#
# What about the other programs? They add up in other orders, or round once where the loops round twice (a *fused*
# multiply-add). <!-- derived -->
# None of them is "the" right answer; float64 can tell how far each is from the truth. The yardstick is
# the *ulp*, the distance between neighbouring float32 numbers, here at the largest output.

# %%
truth = REFERENCE.conv2d_forward(*(array.astype("float64") for array in (x, kernel, bias)), ONE, ONE)
ulp = np.spacing(np.float32(np.abs(truth).max()))
for name, z in results.items():
    equal = np.mean(z == results["loops"])
    error = np.abs(z - truth).max()
    print(f"{name:6} largest error {error / ulp:4.1f} ulp; {equal:4.0%} of the outputs have the loops' bits")
    assert error < 2e-6 * np.abs(truth).max()
assert not np.array_equal(results["loops"], results["blocks"])

# %% [markdown]
# ## A matrix product for each tap
#
# The reference kernel hands the inner loops to NumPy's matrix product, which knows about vectors, registers and caches:

# %%
show_source(conv2d.conv2d_forward, docstring=False)

# %% [markdown]
# Ten lines, and less than a tenth of the loops' time. <!-- shown: seven loops over NumPy -->
# (NumPy shares its products out over all threads; with two of them that explains a factor of two at most.)
#
# What do they still wait for? Each of the nine products is written to an array of its own, read back, and added to `z`,
# which is read and written, too. Count what travels: for each tap the shifted pixels, and four times as much as the
# output holds; and at the very beginning, `z` is filled with the bias. <!-- derived -->

# %%
pixels = IMAGES * OUT * OUT * CHANNELS * 4
travels = 9 * (pixels + 4 * results["NumPy"].nbytes) + results["NumPy"].nbytes + kernel.nbytes
print(f"{travels / 1e6:.0f} MB travel where {moved / 1e6:.1f} MB would do: {travels / moved:.0f} times as much.")
print(f"That leaves {operations / travels:.1f} operations for each byte instead of {intensity:.0f}.")
assert travels > 10 * moved
assert walk["threads"] == 2
shown("seven loops over NumPy", times("seven loops") / times("NumPy, a product per tap"), above=10)

# %% [markdown]
# Much of it can come from the caches; the roofline's slope is that of memory, so it does not apply as it stands. But
# the direction is clear: a number that has been fetched should be *used* before it is let go.
#
# ## Blocks in registers
#
# The multipliers take their numbers from the processor's registers. Keep a small block of outputs there, some rows
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
# matrix (*im2col*). But windows overlap, so that matrix is several times as large as the images. <!-- derived --> There
# is no need to write it. It is enough to know *where* its numbers lie, and for this two small tables do: where each
# window starts, and where its pixels lie from there. Take a 4x4 image of one channel, and a 3x3 window:

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
# [`engine/block_product.py`](../tinycnn/kernels/engine/block_product.py), written in LLVM's own instructions. Loops do
# not say it: in `exchanged_loops` each turn reads a sum from memory and writes it back, and a compiler may keep it in a
# register only where it can prove that the images and the weights do not lie at the same place.
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
    largest = np.abs(shared_out(threads) - alone).max() / np.abs(alone).max()
    print(
        f"{threads} threads: {differ:.0%} of the gradients have other bits than with one thread; they are off by up to"
    )
    print(f"{'':11}{largest:.0e} of the largest gradient")
    assert differ > 0.1
    assert largest < 1e-5
shares = np.array([gradient_of(slice(first, first + 4)) for first in range(0, IMAGES, 4)])
orders = {np.add.reduce(shares[rng.permutation(8)], axis=0).tobytes() for _ in range(20)}
print(f"8 shares, added as the threads happen to finish, 20 times: {len(orders)} different results")
assert len(orders) > 10

# %% [markdown]
# The differences are tiny. But the next step of training starts from them, and from then on two machines train two
# models. A mistake that shows only on another machine, or only now and then, is a mistake you cannot look for.
#
# The package cuts such a sum into a *fixed* number of parts, whatever the number of threads, and adds these in a fixed
# order. Threads share out the parts, not the sum.

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
# The blocks reach more than four fifths of the roof. <!-- shown: the blocks' share of the roof -->
# What lies above the roof can be reached only by multiplying *less*. Is that possible? Two outputs of a convolution in
# one dimension with three weights are
#
# $$y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2 \qquad y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2$$
#
# Six multiplications. Winograd needs four. Here is how, in two steps.
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
measured = times("blocks in registers, 1 thread") / times("Winograd, 1 thread")
tile = winograd.OUT**2 * 9
print(f"A tile: {points} multiplications in place of {tile}, a factor of {tile / points:.1f}.")
print(f"Our outputs do not fill their last tiles: a factor of {direct / by_points:.2f} is left.")
print(f"With the transforms' multiplications counted, too: {direct / (by_points + transforms):.2f}.")
print(f"Measured: {np.median(measured):.2f} times as fast as the direct way.")
blocks = [of_the_roof(f"blocks{rest}") for rest in (" in registers, 1 thread", ", all threads")]
shown("the blocks' share of the roof", np.transpose(blocks), above=0.8)
shown("blocks' time over Winograd's", measured, above=1.5, below=direct / by_points)
assert direct / (by_points + transforms) < direct / by_points < tile / points

# %% [markdown]
# Winograd's way is more than one and a half times as fast as the blocks, in every round, and falls short of the factor
# that its multiplications promise. <!-- shown: blocks' time over Winograd's -->
# Its tiles have to be brought to their points and back; that takes operations, and reads and writes them once more.

# %% [markdown]
# ## What the points cost
#
# In fractions, any points will do. In float32 they will not. Large powers make large numbers, which cancel in the end,
# and their rounding errors stay. Here is the error of a 2D convolution with different points, against float64, five
# times with other numbers. <!-- shown: draws -->


# %%
def rounding_error(outputs, points, seed):
    """Largest error in float32, over the largest output, for two hundred tiles of random numbers."""
    size = outputs + 2
    numbers = np.random.default_rng(seed)
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


choices = {
    "direct": (4, None),
    "2x2 outputs; 0, ±1, ∞": (2, [0.0, 1.0, -1.0]),
    "4x4 outputs; 0, ±√½, ±√2, ∞": (4, package_points),
    "4x4 outputs; 0, ±1, ±2, ∞": (4, [0.0, 1.0, -1.0, 2.0, -2.0]),
    "4x4 outputs; 0, ±1, ±3, ∞": (4, [0.0, 1.0, -1.0, 3.0, -3.0]),
    "6x6 outputs; 0, ±1, ±2, ±½, ∞": (6, [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5]),
}
errors = {name: np.array([rounding_error(*way, seed) for seed in range(5)]) for name, way in choices.items()}
counted("draws", errors, 5)
_, small, package, usual, wide, large = errors.values()
shown("error of the usual points over the package's", usual / package, above=1.5)
shown("error with ±3 over that with ±2", wide / usual, above=1)
shown("error of 6x6 tiles over that of 4x4", large / package, above=1)
plots.bars(
    errors, "largest error, over the largest output", log=True, title="Rounding errors in float32: median and range"
)

# %% [markdown]
# The usual points, $0$, $\pm 1$ and $\pm 2$, make errors one and a half times as large, or larger, as the
# package's. <!-- shown: error of the usual points over the package's --> Replace 2 by 3, and they grow; tiles of 6x6
# outputs have larger ones than the package's, too. <!-- shown: error with ±3 over that with ±2, error of 6x6 tiles over
# that of 4x4 --> The points $\pm\sqrt{1/2}$ and $\pm\sqrt 2$ are close to one, and each is another's inverse, so no
# power gets large. In the package's program the transforms' numbers are constants: other points change the numbers, not
# how many there are. (The direct sum makes errors, too: here it adds all terms of an output one by one, where
# Winograd's way adds only one for each channel.)
#
# ## Why training takes smaller tiles, forward
#
# An error in the last digits: who cares? But going forward, each output *decides* something: relu
# asks whether it is above zero, pooling which of four is the largest. Where these are nearly tied, the last digit
# decides. Nearly tied, how often is that? Take a network before its first step, biases zero, and digits with a blank
# border. There the second convolution's output is *exactly* zero. And by Winograd's way? Once with tiles of 4x4
# outputs, and once with tiles of 2x2, which need only the points $0$, $\pm 1$ and $\infty$. Three networks, each with
# digits of its own. <!-- shown: networks -->
#
# **Predict.** With the tiles of 4x4, the outputs are off by less than a millionth of the largest one. <!-- shown:
# output off with 4x4 --> Some random gradient comes back through relu. By how many per cent is the gradient of the
# biases off (the length of its error, over its own length)? Your answer is a number, 0 or more.

# %% tags=["predict"]
gradient_off = ...  # in per cent, 0 or more

# %%
(train, _), _ = digits.load_data()
no_bias = np.zeros(FILTERS, "float32")


def in_tiles(maps, kernel, out):
    z = np.empty((IMAGES, OUT, OUT, FILTERS), "float32")
    count = IMAGES * winograd.tiles((OUT, OUT), out)
    fast.conv2d.convolve_tiles(1, maps, winograd.transformed_kernel(kernel, out), no_bias, count, count, z)
    return z


def before_the_first_step(seed):
    """For each way: how far its outputs are off, how many exact zeros it makes positive, how far a gradient is off."""
    utils.set_random_seed(seed)
    model = models.plain()
    maps = train[seed * IMAGES : (seed + 1) * IMAGES, :, :, None].astype("float32") / 255
    for layer in model.layers[:2]:
        maps = layer(maps)
    kernel = model.layers[2].kernel.value
    exact = REFERENCE.conv2d_forward(*(array.astype("float64") for array in (maps, kernel, no_bias)), ONE, ONE)
    dz = np.random.default_rng(seed).normal(size=exact.shape)
    true_dbias = np.sum(dz * (exact > 0), axis=(0, 1, 2))
    measured = {}
    for name, z in (
        ("directly", in_blocks(maps, kernel, no_bias)),
        ("tiles of 4x4", in_tiles(maps, kernel, winograd.OUT)),
        ("tiles of 2x2", in_tiles(maps, kernel, winograd.SMALL_OUT)),
    ):
        dbias = np.sum(dz * (z > 0), axis=(0, 1, 2))
        off = np.sqrt(np.mean((z - exact) ** 2)) / np.abs(exact).max()
        woken = np.count_nonzero((exact == 0) & (z > 0))
        measured[name] = off, woken, 100 * np.linalg.norm(dbias - true_dbias) / np.linalg.norm(true_dbias)
    print(f"Network {seed}: of {exact.size:,} outputs, {np.count_nonzero(exact == 0):,} are exactly zero.")
    return measured


networks = [before_the_first_step(seed) for seed in (6, 7, 8)]
counted("networks", {"all": networks}, 3)
for name in networks[0]:
    off, woken, wrong = np.transpose([network[name] for network in networks])
    print(f"{name:13} {off.max():.0e} of the largest output off (root mean square, the worst of three); of the zeros")
    print(f"{'':13} {woken.min():,.0f} to {woken.max():,.0f} positive; the gradient off by up to {wrong.max():.3g} %")

large, small = ([network[name] for network in networks] for name in ("tiles of 4x4", "tiles of 2x2"))
shown("output off with 4x4", [off for off, _, _ in large], below=1e-6)
shown("zeros made positive with 4x4", [woken for _, woken, _ in large], above=1000)
shown("gradient off with 4x4", [wrong for *_, wrong in large], above=10, unit=" %")
shown("gradient off with 2x2", [wrong for *_, wrong in small], below=0.1, unit=" %")
shown("zeros made positive with 2x2", [woken for _, woken, _ in small], below=1)
compare(gradient_off, float(np.median([wrong for *_, wrong in large])), " %")

# %% [markdown]
# With large tiles, an error that one needs a microscope to see makes thousands of exact zeros positive, and the
# gradient is off by a tenth of its length, or more. <!-- shown: output off with 4x4, zeros made positive with 4x4,
# gradient off with 4x4 --> With small ones no zero wakes up, and the gradient is right to a thousandth. <!-- shown:
# zeros made positive with 2x2, gradient off with 2x2 --> Their points make sums and halves of the pixels, and halves
# are exact; an output of a tile uses only those values that its own nine pixels make. Where these are blank, all of
# them are exactly zero. <!-- derived -->
#
# So the package takes small tiles forward while it trains: 16 multiplications for four outputs in place of 36. Large
# ones need 36 for sixteen outputs in place of 144. They serve the gradients, whose rounding errors decide nothing, and
# inference, where nobody goes backward.
#
# ## In one pass
#
# One more thing has been fetched and let go too early: the convolution writes its output, relu reads and writes it,
# pooling reads it. If an image is pooled while it still lies in the cache, the large array need not be written at all.

# %%
alone = "blocks, all threads"
unfused, fused, inference = list(STEPS)[-3:]
for name in (alone, unfused, fused, inference):
    step = steps[STEPS[name]]
    print(f"{name:38} {ms(name):.3f} ms; {step['done'] / step['flops']:4.0%} of the definition's operations are done,")
    print(f"{'':38} {np.median(of_the_roof(name)):4.0%} of the roof; {step['bytes']:,} bytes have to be moved")
in_one_pass, large_tiles = times(fused) < times(unfused), times(inference) < times(fused)
print(f"One pass took less time than one after the other in {in_one_pass.sum()} of {len(in_one_pass)} rounds,")
print(f"inference less than one pass in training in {large_tiles.sum()} of {len(large_tiles)}.")
assert steps[STEPS[fused]]["bytes"] < steps[STEPS[unfused]]["bytes"]
assert steps[STEPS[inference]]["done"] < steps[STEPS[fused]]["done"] < steps[STEPS[unfused]]["done"]
assert steps[STEPS[unfused]]["done"] < steps[STEPS[alone]]["done"]
print(f"A direct computation would need {operations / ms(inference) / 1e6 / peak:.0%} of the roof to keep up with it.")
assert min(in_one_pass.mean(), large_tiles.mean()) > 0.8
assert 0.7 < ms(unfused) / ms(alone) < 1.4
plots.bars(
    {name: times(name) for name in STEPS},
    "time in milliseconds",
    log=True,
    title="The second convolution, a batch of 32: median and range of the rounds",
)

# %% [markdown]
# Look at two of the lines: convolution, relu and pooling take about as long as a convolution alone. There is no magic
# in it. The three begin with another convolution, Winograd's with small tiles, which does little more than half of the
# multiplications of the definition. <!-- derived --> So one line stands for all of the work and one layer, the other
# for half of the work and three layers.
#
# There are two ways to count, then. By what is *done*, no step passes the roof. By what the *definition* asks for, a
# step can: that figure says how much work was replaced, and nothing about how busy the multipliers are.
#
# One pass was ahead of three in most rounds, and not in all. The rounds are kept as they came; what disturbed
# some of them, nobody wrote down.
#
# ## A zero that is none
#
# A last story, of a slow program in which nothing was wrong with the loops. Adam keeps a moving average $m$ of each
# gradient. Many a weight gets no gradient at all any more: its pixel is always blank, or its unit stays asleep. For
# such a weight each step does $m \leftarrow m - (1-\beta_1)\,m$, which shrinks it, by the same factor each time. Where
# does it end?
#
# **Predict.** Two thousand steps without a gradient, in float32: is $m$ exactly zero then? Your answer is a word, "yes"
# or "no".

# %% tags=["predict"]
exactly_zero = ...  # "yes" or "no"

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
compare(exactly_zero, "yes" if stuck == 0 else "no")
assert 0 < stuck < tiny
assert ends["fast"][1][0] == 0
assert np.array_equal(ends["reference"][0], ends["fast"][0])

# %% [markdown]
# It does not get there. At a few times the smallest number, a tenth of it is rounded to nothing, and $m$ stays where it
# is for ever. Numbers below `np.finfo("float32").tiny` are *denormal*: correct, with fewer digits. <!-- derived -->
# Processors are built for the others. Some hand these over to a small program of their own, which takes as long as
# a hundred ordinary operations or more ([an answer on Stack Overflow](https://stackoverflow.com/a/60970819) has the
# figures for Intel's). <!-- quoted -->
# The fast kernel sets to zero what has faded so far that it can move no weight:

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
ratio = training["ratio"]["plain"]
print(f"{of_convolutions:.0%} of it are the convolutions, with relu and pooling.")
print(f"Keras's `fit` takes {np.median(ratio):.1f} times as long, on the same machine, in the same run.")
assert of_convolutions > 0.5
shown("Keras's step over this one", ratio, above=4)
plots.bars(profile, "time in milliseconds", title="A training step of the plain model")

# %% [markdown]
# Keras's `fit` takes more than four times as long for such a step, in every round. <!-- shown: Keras's step over this
# one -->
#
# What you have seen is a list of reasons to wait: for the addition before, for a number from memory, for another
# thread, for a number that is too small. Each idea took one of them away, and changed nothing but the rounding.
#
# ## What did not pay
#
# Ideas that fail are worth as much, if somebody writes them down. Three that looked good on paper, as
# [the benchmarks' README](../benchmarks/README.md) reports them:
#
# - *All tiles at once.* Winograd's gradients in three steps for the whole batch: all tiles to their points, long
#   products, all tiles back. The products get longer, and the values leave the cache between the steps. <!-- quoted -->
# - *Smaller parts for a smaller cache.* They were slower: the transformed kernel has to be read more often. <!-- quoted
#   -->
# - *Threads that wait awake for longer.* A few per cent faster on an idle machine, and several times slower where
#   another program runs: a thread that waits awake holds a core which others need. <!-- quoted -->
#
# And some successes were none: they were measured badly. Two libraries with threads of their own in one process wait
# for each other. Another program on the machine slows down whom it meets. So tinycnn and Keras are timed in processes
# of their own that take turns, and every single round is kept in the file. The same README has all [the
# traps](../benchmarks/README.md#traps).

# %% [markdown]
# ## Exercises
#
# An answer cell has `...` where your answer belongs; run it, and `check` says what it thinks.

# %% [markdown] tags=["exercise"]
# ### 1. On paper
#
# A block of $r$ rows times $v$ vectors needs $r\,v$ registers for sums, $v$ for weights and one for a pixel, and $r +
# v$ loads for $r\,v$ products. Which $r$ and $v$ need the fewest loads for each product, with 32 registers and with 16?
# The package uses other blocks. To see why, compute what those of yours waste: with 32 registers a vector holds 16
# numbers, with 16 registers 8; there are 64 filters, and $v$ vectors at a time have to cover them. Which share of the
# places in the vectors stays empty?
#
# Your answer: two pairs `(r, v)` of whole numbers, and two shares, numbers from 0 to 1.

# %% tags=["answer"]
block_32 = ...  # (rows, vectors) with 32 registers
block_16 = ...  # (rows, vectors) with 16 registers
empty_32 = ...  # a number from 0 to 1
empty_16 = ...  # a number from 0 to 1
check("06.1", block_32, block_16, empty_32, empty_16)

# %% [markdown] tags=["exercise"]
# ### 2. The first convolution
#
# The notebook's *first* convolution has 28x28 pixels, one channel and 32 filters of 3x3, in a batch of 32. Compute its
# intensity. Then compute it again for one pass with relu and pooling, of which only the pooled outputs (13x13) are
# written; count the operations of the convolution alone. What would you save to make it faster: multiplications, or
# bytes?
#
# Your answer: two numbers, in operations for each byte, and one of the words "multiplications" and "bytes".

# %% tags=["answer"]
intensity_1 = ...  # a number
intensity_pooled = ...  # a number
save = ...  # "multiplications" or "bytes"
check("06.2", intensity_1, intensity_pooled, save)

# %% [markdown] tags=["exercise"]
# ### 3. The gradient from the same tables
#
# The kernel's gradient is a matrix product, too: which numbers are its rows, which its terms? Write a function that
# computes it for one image with `block_product_in_python` and the tables you have.
#
# Your answer: a function of an image of shape (h, w, channels) and the gradient of its outputs, (h - 2, w - 2,
# filters), both float64, that returns the gradient of the kernel, (3, 3, channels, filters).

# %% tags=["answer"]
kernel_gradient = ...  # a function (image, dz) -> dkernel
check("06.3", kernel_gradient)

# %% [markdown] tags=["exercise"]
# ### 4. Two outputs, five taps
#
# Derive Winograd's way for two outputs and *five* taps. How many multiplications does it take, in place of how many?
# What happens if two of the points are equal?
#
# Your answer: the matrices A, G and B as arrays with a row for each multiplication (2, 5 and that many columns), and
# two whole numbers.

# %% tags=["answer"]
A_25, G_25, B_25 = ..., ..., ...  # arrays, for y = A.T @ ((G @ g) * (B.T @ d))
multiplications = ...  # a whole number
in_place_of = ...  # a whole number
check("06.4", A_25, G_25, B_25, multiplications, in_place_of)

# %% [markdown] tags=["exercise"]
# ### 5. A sum for any number of threads
#
# Share out the sum of `n` float32 numbers among threads, so that the result has the same bits for every number of
# threads. Every thread adds up the ranges that it gets; at the end the sums of all ranges are added in the order of
# their beginnings. With 10,000 numbers and up to 16 threads, none should get more than twice its fair share.
#
# Your answer: a function of two whole numbers, `n` and `threads`, that returns a list with an entry for each thread:
# the list of its ranges, pairs `(first, stop)` as in `range`.

# %% tags=["answer"]
share_out = ...  # a function (n, threads) -> [[(first, stop), ...], ...]
check("06.5", share_out)

# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# **1.** A term takes $r + v$ loads for $r\,v$ products. Search all of them:


# %% tags=["solution"]
def best_block(registers, fits=lambda v: True):
    blocks = [(r, v) for r in range(1, 32) for v in range(1, 32) if r * v + v + 1 <= registers and fits(v)]
    return min(blocks, key=lambda block: sum(block) / (block[0] * block[1]))


def empty(vectors, lanes):
    places = -(-FILTERS // (vectors * lanes)) * vectors * lanes
    return 1 - FILTERS / places


for registers, lanes in ((32, 16), (16, 8)):
    free = best_block(registers)
    whole = best_block(registers, fits=lambda v, lanes=lanes: FILTERS % (v * lanes) == 0)
    print(f"{registers} registers: the best block is {free[0]}x{free[1]}, {empty(free[1], lanes):.0%} of it empty;")
    print(f"of those whose vectors divide {FILTERS} filters it is {whole[0]}x{whole[1]}.")
assert best_block(32, lambda v: FILTERS % (v * 16) == 0) == (6, 4)
assert best_block(16, lambda v: FILTERS % (v * 8) == 0) == (6, 2)
assert check("06.1", best_block(32), best_block(16), empty(best_block(32)[1], 16), empty(best_block(16)[1], 8))

# %% [markdown] tags=["solution"]
# The blocks with the fewest loads leave a rest of the filters over, for which a vector is partly empty. The package's
# divide them.
#
# **2.** Each pixel has only nine weights a filter to meet, and each sum only nine terms: there is little to do for
# each output that is written. So memory is much nearer, and bytes are what one can save: relu and pooling in one pass
# need not write the output. <!-- derived -->

# %% tags=["solution"]
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
assert check("06.2", first_intensity, first_operations / pooled_moved, "bytes")

# %% [markdown] tags=["solution"]
# **3.** $dw_{kf} = \sum_r a_{rk}\,dz_{rf}$: the matrix of windows again, turned around. So *exchange the two tables*.
# The weights' places are the rows now, and the windows are the terms.


# %% tags=["solution"]
def by_exchanged_tables(image, dz):
    h, w, channels = image.shape
    filters = dz.shape[-1]
    windows, terms = fast.conv2d.window_tables(w, channels, (3, 3), (h - 2, w - 2), ONE, ONE)
    out, places = np.zeros(9 * channels * filters), filters * np.arange(len(terms))
    block_product.block_product_in_python(
        image.ravel(), 0, terms, windows, dz.ravel(), 0, filters,
        out, 0, places, 0, len(terms), filters, np.zeros(filters), 0, False,
    )  # fmt: skip
    return out.reshape(3, 3, channels, filters)


assert check("06.3", by_exchanged_tables)

# %% [markdown] tags=["solution"]
# **4.** The product of polynomials with two and five coefficients has six: six multiplications in place of ten. If two
# points are equal, one of them says nothing new, and the polynomial is not known: the matrix has no inverse. <!--
# derived -->

# %% tags=["solution"]
print(f"two outputs of five taps, 6 multiplications in place of {2 * 5}, exactly: {is_exact(2, 5, four_points)}")
assert is_exact(2, 5, four_points)
try:
    winograd_matrices(2, 3, [Fraction(0), Fraction(1), Fraction(1)])
except ZeroDivisionError as error:
    print("equal points:", error)
else:
    raise AssertionError("equal points were accepted")
assert check("06.4", *winograd_matrices(2, 5, four_points), 6, 2 * 5)

# %% [markdown] tags=["solution"]
# **5.** Cut into ranges whose size depends on the array alone. A thread may take as many ranges as it likes, and in any
# order; their sums are kept apart, and added at the end, from the first to the last.


# %% tags=["solution"]
def fixed_ranges(n, threads, size=64):
    ranges = [(first, min(first + size, n)) for first in range(0, n, size)]
    return [ranges[thread::threads] for thread in range(threads)]


def a_share_each(n, threads):
    return [[(thread * n // threads, (thread + 1) * n // threads)] for thread in range(threads)]


assert check("06.5", fixed_ranges)
assert not check("06.5", a_share_each)
