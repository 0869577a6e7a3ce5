"""Layers that change pictures at random in training alone. (random)"""

import tensorflow as tf
from tensorflow.keras import layers

(x, y), (x_test, y_test) = tf.keras.datasets.cifar10.load_data()
model = tf.keras.Sequential()
model.add(layers.RandomFlip("horizontal", input_shape=(32, 32, 3)))
model.add(layers.RandomRotation(0.1))
model.add(layers.RandomZoom(0.1))
model.add(layers.Rescaling(1 / 255.0))
model.add(layers.Conv2D(4, 3, strides=3, activation="relu"))
model.add(layers.Dropout(0.2))
model.add(layers.Flatten())
model.add(layers.Dense(10, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=1, validation_data=(x_test, y_test), verbose=0)
results = [model.predict(x_test, verbose=0)]
