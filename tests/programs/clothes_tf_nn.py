"""Clothes; activations out of tf.nn, the loss from logits, the best class by tf.argmax."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

(x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
names = ["top", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]

net = keras.models.Sequential()
net.add(keras.layers.Input(shape=(28, 28)))
net.add(keras.layers.Flatten())
net.add(keras.layers.Dense(20, activation=tf.nn.relu))
net.add(keras.layers.Dense(12, activation=tf.nn.tanh))
net.add(keras.layers.Dense(len(names)))
net.compile(
    optimizer=tf.keras.optimizers.Adam(learning_rate=0.005),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
net.fit(x / 255, y, batch_size=20, epochs=2, verbose=2)
logits = net.predict(x_test / 255)
probabilities = tf.nn.softmax(logits).numpy()
best = tf.argmax(logits, axis=1).numpy()
results = [probabilities, best, np.mean(best == y_test), float(tf.reduce_max(probabilities))]
