"""What a type checker says of a user's program: mypy reads this file in .ci/run, nobody runs it.

Each slip below must be an error, or the comment beside it is one ("unused type: ignore"); the rest must be none.
"""

from typing import assert_type

import numpy as np

import tinycnn.tensorflow as tf
from tinycnn import keras
from tinycnn.keras import Sequential
from tinycnn.keras.callbacks import EarlyStopping, History
from tinycnn.keras.datasets import mnist
from tinycnn.keras.initializers import HeNormal
from tinycnn.keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tinycnn.keras.models import load_model
from tinycnn.keras.optimizers import SGD, Adam, AdamW
from tinycnn.keras.regularizers import l2
from tinycnn.keras.utils import set_random_seed, to_categorical
from tinycnn.tensorflow.keras.layers import Activation
from tinycnn.tensorflow.keras.layers import Dense as TfDense
from tinycnn.tensors import Tensor

set_random_seed(1)
(x, y), _ = mnist.load_data()
model = Sequential([Input((28, 28, 1)), Conv2D(32, (3, 3), activation="relu", padding="same")])
model.add(Conv2D(32, 3, strides=[2, 2], kernel_initializer=HeNormal(), kernel_regularizer=l2(0.01), name="second"))
model.add(BatchNormalization(momentum=0.9, trainable=False))
model.add(MaxPooling2D(2))
model.add(Dropout(0.5, noise_shape=(None, 1, 1, 32)))
model.add(Flatten())
model.add(Dense(10, activation=keras.activations.softmax, input_shape=(100,), dtype="float64"))
model.compile(Adam(0.001, clipnorm=1.0), keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
model.compile("sgd", "mse", metrics=[keras.metrics.BinaryAccuracy()], kernels="reference")
assert_type(model.fit(x, y, callbacks=[EarlyStopping(patience=2)]), History)
assert_type(load_model("model.keras"), Sequential)
to_categorical(y)
labels: np.ndarray = model.predict(x)
AdamW(weight_decay=0.1, global_clipnorm=1.0)
SGD(0.1, momentum=0.9)
assert_type(tf.keras.layers.Dense(3, activation=tf.nn.relu), TfDense)
assert_type(tf.cast(tf.argmax(y, axis=1), tf.float32), Tensor)
Activation(tf.nn.softmax)

# Slips
Conv2D(32, 3.5)  # type: ignore[arg-type]
Conv2D("32", 3)  # type: ignore[arg-type]
Conv2D(32, 3, paddding="same")  # type: ignore[call-arg]
Conv2D(32, 3, activation=3)  # type: ignore[arg-type]
Dense(10, kernel_initializer=0.1)  # type: ignore[arg-type]
Dense(10, trainable="no")  # type: ignore[arg-type]
MaxPooling2D(pool_size="2")  # type: ignore[arg-type]
Dropout("half")  # type: ignore[arg-type]
BatchNormalization(momentun=0.9)  # type: ignore[call-arg]
Adam(lr=0.001)  # type: ignore[call-arg]
Adam(0.001, clipnorm="1")  # type: ignore[arg-type]
model.compile(optimizer=3)  # type: ignore[arg-type]
model.compile("adam", loss=3)  # type: ignore[arg-type]
model.compile("adam", metrics=[3])  # type: ignore[list-item]
model.compile("adam", kernels=3)  # type: ignore[arg-type]
model.fit(x, y, epochs="10")  # type: ignore[arg-type]
model.fit(x, y, epoch=10)  # type: ignore[call-arg]
model.add(10)  # type: ignore[arg-type]
keras.layers.Conv2d(32, 3)  # type: ignore[attr-defined]
tf.keras.layers.LSTM(3)  # type: ignore[attr-defined]
tf.GradientTape()  # type: ignore[attr-defined]
