# The notebook's cells as a Keras user writes them; test_notebook.py runs them on tinycnn.
# ruff: noqa: I001

# %% 1. Imports
import tensorflow
from tensorflow import keras
from tensorflow.keras import Sequential
from tensorflow.keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

import matplotlib.pyplot as plt

# %% 2. The data
(X_train, y_train), (X_test, y_test) = keras.datasets.mnist.load_data()
print(X_train.shape, X_test.shape, y_train.shape, y_test.shape, X_train.dtype)

# %% 3. One of the digits
plt.imshow(X_train[90])
plt.show()

# %% 4. Scale the pixels; the last 10,000 training images are for validation
X_train = X_train.reshape(-1, 28, 28, 1).astype("float32") / 255.0
X_test = X_test.reshape(-1, 28, 28, 1).astype("float32") / 255.0
X_val, y_val = X_train[-10000:], y_train[-10000:]
X_train, y_train = X_train[:-10000], y_train[:-10000]

# %% 5. A plain CNN
model = Sequential()
model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(64, (3, 3), activation="relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(64, activation="relu"))
model.add(Dense(10, activation="softmax"))

# %% 6. Its layers
model.summary()

# %% 7. Train it
optimizer = tensorflow.keras.optimizers.Adam(learning_rate=0.001)
model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
history = model.fit(X_train, y_train, epochs=10, validation_data=(X_val, y_val))

# %% 8. Its losses
plt.plot(history.history["loss"], label="training loss")
plt.plot(history.history["val_loss"], label="validation loss")
plt.title("Loss of the plain CNN")
plt.xlabel("epoch")
plt.ylabel("loss")
plt.legend()
plt.show()

# %% 9. The test set
test_loss, test_accuracy = model.evaluate(X_test, y_test)
print(f"Test accuracy: {test_accuracy * 100:.2f}%")

# %% 10. The same with dropout
model_dropout = Sequential()
model_dropout.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
model_dropout.add(MaxPooling2D((2, 2)))
model_dropout.add(Dropout(0.25))
model_dropout.add(Conv2D(64, (3, 3), activation="relu"))
model_dropout.add(MaxPooling2D((2, 2)))
model_dropout.add(Dropout(0.25))
model_dropout.add(Flatten())
model_dropout.add(Dense(64, activation="relu"))
model_dropout.add(Dropout(0.5))
model_dropout.add(Dense(10, activation="softmax"))
model_dropout.summary()

# %%
optimizer = tensorflow.keras.optimizers.Adam(learning_rate=0.001)
model_dropout.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
history_dropout = model_dropout.fit(X_train, y_train, epochs=10, validation_data=(X_val, y_val))

# %%
plt.plot(history_dropout.history["loss"], label="training loss")
plt.plot(history_dropout.history["val_loss"], label="validation loss")
plt.title("Loss with dropout")
plt.xlabel("epoch")
plt.ylabel("loss")
plt.legend()
plt.show()

# %%
test_loss_dropout, test_accuracy_dropout = model_dropout.evaluate(X_test, y_test)
print(f"Test accuracy with dropout: {test_accuracy_dropout * 100:.2f}%")

# %% 11. The same with batch normalization
model_bn = Sequential()
model_bn.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
model_bn.add(BatchNormalization())
model_bn.add(MaxPooling2D((2, 2)))
model_bn.add(Conv2D(64, (3, 3), activation="relu"))
model_bn.add(BatchNormalization())
model_bn.add(MaxPooling2D((2, 2)))
model_bn.add(Flatten())
model_bn.add(Dense(64, activation="relu"))
model_bn.add(BatchNormalization())
model_bn.add(Dense(10, activation="softmax"))
model_bn.summary()

# %%
optimizer = tensorflow.keras.optimizers.Adam(learning_rate=0.001)
model_bn.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
history_bn = model_bn.fit(X_train, y_train, epochs=10, validation_data=(X_val, y_val))

# %%
plt.plot(history_bn.history["loss"], label="training loss")
plt.plot(history_bn.history["val_loss"], label="validation loss")
plt.title("Loss with batch normalization")
plt.xlabel("epoch")
plt.ylabel("loss")
plt.legend()
plt.show()

# %%
test_loss_bn, test_accuracy_bn = model_bn.evaluate(X_test, y_test)
print(f"Test accuracy with batch normalization: {test_accuracy_bn * 100:.2f}%")
