"""The functional API for what is a chain."""

from tensorflow import keras
from tensorflow.keras import layers

(x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
x, x_test = x.reshape(-1, 784).astype("float32") / 255, x_test.reshape(-1, 784).astype("float32") / 255

inputs = keras.Input(shape=(784,), name="digits")
h = layers.Dense(16, activation="relu", name="first")(inputs)
h = layers.BatchNormalization()(h)
outputs = layers.Dense(10, activation="softmax", name="predictions")(h)
model = keras.Model(inputs=inputs, outputs=outputs)
model.summary()
model.compile(optimizer=keras.optimizers.RMSprop(), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=16, epochs=2, validation_split=0.25, verbose=0)
results = [model.evaluate(x_test, y_test, verbose=0), model.count_params(), model.get_layer("first").units]
