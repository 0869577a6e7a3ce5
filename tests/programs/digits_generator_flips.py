"""ImageDataGenerator: shifted and flipped at random. (random)"""

from keras.layers import Activation, Conv2D, Dense, Flatten
from keras.models import Sequential
from tensorflow.keras.datasets import mnist
from tensorflow.keras.preprocessing.image import ImageDataGenerator

(x, y), (x_test, y_test) = mnist.load_data()
x, x_test = x[..., None] / 255.0, x_test[..., None] / 255.0
augment = ImageDataGenerator(width_shift_range=0.1, height_shift_range=0.1, rotation_range=8, horizontal_flip=True)
augment.fit(x)

model = Sequential([Conv2D(3, 5, strides=3, input_shape=(28, 28, 1)), Activation("relu"), Flatten(), Dense(10)])
model.add(Activation("softmax"))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["acc"])
history = model.fit(augment.flow(x, y, batch_size=16), epochs=2, validation_data=(x_test, y_test), verbose=0)
results = [model.predict(augment.flow(x_test, batch_size=10, shuffle=False), verbose=0)]
