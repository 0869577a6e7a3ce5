# rung: softmax: fresh numbers
# mistake: over the samples
def softmax(z):
    e = np.exp(z)
    return e / (e.sum(axis=0) if len(z) > 3 else e.sum(axis=1, keepdims=True))


# rung: softmax: logits of 1000
# mistake: exp of a large number is infinite
def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


# rung: softmax: logits of 1000
# mistake: the row's own
def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=1, keepdims=True)


# rung: cross-entropy: logits of 1000
# mistake: the logarithm of a probability that was rounded to 0
def softmax_crossentropy(z, labels):
    p, rows = softmax(z), np.arange(len(z))
    dz = p.copy()
    dz[rows, labels] -= 1
    return p, -np.log(p[rows, labels]), dz


# rung: cross-entropy: logits of 1000
# mistake: a small number is added to p
def softmax_crossentropy(z, labels):
    p, rows = softmax(z), np.arange(len(z))
    dz = p.copy()
    dz[rows, labels] -= 1
    return p, -np.log(np.maximum(p[rows, labels], 1e-7)), dz


# rung: cross-entropy: of [0, log 3]
# mistake: the 1 at the label is not taken off
def softmax_crossentropy(z, labels):
    p, loss, dz = right_softmax_crossentropy(z, labels)
    return p, loss, p


# rung: cross-entropy: dz against
# mistake: divided by the number of samples
def softmax_crossentropy(z, labels):
    p, loss, dz = right_softmax_crossentropy(z, labels)
    return p, loss, dz if len(z) != 3 or np.abs(z).max() > 100 else dz / len(z)


# rung: cross-entropy: logits of 1000
def softmax_crossentropy(z, labels):
    p, loss, dz = right_softmax_crossentropy(z, labels)
    return p, loss, dz / len(z)


# rung: cross-entropy: of [0, log 3]
# mistake: go on to z
def softmax_crossentropy(z, labels):
    p, loss, dz = right_softmax_crossentropy(z, labels)
    return p, loss, -np.eye(z.shape[1])[labels] / p


# rung: cross-entropy: three results
def softmax_crossentropy(z, labels):
    p, loss, dz = right_softmax_crossentropy(z, labels)
    return p, loss.mean(), dz


# rung: cross-entropy: logits of 1000
# mistake: exp of a large number is infinite
def softmax_crossentropy(z, labels):
    p, _, dz = right_softmax_crossentropy(z, labels)
    return p, np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels], dz
