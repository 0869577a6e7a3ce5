"""What the layers of a trained model see."""

import numpy as np
from tensorflow import keras
from tensorflow.keras.layers import Conv2D, Dense, Flatten, MaxPooling2D

(x, y), (x_test, _) = keras.datasets.mnist.load_data()
x, x_test = x[..., np.newaxis] / 255.0, x_test[..., np.newaxis] / 255.0
model = keras.Sequential(
    [
        Conv2D(3, 3, activation="relu", input_shape=(28, 28, 1)),
        MaxPooling2D(2),
        Flatten(),
        Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, epochs=1, verbose=0)
activations = keras.Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers[:2]])
maps = activations.predict(x_test[:1], verbose=0)
before = keras.models.Model(model.inputs, model.layers[-2].output).predict(x_test, verbose=0)
results = [maps, before.shape]
