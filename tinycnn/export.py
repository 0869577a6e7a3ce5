"""`tinycnn.export_onnx`, which lives in ``tinycnn/saving/``."""

from tinycnn.saving.onnx import export_onnx

__all__ = ["export_onnx"]
