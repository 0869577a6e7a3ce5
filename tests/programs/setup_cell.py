"""The first cell of many notebooks: versions, seeds, devices, logging."""

import logging
import os
import random

import numpy as np
import tensorflow as tf
from tensorflow import keras

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
assert tf.__version__ >= "2.0", "needs TensorFlow 2"
assert int(keras.__version__.split(".")[0]) >= 3
tf.get_logger().setLevel(logging.ERROR)
random.seed(1)
np.random.seed(1)
tf.random.set_seed(1)
keras.utils.set_random_seed(1)
gpus = tf.config.list_physical_devices("GPU")
for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
print("GPUs:", len(gpus), "built with CUDA:", tf.test.is_built_with_cuda(), tf.executing_eagerly())
keras.backend.clear_session()
with tf.device("/CPU:0"):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
model.compile(loss="mse", optimizer="sgd")
model.fit(np.eye(3), np.eye(3)[:, :2], epochs=1, verbose=0)
results = [tf.config.list_physical_devices("CPU")[0].device_type, len(gpus), np.random.rand(), model.layers[0].name]
