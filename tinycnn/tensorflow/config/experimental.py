"""Former names of what is in `tinycnn.tensorflow.config`."""

from tinycnn.tensorflow.config._devices import (
    get_visible_devices,
    list_logical_devices,
    list_physical_devices,
    set_visible_devices,
)

__all__ = [
    "enable_op_determinism",
    "get_visible_devices",
    "list_logical_devices",
    "list_physical_devices",
    "set_visible_devices",
]


def enable_op_determinism() -> None:
    """Accepted, without effect: the same seed gives the same bits always."""
