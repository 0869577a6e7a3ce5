"""The one device that there is."""

from __future__ import annotations

from typing import Any, NamedTuple


class PhysicalDevice(NamedTuple):
    """A processor."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A processor, under the name that `tinycnn.tensorflow.device` takes."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The processor, or nothing where another type is asked for."""
    return [PhysicalDevice("/physical_device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


get_visible_devices = list_physical_devices


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The processor, or nothing where another type is asked for."""
    return [LogicalDevice("/device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Hiding GPUs, ``set_visible_devices([], "GPU")``, or naming the processor changes nothing.

    Raises:
        ValueError: other devices than there are, or none at all.
    """
    asked = list(devices) if isinstance(devices, list) else [devices]
    if asked != list_physical_devices(device_type):
        raise ValueError(
            f"set_visible_devices: expected what list_physical_devices({device_type!r}) lists, received {devices!r}. "
            "tinycnn computes on the processor; leave this call out."
        )


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Accepted, without effect: everything runs eagerly."""
