"""A learning rate of one's own for each epoch, and reading it back."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

x, y = np.random.default_rng(10).random((24, 4)), np.tile([0, 1, 2], 8)
model = tf.keras.Sequential([tf.keras.layers.Dense(3, activation="softmax", input_shape=(4,))])
model.compile(
    tf.keras.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy"
)


def halved(epoch, rate):
    return rate if epoch < 1 else rate * 0.5


history = model.fit(x, y, epochs=3, callbacks=[tf.keras.callbacks.LearningRateScheduler(halved)], verbose=0)
rate = K.get_value(model.optimizer.learning_rate)
model.optimizer.learning_rate.assign(0.3)
results = [rate, history.history["learning_rate"], float(model.optimizer.learning_rate.numpy())]
