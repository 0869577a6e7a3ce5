"""RMSprop with clipped gradients, Adam with weight decay."""

import numpy as np
from tensorflow.keras import Sequential, layers, optimizers

x = np.random.default_rng(13).normal(size=(24, 6), scale=5)
y = x.sum(axis=1, keepdims=True)
results = []
for optimizer in (
    optimizers.RMSprop(0.01, clipnorm=1.0),
    optimizers.SGD(0.01, clipvalue=0.5),
    optimizers.AdamW(0.01, weight_decay=0.02, global_clipnorm=1.0),
    optimizers.Adam(0.01, amsgrad=True),
):
    model = Sequential([layers.Dense(4, "relu", input_shape=(6,)), layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mean_squared_error")
    model.fit(x, y, epochs=2, batch_size=6, verbose=0)
    results.append(model.predict(x, verbose=0))
