"""Weight decay in the loss, initializers by name and as objects, a constraint."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import regularizers
from tensorflow.keras.constraints import max_norm
from tensorflow.keras.initializers import HeNormal

x, y = np.random.default_rng(16).random((30, 10, 10, 1)), np.arange(30) % 3
model = tf.keras.Sequential()
model.add(
    tf.keras.layers.Conv2D(
        3,
        3,
        kernel_initializer=HeNormal(),
        kernel_regularizer=regularizers.l2(0.01),
        activation="relu",
        input_shape=(10, 10, 1),
    )
)
model.add(tf.keras.layers.Flatten())
model.add(
    tf.keras.layers.Dense(8, activation="selu", kernel_initializer="lecun_normal", kernel_constraint=max_norm(0.7))
)
model.add(tf.keras.layers.Dense(3, activation="softmax", kernel_regularizer="l1", bias_initializer="ones"))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=3, batch_size=10, verbose=0)
results = [model.evaluate(x, y, verbose=0), np.linalg.norm(model.layers[2].get_weights()[0], axis=0).max() <= 0.7001]
