"""EarlyStopping and ReduceLROnPlateau on a validation set that does not get better."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.callbacks import EarlyStopping, ReduceLROnPlateau

rng = np.random.default_rng(1)
x, y = rng.normal(size=(60, 9)), rng.integers(0, 3, 60)
x_val, y_val = rng.normal(size=(20, 9)), rng.integers(0, 3, 20)

model = keras.Sequential()
model.add(layers.Dense(12, activation="relu", input_shape=(9,)))
model.add(layers.Dense(3, activation="softmax"))
model.compile(optimizer=keras.optimizers.SGD(0.2), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
stop = EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True, verbose=1)
slower = ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1, min_lr=0.01)
history = model.fit(x, y, epochs=12, validation_data=(x_val, y_val), callbacks=[stop, slower], verbose=0)
results = [len(history.epoch), stop.stopped_epoch, history.history["learning_rate"]]
