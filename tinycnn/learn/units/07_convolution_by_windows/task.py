"""Unit 07: a convolution, window by window.

A small kernel slides over the image. Where it lies, it weighs the pixels
under it, of all channels, adds them up, and adds a bias: one number for each
filter. What networks call a convolution does not flip the kernel.
"""

import numpy as np
from notyet import NotYet


def conv2d_by_windows(x, kernel, bias, strides):
    """A convolution without padding: windows that fit into the image only.

    Math:    z[n,i,j,f] = bias[f] + Σ_{a,b,c} x[n, i·s_h + a, j·s_w + b, c]
                                              · kernel[a,b,c,f]
             out_h = (h − kh) // s_h + 1, and out_w likewise
    Shapes:  x (n, h, w, c);  kernel (kh, kw, c, filters);  bias (filters,)
             strides (s_h, s_w);  z (n, out_h, out_w, filters)
    """
    raise NotYet("07 conv2d by windows")
