"""ImageDataGenerator that only standardizes, so that nothing is random."""

import numpy as np
from tensorflow import keras
from tensorflow.keras.preprocessing.image import ImageDataGenerator

(x, y), _ = keras.datasets.mnist.load_data()
x = np.expand_dims(x, -1).astype("float32")
generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True, validation_split=0.25)
generator.fit(x)
train = generator.flow(x, keras.utils.to_categorical(y), batch_size=12, subset="training", shuffle=False)
check = generator.flow(x, keras.utils.to_categorical(y), batch_size=12, subset="validation", shuffle=False)

model = keras.Sequential([keras.layers.Flatten(input_shape=(28, 28, 1)), keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(train, epochs=2, validation_data=check, steps_per_epoch=len(train), verbose=0)
results = [len(train), len(check), next(iter(check))[0]]
