"""Optimizers on a million float32 parameters: with buffers, pure, and PyTorch's two ways."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from side_by_side import Contestants, Goal, comparison

from gdbp.optimizers import Optimizer, adam, adamw, apply_updates, rmsprop, sgd

N = 10**6
LR = 1e-3
Arrays = list[np.ndarray]


def goals(times_as_fast: float) -> list[Goal]:
    """Return what is wanted of a method that is to be so many times as fast as PyTorch."""
    return [
        Goal("torch, foreach", "gdbp, with buffers", at_least=times_as_fast),
        Goal("gdbp, pure", "gdbp, with buffers", at_most=3),
    ]


def ours_in_place(optimizer: Optimizer, params: Arrays, grads: Arrays) -> Callable[[], Arrays]:
    """Return a step that goes on from where it is, in the arrays of its own."""
    params = [leaf.copy() for leaf in params]
    state = optimizer.init(params)

    def step() -> Arrays:
        nonlocal params, state
        params, state = optimizer.step(grads, state, params, out=(params, state))
        return params

    return step


def ours_in_two_steps(optimizer: Optimizer, params: Arrays, grads: Arrays) -> Callable[[], Arrays]:
    """Return the same, with the updates written to memory on the way."""
    params, updates = [leaf.copy() for leaf in params], [leaf.copy() for leaf in params]
    state = optimizer.init(params)

    def step() -> Arrays:
        nonlocal updates, state
        updates, state = optimizer.update(grads, state, params, out=(updates, state))
        return apply_updates(params, updates, out=params)

    return step


def ours_pure(optimizer: Optimizer, params: Arrays, grads: Arrays) -> Callable[[], Arrays]:
    """Return a step into new arrays."""
    state = optimizer.init(params)

    def step() -> Arrays:
        nonlocal params, state
        updates, state = optimizer.update(grads, state, params)
        params = apply_updates(params, updates)
        return params

    return step


def theirs(make: Any, params: Arrays, grads: Arrays, **options: Any) -> Callable[[], Arrays]:
    """Return PyTorch's step."""
    tensors = [torch.tensor(leaf) for leaf in params]
    for tensor, g in zip(tensors, grads, strict=True):
        tensor.grad = torch.tensor(g)
    optimizer = make(tensors, lr=LR, **options)

    def step() -> Arrays:
        optimizer.step()
        return [tensor.numpy() for tensor in tensors]

    return step


def contestants(
    optimizer: Optimizer, make: Any, *, n_arrays: int = 1, fused: bool = True, **options: Any
) -> Contestants:
    """Prepare the ways to take one method's step, after three steps that are to be the same."""
    rng = np.random.default_rng(0)
    params, grads = (np.split(rng.normal(size=N).astype("f"), n_arrays) for _ in range(2))
    ways = {
        "gdbp, with buffers": ours_in_place(optimizer, params, grads),
        "gdbp, updates in memory": ours_in_two_steps(optimizer, params, grads),
        "gdbp, pure": ours_pure(optimizer, params, grads),
        "torch, foreach": theirs(make, params, grads, foreach=True, **options),
    }
    if fused:
        ways["torch, fused"] = theirs(make, params, grads, fused=True, **options)
    for _ in range(3):
        steps = [np.concatenate(step()) for step in ways.values()]
    for params_of_another in steps[1:]:
        np.testing.assert_allclose(params_of_another, steps[0], rtol=1e-5, atol=1e-6)
    return ways


@comparison("A step of SGD, 10⁶ parameters", goals=goals(0.7))
def sgd_step() -> Contestants:
    """Move 12 bytes a parameter: read θ and g, write θ."""
    return contestants(sgd(LR), torch.optim.SGD)


@comparison("A step of momentum, 10⁶ parameters", goals=goals(0.7))
def momentum_step() -> Contestants:
    """Move 20 bytes a parameter: read θ, g and the velocity, write θ and the velocity."""
    return contestants(sgd(LR, momentum=0.9), torch.optim.SGD, momentum=0.9)


@comparison("A step of RMSprop, 10⁶ parameters", goals=goals(1.15))
def rmsprop_step() -> Contestants:
    """Move 20 bytes a parameter: read θ, g and v, write θ and v. PyTorch has no fused form."""
    return contestants(rmsprop(LR), torch.optim.RMSprop, fused=False)


@comparison("A step of Adam, 10⁶ parameters", goals=goals(1.15))
def adam_step() -> Contestants:
    """Move 28 bytes a parameter: read θ, g, m and v, write θ, m and v."""
    return contestants(adam(LR), torch.optim.Adam)


@comparison("A step of AdamW, 10⁶ parameters", goals=goals(1.15))
def adamw_step() -> Contestants:
    """Move 28 bytes a parameter, as Adam does."""
    return contestants(adamw(LR), torch.optim.AdamW)


@comparison("A step of Adam, 10 arrays of 10⁵ parameters", goals=goals(1.15))
def adam_step_on_ten_arrays() -> Contestants:
    """Do the same where a network has several arrays."""
    return contestants(adam(LR), torch.optim.Adam, n_arrays=10)


@comparison("A step of SGD, 10 arrays of 10⁵ parameters", goals=goals(0.7))
def sgd_step_on_ten_arrays() -> Contestants:
    """Do the same where a network has several arrays."""
    return contestants(sgd(LR), torch.optim.SGD, n_arrays=10)


@comparison("What memory and the passes in the cache take, 10⁶ float32 numbers")
def passes() -> Contestants:
    """Measure what a step is made of. Each contestant passes over 10⁶ numbers.

    A copy of 4 MB reads 4 MB and writes 4 MB. The others go over one block again and again.
    """
    source, target = np.ones(N, np.float32), np.zeros(N, np.float32)
    length = 10**4
    x, y, out = (np.full(length, 2.0, np.float32) for _ in "xyo")

    def in_cache(operation: Callable[..., object], *arguments: object) -> Callable[[], None]:
        def run() -> None:
            for _ in range(N // length):
                operation(*arguments)

        return run

    return {
        "copy of 4 MB": lambda: np.copyto(target, source),
        "copy in the cache": in_cache(np.copyto, out, x),
        "product with a number": in_cache(np.multiply, x, np.float32(0.5), out),
        "sum of two arrays": in_cache(np.add, x, y, out),
        "quotient of two arrays": in_cache(np.divide, x, y, out),
        "square root": in_cache(np.sqrt, x, out),
        "dot product of two arrays": in_cache(x.dot, y),
        "a call for a single number": in_cache(np.add, x[:1], y[:1], out[:1]),
    }
