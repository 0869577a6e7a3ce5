"""Unit 10: the gradient of the images.

Where windows overlap, a pixel went into several results, each time through
another tap of the kernel. Each of these hands back its gradient, times that
tap, and they add up.
"""

import numpy as np
from notyet import NotYet


def conv2d_backward_input(dz, kernel, image_size, strides):
    """The gradient of a convolution's images.

    Math:    dx[n, i·s_h + a, j·s_w + b, c] += Σ_f dz[n,i,j,f]
                                               · kernel[a,b,c,f]
             for every i, j, a, b;  dx is 0 before
    Shapes:  dz (n, out_h, out_w, filters);  kernel (kh, kw, c, filters)
             image_size (h, w);  strides (s_h, s_w);  dx (n, h, w, c)
    Note:    with strides, some pixels may have been in no window.
    """
    raise NotYet("10 conv2d backward input")
