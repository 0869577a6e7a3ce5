"""Callbacks: what else happens at the beginning and the end of training, of epochs and of batches."""

from tinycnn.trainers.callbacks.backup_and_restore import BackupAndRestore
from tinycnn.trainers.callbacks.callback import Callback
from tinycnn.trainers.callbacks.callback_list import CallbackList
from tinycnn.trainers.callbacks.csv_logger import CSVLogger
from tinycnn.trainers.callbacks.early_stopping import EarlyStopping
from tinycnn.trainers.callbacks.history import History
from tinycnn.trainers.callbacks.lambda_callback import LambdaCallback
from tinycnn.trainers.callbacks.learning_rate_scheduler import LearningRateScheduler
from tinycnn.trainers.callbacks.model_checkpoint import ModelCheckpoint
from tinycnn.trainers.callbacks.progbar_logger import ProgbarLogger
from tinycnn.trainers.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from tinycnn.trainers.callbacks.tensorboard import TensorBoard
from tinycnn.trainers.callbacks.terminate_on_nan import TerminateOnNaN

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
