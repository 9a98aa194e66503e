"""The dominant eigenvector of a symmetric matrix, without holding the interpreter.

SciPy's wrapper of LAPACK keeps Python's lock while it computes, so that folds in several threads would
wait for each other. The same routine, called through the pointer that SciPy exports for compiled code
(`scipy.linalg.cython_lapack`), does not.
"""

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from torch import Tensor

_ARGUMENTS = 21
_WORK, _INTEGER_WORK = 34, 10  # per row of the matrix: no less than the routine's minima of 26 and 10


_SQUARINGS = 40  # a direction whose eigenvalue is smaller by 1e-10 of the largest is gone
_AT_A_TIME = 5  # from a trace of 1, numbers stay within the range of float64 for matrices of any size


def dominant_of_all(matrices: Tensor) -> Tensor:
    """Return the unit eigenvectors (stack, n) of the largest eigenvalues of matrices (stack, n, n).

    For a card, where products of a stack cost least: M to the power 2^40, by squaring, is the projection on
    its dominant eigenvector. A step with M itself takes off what rounding has left of other directions.

    Args:
        matrices: symmetric, without negative eigenvalues but for rounding. Of one that is 0: 0.
    """
    power = matrices / _positive(matrices.norm(dim=(1, 2), keepdim=True))
    for _ in range(0, _SQUARINGS, _AT_A_TIME):
        for _ in range(_AT_A_TIME):
            power = power @ power
        power = power / _positive(power.diagonal(dim1=1, dim2=2).sum(1)[:, None, None])
    top = power.diagonal(dim1=1, dim2=2).argmax(1)
    vectors = power.gather(2, top[:, None, None].expand(-1, power.shape[1], 1))
    image = matrices @ (vectors / _positive(vectors.norm(dim=1, keepdim=True)))
    return (image / _positive(image.norm(dim=1, keepdim=True)))[..., 0]


def _positive(size: Tensor) -> Tensor:
    return size.where(size > 0, 1.0)


def dominant(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit eigenvector (n,) of the largest eigenvalue of a symmetric matrix (n, n).

    Only one triangle is read. LAPACK's ``dsyevr`` (relatively robust representations).
    """
    routine = _dsyevr()
    if routine is None:
        return _by_scipy(matrix)
    calls, n = _CALLS.of_size, len(matrix)
    if n not in calls:
        calls[n] = _Call(n)
    return calls[n](routine, matrix)


class _Call:
    """The arguments of the routine for matrices (n, n): made once, because small matrices take no longer."""

    def __init__(self, n: int) -> None:
        self.matrix, self.vector = np.empty((n, n)), np.empty(n)
        self.found, self.status = np.zeros(1, np.intc), np.zeros(1, np.intc)
        self.values, self.support = np.empty(n), np.zeros(2, np.intc)
        self.work, self.integers = np.empty(_WORK * n), np.empty(_INTEGER_WORK * n, np.intc)
        size, zero = _int(n), ctypes.byref(ctypes.c_double(0))
        # the upper triangle in LAPACK's column order is the lower one of rows
        self.arguments = (
            b"V", b"I", b"U", size, _at(self.matrix), size, zero, zero, size, size, zero,
            _at(self.found), _at(self.values), _at(self.vector), size, _at(self.support),
            _at(self.work), _int(_WORK * n), _at(self.integers), _int(_INTEGER_WORK * n), _at(self.status),
        )  # fmt: skip

    def __call__(self, routine: Callable[..., None], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        self.matrix[...] = matrix  # the routine overwrites it
        routine(*self.arguments)
        if self.status[0] or self.found[0] != 1:
            return _by_scipy(matrix)
        return self.vector.copy()


class _Calls(threading.local):
    def __init__(self) -> None:
        self.of_size: dict[int, _Call] = {}


_CALLS = _Calls()


def _by_scipy(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    last = len(matrix) - 1
    vectors: NDArray[np.float64]
    _, vectors = scipy.linalg.eigh(matrix, subset_by_index=(last, last), check_finite=False)
    return vectors[:, 0]


def _at(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _int(value: int) -> Any:
    return ctypes.byref(ctypes.c_int(value))


@cache
def _dsyevr() -> Callable[..., None] | None:
    """Return the routine, or None where SciPy does not export it as expected."""
    from scipy.linalg import cython_lapack

    capsule = getattr(cython_lapack, "__pyx_capi__", {}).get("dsyevr")
    if capsule is None:
        return None
    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    signature: bytes = name(capsule)
    if signature.count(b"*") != _ARGUMENTS:
        return None
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * _ARGUMENTS)(pointer(capsule, signature))
