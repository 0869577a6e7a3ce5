"""Unit 08: a convolution, tap by tap.

The same numbers in another order. Hold one tap of the kernel fast, say row a
and column b: over the whole image, it meets the image shifted by a rows and b
columns. So the convolution is a sum of kh·kw shifted images, each with its
channels mixed by one matrix. A kernel has 9 taps where an image has 700
pixels: Python loops 9 times, NumPy does the rest.
"""

import numpy as np
from notyet import NotYet


def conv2d_by_taps(x, kernel, bias, strides):
    """The convolution of unit 07, with no loop over the pixels.

    Math:    z[n,i,j,f] = bias[f] + Σ_{a,b,c} x[n, i·s_h + a, j·s_w + b, c]
                                              · kernel[a,b,c,f]
             out_h = (h − kh) // s_h + 1, and out_w likewise
    Shapes:  x (n, h, w, c);  kernel (kh, kw, c, filters);  bias (filters,)
             strides (s_h, s_w);  z (n, out_h, out_w, filters)
    """
    raise NotYet("08 conv2d by taps")


# variant flipped
def convolution_of_your_own(x, kernel, bias):
    """The convolution of mathematics: its kernel runs backwards.

    Math:    z[n,i,j,f] = bias[f] + Σ_{a,b,c} x[n, i+kh−1−a, j+kw−1−b, c]
                                              · kernel[a,b,c,f]
             out_h = h − kh + 1, and out_w likewise
    Shapes:  as above
    """
    raise NotYet("08 convolution of your own")


# end
# variant wrapped
def convolution_of_your_own(x, kernel, bias):
    """On a ring: what leaves the image at one edge comes in at the other.

    Math:    z[n,i,j,f] = bias[f] + Σ_{a,b,c} x[n, (i+a) % h, (j+b) % w, c]
                                              · kernel[a,b,c,f]
    Shapes:  as above, but z (n, h, w, filters): as large as the image
    """
    raise NotYet("08 convolution of your own")


# end
# variant mirrored
def convolution_of_your_own(x, kernel, bias):
    """A mirror stands below the last row and right of the last column.

    Math:    z[n,i,j,f] = bias[f] + Σ_{a,b,c} x[n, m(i+a, h), m(j+b, w), c]
                                              · kernel[a,b,c,f]
             m(i, h) = i where i < h, else 2h − 1 − i:  h−1, h−2, ... follow
    Shapes:  as above, but z (n, h, w, filters): as large as the image
    """
    raise NotYet("08 convolution of your own")


# end
# variant uneven
def convolution_of_your_own(x, kernel, bias):
    """Rows with a stride of 2; columns with a gap between the taps.

    Math:    z[n,i,j,f] = bias[f] + Σ_{a,b,c} x[n, 2·i + a, j + 2·b, c]
                                              · kernel[a,b,c,f]
             out_h = (h − kh) // 2 + 1;  out_w = w − 2·(kw − 1)
    Shapes:  as above
    """
    raise NotYet("08 convolution of your own")


# end
