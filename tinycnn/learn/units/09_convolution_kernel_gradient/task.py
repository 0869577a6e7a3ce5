"""Unit 09: the gradient of the kernel.

Each number of the kernel is used in every window of every image. So its
gradient is a sum over all of them: each window adds the pixel that the number
met there, times the gradient of what came out.
"""

import numpy as np
from notyet import NotYet


def conv2d_backward_kernel(x, dz, kernel_size, strides):
    """The gradients of a convolution's kernel and bias.

    Math:    dkernel[a,b,c,f] = Σ_{n,i,j} x[n, i·s_h + a, j·s_w + b, c]
                                          · dz[n,i,j,f]
             dbias[f] = Σ_{n,i,j} dz[n,i,j,f]
    Shapes:  x (n, h, w, c);  dz (n, out_h, out_w, filters)
             kernel_size (kh, kw);  strides (s_h, s_w)
             dkernel (kh, kw, c, filters);  dbias (filters,)
    Returns: dkernel, dbias
    """
    raise NotYet("09 conv2d backward kernel")
