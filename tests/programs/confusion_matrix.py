"""What was taken for what: tf's functions on predictions."""

import numpy as np
import tensorflow as tf

(x, y), (x_test, y_test) = tf.keras.datasets.mnist.load_data()
x, x_test = tf.cast(x, tf.float32).numpy() / 255, tf.cast(x_test, tf.float32).numpy() / 255
labels = tf.one_hot(y, depth=10).numpy()
model = tf.keras.Sequential([tf.keras.layers.Flatten(input_shape=(28, 28)), tf.keras.layers.Dense(10, tf.nn.softmax)])
model.compile(tf.keras.optimizers.SGD(0.1), "categorical_crossentropy")
model.fit(x, labels, epochs=2, verbose=0)
probabilities = tf.constant(model.predict(x_test, verbose=0))
predicted = tf.argmax(probabilities, axis=1)
right = tf.equal(predicted, tf.cast(y_test, tf.int64))
accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
matrix = tf.math.confusion_matrix(y_test, predicted, num_classes=10)
single = tf.expand_dims(x_test[0], 0)
results = [
    accuracy.numpy(),
    matrix.numpy(),
    tf.reduce_sum(matrix).numpy(),
    tuple(single.shape),
    float(tf.reduce_max(probabilities)),
]
results += [np.array(tf.squeeze(tf.reshape(x_test[0], (1, 784))))[:5], tf.transpose(matrix).numpy().shape]
