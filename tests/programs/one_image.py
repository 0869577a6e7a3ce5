"""One picture is predicted: its axis for the batch, its class, its probability."""

import numpy as np
from tensorflow import keras

(x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
model = keras.Sequential(
    [
        keras.layers.Input(shape=(28, 28, 1)),
        keras.layers.Conv2D(3, kernel_size=5, strides=2, activation="relu"),
        keras.layers.MaxPool2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(np.expand_dims(x, -1) / 255.0, y, epochs=1, verbose=0)
image = x_test[0].reshape(1, 28, 28, 1) / 255.0
prediction = model.predict(image)
results = [prediction.shape, np.argmax(prediction), prediction.max(), np.argmax(prediction, axis=-1).shape]
