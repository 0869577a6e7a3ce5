"""A trained model of logits inside another that gives probabilities."""

import numpy as np
import tensorflow as tf

(x, y), (x_test, y_test) = tf.keras.datasets.fashion_mnist.load_data()
x, x_test = x / 255.0, x_test / 255.0
model = tf.keras.Sequential(
    [
        tf.keras.layers.Flatten(input_shape=(28, 28)),
        tf.keras.layers.Dense(16, activation="relu"),
        tf.keras.layers.Dense(10),
    ]
)
loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
model.fit(x, y, epochs=2, verbose=0)
probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
predictions = probability_model.predict(x_test, verbose=0)
logits = model(x_test[:2]).numpy()
results = [
    predictions,
    np.argmax(predictions[0]),
    logits,
    tf.nn.softmax(logits).numpy(),
    loss(y_test[:2], logits).numpy(),
]
