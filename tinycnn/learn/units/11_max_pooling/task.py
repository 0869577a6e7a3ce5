"""Unit 11: the largest of a window, and who gets its gradient.

Max pooling keeps the largest pixel of each window. Only that one had a say in
the result, so the whole gradient goes to it: forward must remember where it
stood. In blank areas all pixels of a window are equal; then the first one is
taken, in the order in which one reads, and it alone.
"""

import numpy as np
from notyet import NotYet


def max_pooling2d_forward(x, pool_size, strides):
    """The largest pixel of each window, channel by channel, and its place.

    Math:    y[n,i,j,c] = max_{a,b} x[n, i·s_h + a, j·s_w + b, c]
             argmax = a·pool_w + b of the first that is as large
             out_h = (h − pool_h) // s_h + 1, and out_w likewise
    Shapes:  x (n, h, w, c);  pool_size (pool_h, pool_w);  strides (s_h, s_w)
             y, argmax (n, out_h, out_w, c);  argmax whole numbers
    Returns: y, argmax
    """
    raise NotYet("11 max pooling2d forward")


def max_pooling2d_backward(dy, argmax, image_size, pool_size, strides):
    """Each window's gradient, to the pixel that was its largest.

    Math:    dx[n, i·s_h + a, j·s_w + b, c] += dy[n,i,j,c]
             where a, b = divmod(argmax[n,i,j,c], pool_w);  dx is 0 before
    Shapes:  dy, argmax (n, out_h, out_w, c);  image_size (h, w)
             dx (n, h, w, c)
    """
    raise NotYet("11 max pooling2d backward")


# variant two_largest
def pooling_of_your_own(x, pool_size, strides):
    """The mean of the two largest pixels of each window.

    Math:    y[n,i,j,c] = (first + second) / 2 of the window's pixels, largest
             first;  two pixels may be equal
    Shapes:  as above, windows of two pixels or more
    """
    raise NotYet("11 pooling of your own")


# end
# variant second_largest
def pooling_of_your_own(x, pool_size, strides):
    """The second largest pixel of each window.

    Math:    y[n,i,j,c] = the second of the window's pixels, largest first; of
             a window whose two largest are equal, that number
    Shapes:  as above, windows of two pixels or more
    """
    raise NotYet("11 pooling of your own")


# end
# variant contrast
def pooling_of_your_own(x, pool_size, strides):
    """The largest pixel of each window less the smallest.

    Math:    y[n,i,j,c] = max_{a,b} x[...] − min_{a,b} x[...], the pixels
             x[n, i·s_h + a, j·s_w + b, c]
    Shapes:  as above
    """
    raise NotYet("11 pooling of your own")


# end
# variant farthest
def pooling_of_your_own(x, pool_size, strides):
    """The pixel of each window that is farthest from 0, with its sign.

    Math:    y[n,i,j,c] = the pixel of the largest |x[n, i·s_h + a, j·s_w + b,
             c]|;  no two are equally far
    Shapes:  as above
    """
    raise NotYet("11 pooling of your own")


# end
