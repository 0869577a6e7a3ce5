"""Callbacks: what else happens at the beginning and the end of training, of epochs and of batches."""

from tinycnn.callbacks.callback import Callback
from tinycnn.callbacks.callback_list import CallbackList
from tinycnn.callbacks.csv_logger import CSVLogger
from tinycnn.callbacks.early_stopping import EarlyStopping
from tinycnn.callbacks.history import History
from tinycnn.callbacks.lambda_callback import LambdaCallback
from tinycnn.callbacks.progbar_logger import ProgbarLogger

__all__ = ["CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback", "ProgbarLogger"]
