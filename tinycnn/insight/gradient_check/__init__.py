"""Is a hand-written backward pass right? Ask the forward pass, which needs no calculus: wiggle a number and look.

    python -m tinycnn.gradient_check              # the notebook's three models, fast and reference kernels
    print(check_layer(Dense(4, activation="relu"), (3, 5)))
    print(check_loss(MeanSquaredError(), y_true, y_pred))
    print(check_model(model, x, y))               # after compile(...)

Math. A scalar L depends on a number θ. Taylor's series on both sides of θ, one taken from the other:

    (L(θ+h) − L(θ−h)) / 2h = L'(θ) + h²/6·L'''(θ) + …            the central difference

The error falls with h², that of the one-sided (L(θ+h) − L(θ))/h only with h. But h must not be too small: L carries
a rounding error of about ε·|L|, ε = 2.2e-16 in float64, which the division blows up to ε·|L|/h. The sum of both errors
is smallest near h = ε^(1/3)·(size of θ), about 6e-6, and is then about ε^(2/3), 4e-11. In float32 it would be 2e-5, not
better than many a mistake: hence float64.
Source: Press et al. 2007, "Numerical Recipes", 3rd edition, section 5.7, eq. 5.7.7 and 5.7.8.

A layer's output y is an array, so L = Σ dy·y with an upstream gradient dy that is *random*. With dy = 1 everywhere,
L would be the sum of the outputs, and that is a constant for a softmax (1 a row) and for batch normalization (m·β a
channel): the true gradient is zero, and a backward that always returns zero passes. Random weights see every output.

Arrays of more than ``entries`` numbers are sampled: that many entries, half of them from one channel, each wiggled
alone; and ``directions`` times all numbers at once, along a random v, where the slope must be Σ gradient·v. An error
in any entry shows there, if it is not small beside the whole gradient.

Relative error = |a − n| / max(|a|, |n|, floor), a from backward, n measured (for directions the length of the
gradient is a further floor: a·v may be small by chance). Below ``floor`` only rounding noise is measured, so that an
error of the noise's size counts as one tolerance. The tolerance is 1e-6: right gradients show 1e-7 or less, rarely
more (a small batch makes batch normalization strongly curved), a mistake in a formula 1e-3 or more.
Source for the measure: Li & Karpathy, "CS231n: gradient checks", Stanford,
https://cs231n.github.io/neural-networks-3/#gradcheck, which calls 1e-7 or less right and more than 1e-2 wrong.

Kinks. relu at 0 and equal maxima in a pooling window have no derivative: the slopes to the left and to the right
differ. Where they differ, the step is made 10, 100 and 1000 times smaller. A kink *near* the point is left behind so;
if the two slopes stay apart, it is a kink *at* the point. Real images are full of them: in a blank area all pixels of a
window are equal, and one number that moves meets dozens of kinks at once, each weighed by a dy of either sign. Then no
difference of L tells what backward must return, not even a bound. But one thing does: backward follows the choices that
forward made. A relu passed its number on or not, a max pooling took one pixel of each window. With these choices held
fast, L is another function, its *branch*: the same value here, and no kink. Its slope is the one that is due:

    y = max(z, 0) = z·[z > 0]            branch:  y = z·[z₀ > 0]                the brackets of the point itself, z₀
    y = max of a window = x[argmax x]    branch:  y = x[argmax x₀], of equal maxima the first

Entries on kinks are compared with the branch and counted in the column "kinks". Layers with kinks of their own and L1
penalties have no branch here; where their slopes stay apart the entry is left out. (An array of which fewer than a
tenth of the entries could be compared has not been checked, and does not pass.) Which choice is made at a kink is a
convention, and tinycnn keeps Keras's: relu'(0) = 0, and the first of equal maxima takes all. Both say: take the
gradient at a neighbour whose pixels are a little lower, later ones more than earlier ones. The row "input at ties"
compares with that, for relu and max pooling, at inputs of -1, 0 and 1: so ties are seen where the data has none.

What is checked is a copy in float64, at a random point close to the weights: initial values hide mistakes (with
γ = 1 nobody misses the factor γ). The original keeps its weights, statistics, random stream and whatever it has saved.
All runs of the copy draw the same dropout mask.
"""

from tinycnn.insight.gradient_check.command_line import main
from tinycnn.insight.gradient_check.judge import GradientCheck, Row, check_layer, check_loss, check_model

__all__ = ["GradientCheck", "Row", "check_layer", "check_loss", "check_model", "main"]
