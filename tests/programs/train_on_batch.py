"""A loop of one's own over batches."""

import numpy as np
from tensorflow import keras

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train, x_test = x_train.reshape(-1, 784) / 255, x_test.reshape(-1, 784) / 255
model = keras.models.Sequential()
model.add(keras.Input((784,)))
model.add(keras.layers.Dense(10, activation="softmax"))
model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
results = []
batch_size = 16
for epoch in range(2):
    for start in range(0, len(x_train), batch_size):
        batch = slice(start, start + batch_size)
        loss, accuracy = model.train_on_batch(x_train[batch], y_train[batch])
    results.append([float(loss), float(accuracy)])
results += [model.test_on_batch(x_test, y_test), model.predict_on_batch(x_test), np.shape(x_train)]
