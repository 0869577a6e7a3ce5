"""Calling the functions that are written in LLVM, without Numba in between."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from tinycnn.kernels.engine import llvm_functions as llvm


def call_llvm(name: str, *arguments: Any) -> None:
    """Call the compiled function with arrays and numbers, as compiled code does."""
    kinds = llvm._functions[name][0]
    given: list[Any] = []
    for kind, value in zip(kinds, arguments, strict=True):
        if kind in (llvm.INDEX, llvm.FLAG):
            given.append(ctypes.c_bool(value) if kind == llvm.FLAG else ctypes.c_int64(value))
            continue
        given.append(ctypes.c_void_p(value.ctypes.data))
        if kind == llvm.COUNTED:
            given.append(ctypes.c_int64(value.size))
    dtypes = {
        kind: str(value.dtype) for kind, value in zip(kinds, arguments, strict=True) if isinstance(value, np.ndarray)
    }
    address = llvm.address(name, dtypes[llvm.NUMBERS], dtypes.get(llvm.ARGMAX))
    ctypes.CFUNCTYPE(None, *[type(value) for value in given])(address)(*given)
