"""A block with a way around it."""

import tensorflow as tf
from tensorflow.keras.layers import Add, Conv2D, Dense, GlobalAveragePooling2D, Input, ReLU
from tensorflow.keras.models import Model

(x, y), _ = tf.keras.datasets.cifar10.load_data()
image = Input((32, 32, 3))
start = Conv2D(4, 5, strides=4, padding="same", activation="relu")(image)
block = Conv2D(4, 3, padding="same", activation="relu")(start)
block = Conv2D(4, 3, padding="same")(block)
joined = ReLU()(Add()([start, block]))
model = Model(image, Dense(10, activation="softmax")(GlobalAveragePooling2D()(joined)))
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x / 255.0, y, epochs=2, batch_size=16, verbose=0)
results = [model.predict(x[:5] / 255.0, verbose=0), len(model.layers)]
