"""Callbacks: what else happens at the beginning and the end of training, of epochs and of batches."""

from tinycnn.callbacks.backup_and_restore import BackupAndRestore
from tinycnn.callbacks.callback import Callback
from tinycnn.callbacks.callback_list import CallbackList
from tinycnn.callbacks.csv_logger import CSVLogger
from tinycnn.callbacks.early_stopping import EarlyStopping
from tinycnn.callbacks.history import History
from tinycnn.callbacks.lambda_callback import LambdaCallback
from tinycnn.callbacks.learning_rate_scheduler import LearningRateScheduler
from tinycnn.callbacks.model_checkpoint import ModelCheckpoint
from tinycnn.callbacks.progbar_logger import ProgbarLogger
from tinycnn.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from tinycnn.callbacks.tensorboard import TensorBoard
from tinycnn.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
]
