"""Convolution, batch normalization, activation, pooling; validation data beside it."""

from tensorflow.keras import Sequential
from tensorflow.keras.datasets import cifar10
from tensorflow.keras.layers import Activation, BatchNormalization, Conv2D, Dense, Flatten, MaxPooling2D

(x_train, y_train), (x_test, y_test) = cifar10.load_data()
x_train, x_test = x_train.astype("float32") / 255.0, x_test.astype("float32") / 255.0

model = Sequential(name="colours")
model.add(Conv2D(4, 3, padding="same", use_bias=False, input_shape=x_train.shape[1:]))
model.add(BatchNormalization())
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=2))
model.add(Conv2D(4, 3, padding="same", activation="relu"))
model.add(BatchNormalization(momentum=0.9, epsilon=0.01))
model.add(MaxPooling2D(pool_size=(4, 4), strides=4))
model.add(Flatten())
model.add(Dense(10, activation="softmax"))
model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=16, epochs=2, validation_data=(x_test, y_test), verbose=0)
results = [model.predict(x_test, batch_size=5, verbose=0)]
