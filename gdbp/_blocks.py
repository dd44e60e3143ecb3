"""Large arrays, a part at a time: so that several passes over them find them in the cache.

A formula of ten operations on arrays of many megabytes reads and writes memory ten times. Done for
one block after another, it reads and writes memory once: the other passes stay in the cache.
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from gdbp import _checks
from gdbp._checks import Array

BYTES = 2**19
"""The size of a block: small enough for the cache, large enough to be worth numpy's calls."""

LINE = 64
"""The bytes of a line of the cache."""

Leaves = dict[str, list[Array]]
"""The leaves of several trees of one structure, by the names of the trees."""


class Block(NamedTuple):
    """What a step reads and writes for one array of the parameters, or for a part of it: vectors.

    Attributes:
        theta: The parameters.
        g: The gradient.
        target: Where the result goes.
        old: The memory.
        new: Where the next memory goes. What is the same object as its `old` stays where it is.
    """

    theta: Array
    g: Array
    target: Array
    old: list[Array]
    new: list[Array]

    def parts(self) -> Iterator[tuple[int, "Block"]]:
        """Yield parts that fit into the cache, each with the place where it begins."""
        length = BYTES // self.theta.itemsize
        if self.theta.size <= length:
            yield 0, self
            return
        for begin in range(0, self.theta.size, length):
            part = slice(begin, begin + length)
            old = [a[part] for a in self.old]
            new = [
                o if b is a else b[part] for a, b, o in zip(self.old, self.new, old, strict=True)
            ]
            yield begin, Block(self.theta[part], self.g[part], self.target[part], old, new)

    def target_is_read(self) -> bool:
        """Tell whether the result goes where the parameters or the gradient stand."""
        return any(np.may_share_memory(self.target, a) for a in (self.theta, self.g))

    def scratch(self) -> Array:
        """Return an array to work with, as long as the longest part."""
        return room((min(self.theta.size, BYTES // self.theta.itemsize),), self.theta.dtype)


def room(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a C-contiguous array to fill; a large one begins where a line of the cache does.

    Numpy's own arrays do not: then every second access of a vector unit needs two lines.
    """
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes < 2**14:  # it takes longer to look where it begins
        return np.empty(shape, dtype)
    memory = np.empty(n_bytes + LINE, np.uint8)
    begin = -memory.ctypes.data % LINE
    return memory[begin : begin + n_bytes].view(dtype).reshape(shape)


def vector(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return an array as a vector of a type; no copy if it has the type and is C-contiguous."""
    return np.ascontiguousarray(array, dtype).reshape(-1)


def seem_finite(x: Array, y: Array) -> bool:
    """Tell cheaply that two vectors of one length hold no NaN or infinity.

    One such number makes the dot product infinite or NaN, since 0 · ∞ is NaN. So a finite one
    clears both, in one pass. `False` settles nothing: the sum may have overflowed.
    """
    return math.isfinite(x.dot(y))


def check_finite(name: str, part: Array, begin: int, like: Array) -> None:
    """Raise `NotFiniteError` if a part, from `begin` on, of an array like `like` is not finite."""
    whole = np.zeros(like.shape, part.dtype)
    whole.reshape(-1)[begin : begin + part.size] = part
    _checks.all_finite(name, whole)


def check_buffers(writes: Leaves, reads: Leaves, place: Callable[[int], str]) -> None:
    """Raise `ValueError` if arrays to write to do not fit: their type, their layout, an overlap.

    Args:
        writes: The arrays to write: first the result, then the memory.
        reads: The arrays to read: first the parameters, then others, then the memory. Each can be
            written at its own place: the memory by the memory of its name, the others by the
            result.
        place: From the number of a leaf to what stands after its tree's name, such as "['w']".
    """
    from bisect import bisect_left  # here, as it would be a part of what importing gdbp takes

    theta, result = next(iter(reads.values())), next(iter(writes))
    for name, leaves in writes.items():
        for k, (leaf, like) in enumerate(zip(leaves, theta, strict=True)):
            if leaf.dtype != like.dtype:
                raise ValueError(f"out's {name}{place(k)} needs {like.dtype}, got {leaf.dtype}")
            if not (leaf.flags.c_contiguous and leaf.flags.writeable):
                raise ValueError(f"out's {name}{place(k)} needs a C-contiguous, writable array")
    spans = sorted(
        (*byte_bounds(leaf), k, name)
        for name, leaves in writes.items()
        for k, leaf in enumerate(leaves)
    )
    for (_, end, k, name), (begin, _, j, other) in pairwise(spans):
        if begin < end:
            two = f"{name}{place(k)} and {other}{place(j)}"
            raise ValueError(f"out's {two} need arrays that share no memory")
    for name, leaves in reads.items():
        writer = name if name in writes else result
        for k, leaf in enumerate(leaves):
            if leaf is writes[writer][k]:
                continue
            begin, end = byte_bounds(leaf)
            # The spans are apart: the last that begins before this leaf ends is the one to look at.
            last = bisect_left(spans, (end,)) - 1
            overlaps = last >= 0 and begin < spans[last][1]
            if overlaps and spans[last] != (begin, end, k, writer):
                *_, j, written = spans[last]
                raise ValueError(
                    f"out's {written}{place(j)} needs memory that {name}{place(k)} does not use"
                )
