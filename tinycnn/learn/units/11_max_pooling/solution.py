import numpy as np


def windows(x, pool_size, strides):
    """The pixels of each window side by side, (n, out_h, out_w, c, pool_h·pool_w)."""
    (ph, pw), (sh, sw) = pool_size, strides
    out_h, out_w = (x.shape[1] - ph) // sh + 1, (x.shape[2] - pw) // sw + 1
    taps = [
        x[:, a : a + (out_h - 1) * sh + 1 : sh, b : b + (out_w - 1) * sw + 1 : sw] for a in range(ph) for b in range(pw)
    ]
    return np.stack(taps, axis=-1)


def max_pooling2d_forward(x, pool_size, strides):
    pixels = windows(x, pool_size, strides)
    return pixels.max(axis=-1), pixels.argmax(axis=-1)


def max_pooling2d_backward(dy, argmax, image_size, pool_size, strides):
    n, out_h, out_w, channels = dy.shape
    (ph, pw), (sh, sw) = pool_size, strides
    dx = np.zeros((n, *image_size, channels), dy.dtype)
    for a in range(ph):
        for b in range(pw):
            won = argmax == a * pw + b
            dx[:, a : a + (out_h - 1) * sh + 1 : sh, b : b + (out_w - 1) * sw + 1 : sw] += np.where(won, dy, 0)
    return dx


# variant two_largest
def pooling_of_your_own(x, pool_size, strides):
    return np.sort(windows(x, pool_size, strides))[..., -2:].mean(axis=-1)


# end
# variant second_largest
def pooling_of_your_own(x, pool_size, strides):
    return np.sort(windows(x, pool_size, strides))[..., -2]


# end
# variant contrast
def pooling_of_your_own(x, pool_size, strides):
    return np.ptp(windows(x, pool_size, strides), axis=-1)


# end
# variant farthest
def pooling_of_your_own(x, pool_size, strides):
    pixels = windows(x, pool_size, strides)
    place = np.abs(pixels).argmax(axis=-1, keepdims=True)
    return np.take_along_axis(pixels, place, axis=-1)[..., 0]


# end
