"""Rotations by right angles of separable filters, and pooling of their responses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pooling: TypeAlias = Literal["max", "average"]
Kernels: TypeAlias = tuple[NDArray[np.float64], ...]


def rotations(kernels: Sequence[NDArray[np.float64]]) -> Iterator[Kernels]:
    """A separable filter turned in each of the 24 ways of a cube (4 of a square).

    Turning permutes the axes' kernels and reverses some: those of determinant one.
    """
    number = len(kernels)
    for order in itertools.permutations(range(number)):
        parity = np.linalg.det(np.eye(number)[list(order)])
        for reversed_axes in itertools.product((False, True), repeat=number):
            if parity * (-1) ** sum(reversed_axes) > 0:
                yield tuple(
                    kernels[k][::-1] if turned else kernels[k]
                    for k, turned in zip(order, reversed_axes, strict=True)
                )


def pooled(responses: Iterable[NDArray[np.float64]], pooling: Pooling) -> NDArray[np.float64]:
    """Voxel by voxel the greatest or the mean of several responses; at least one."""
    result: NDArray[np.float64] | None = None
    number = 0
    for response in responses:
        number += 1
        if result is None:
            result = response.astype(np.float64)
        elif pooling == "max":
            np.maximum(result, response, out=result)
        else:
            result += response
    if result is None:
        raise ValueError("there is no response to pool")
    return result if pooling == "max" else result / number
