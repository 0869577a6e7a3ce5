import numpy as np


def softmax(logits):
    shifted = logits - np.max(logits, axis=-1)[:, None]
    return np.exp(shifted - np.log(np.sum(np.exp(shifted), axis=-1))[:, None])


def softmax_crossentropy(logits, y):
    probs = softmax(logits)
    one_hot = np.zeros_like(logits)
    one_hot[np.arange(y.size), y] = 1
    top = logits.max(axis=1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    losses = log_sum - (logits * one_hot).sum(axis=1)
    return probs, losses, probs - one_hot
