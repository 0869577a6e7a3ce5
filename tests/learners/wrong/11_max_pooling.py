# rung: forward: of [[-4, -3]
# mistake: it begins with 0
def max_pooling2d_forward(x, pool_size, strides):
    y, argmax = right_max_pooling2d_forward(x, pool_size, strides)
    return np.maximum(y, 0), argmax


# rung: forward: of equal pixels
# mistake: the last of equals
def max_pooling2d_forward(x, pool_size, strides):
    pixels = windows(x, pool_size, strides)
    return pixels.max(axis=-1), pixels.shape[-1] - 1 - pixels[..., ::-1].argmax(axis=-1)


# rung: forward: fresh numbers
# mistake: counted down the columns
def max_pooling2d_forward(x, pool_size, strides):
    y, argmax = right_max_pooling2d_forward(x, pool_size, strides)
    a, b = np.divmod(argmax, pool_size[1])
    return y, (a + b * pool_size[0] if x.shape[1] > 2 else argmax)


# rung: backward: one window
# mistake: every pixel of the window
def max_pooling2d_backward(dy, argmax, image_size, pool_size, strides):
    return sum(
        right_max_pooling2d_backward(dy, np.full_like(argmax, k), image_size, pool_size, strides)
        for k in range(pool_size[0] * pool_size[1])
    )


# rung: backward: windows of 1x2
# mistake: = in place of +=
def max_pooling2d_backward(dy, argmax, image_size, pool_size, strides):
    dx = np.zeros((len(dy), *image_size, dy.shape[3]), dy.dtype)
    for n, i, j, c in np.ndindex(dy.shape):
        a, b = divmod(argmax[n, i, j, c], pool_size[1])
        dx[n, i * strides[0] + a, j * strides[1] + b, c] = dy[n, i, j, c]
    return dx


# rung: backward: windows of 1x2
# mistake: a window that a pixel lost
def max_pooling2d_backward(dy, argmax, image_size, pool_size, strides):
    n, out_h, out_w, channels = dy.shape
    (ph, pw), (sh, sw) = pool_size, strides
    dx = np.zeros((n, *image_size, channels), dy.dtype)
    for a in range(ph):
        for b in range(pw):
            won = argmax == a * pw + b
            dx[:, a : a + (out_h - 1) * sh + 1 : sh, b : b + (out_w - 1) * sw + 1 : sw] = np.where(won, dy, 0)
    return dx


# rung: forward: of [[-4, -3]
def max_pooling2d_forward(x, pool_size, strides):
    y, argmax = right_max_pooling2d_forward(x, pool_size, strides)
    return np.zeros_like(y), argmax


# rung: your own pooling
# variant: second_largest
# mistake: that is the largest
def pooling_of_your_own(x, pool_size, strides):
    return right_max_pooling2d_forward(x, pool_size, strides)[0]


# rung: your own pooling
# variant: farthest
# mistake: the sign is lost
def pooling_of_your_own(x, pool_size, strides):
    return np.abs(windows(x, pool_size, strides)).max(axis=-1)
