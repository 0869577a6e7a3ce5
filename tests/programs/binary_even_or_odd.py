"""Even or odd: one sigmoid, binary cross-entropy, the threshold by hand."""

import keras
import numpy as np
from keras.datasets import mnist
from keras.layers import Dense, Flatten

(x, y), (xt, yt) = mnist.load_data()
odd, odd_t = y % 2, yt % 2
model = keras.Sequential()
model.add(Flatten(input_shape=(28, 28)))
model.add(Dense(10, activation="tanh"))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(learning_rate=0.002), metrics=["accuracy"])
model.fit(x / 255.0, odd, epochs=2, batch_size=8, verbose=0, validation_split=0.2)
predicted = (model.predict(xt / 255.0) > 0.5).astype("int32")
results = [predicted.shape, np.mean(predicted[:, 0] == odd_t), model.evaluate(xt / 255.0, odd_t, verbose=0)]
