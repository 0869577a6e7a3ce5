"""CSVLogger, LambdaCallback and TerminateOnNaN."""

import csv

import numpy as np
from tensorflow.keras.callbacks import CSVLogger, LambdaCallback, TerminateOnNaN
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

x, y = np.random.default_rng(36).normal(size=(20, 3)), np.arange(20) % 2
seen = []
model = Sequential()
model.add(Dense(2, activation="softmax", input_shape=(3,)))
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
callbacks = [
    CSVLogger("log.csv"),
    LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch)),
    TerminateOnNaN(),
]
model.fit(x, y, epochs=3, callbacks=callbacks, validation_split=0.2, verbose=0)
with open("log.csv") as file:
    rows = list(csv.DictReader(file))
results = [seen, sorted(rows[0]), len(rows), float(rows[-1]["val_loss"])]
