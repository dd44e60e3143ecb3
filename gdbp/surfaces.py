r"""The loss over a plane of two parameters: what a picture of a loss surface shows.

All parameters but two are held at a point θ. What is left is a function of two numbers. The grid
that is drawn and the path that is drawn on it are both made with this one function, so the path
lies on the surface.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gdbp import _checks
from gdbp._checks import Array


class LossGrid(NamedTuple):
    """A loss over a grid of two parameters, in the layout that `contour` and `plot_surface` take.

    Attributes:
        u: The first parameter at each point, shape (n_v, n_u).
        v: The second parameter at each point, shape (n_v, n_u).
        loss: The loss at each point, shape (n_v, n_u).
    """

    u: Array
    v: Array
    loss: Array


def restrict(
    loss_fn: Callable[[Array], Any], params: ArrayLike, i: int, j: int
) -> Callable[[ArrayLike], Any]:
    r"""Restrict a loss to the plane of two parameters.

    $$g(u, v) = L(\theta_1, \dots, \theta_i = u, \dots, \theta_j = v, \dots, \theta_p)$$

    Args:
        loss_fn: The loss, batched: from parameters of shape (…, p) to losses of shape (…).
        params: The point θ, shape (p,), which fixes the other parameters. It is copied.
        i: The index of the first parameter, from 0 to p − 1.
        j: The index of the second parameter, another one.

    Returns:
        The function g, batched: from points of shape (…, 2) to losses of shape (…).

    Raises:
        TypeError: `loss_fn` is not a function, an index is not an integer, `params` is not real.
        ValueError: `params` is not a vector of at least two finite numbers, an index is out of
            range, or both are the same. The function raises ValueError for points without a last
            axis of 2, and where `loss_fn` does not return one loss a point.

    Examples:
        >>> loss = lambda theta: (theta**2).sum(axis=-1)
        >>> g = restrict(loss, [1.0, 2.0, 3.0], 0, 2)
        >>> float(g([0.0, 0.0])), float(g([1.0, 3.0]))
        (4.0, 14.0)
    """
    _checks.function("loss_fn", loss_fn)
    theta = np.array(_checks.float_array("params", params, ndim=1))
    _checks.integer("i", i, minimum=0, maximum=theta.size - 1)
    _checks.integer("j", j, minimum=0, maximum=theta.size - 1)
    if i == j:
        raise ValueError(f"j needs another index than i, got {j} for both")

    def g(points: ArrayLike) -> Any:
        uv = _checks.float_array("points", points)
        if uv.shape[-1:] != (2,):
            raise ValueError(f"points needs a last axis of 2, got shape {uv.shape}")
        thetas = np.empty((*uv.shape[:-1], theta.size))
        thetas[...] = theta
        thetas[..., i], thetas[..., j] = uv[..., 0], uv[..., 1]
        losses = np.asarray(loss_fn(thetas))
        if losses.shape != uv.shape[:-1]:
            raise ValueError(
                f"loss_fn needs to return one loss a point, shape {uv.shape[:-1]}, "
                f"got shape {losses.shape}"
            )
        return losses[()]

    return g


def loss_grid(
    loss_fn: Callable[[Array], Any],
    params: ArrayLike,
    i: int,
    j: int,
    u: ArrayLike,
    v: ArrayLike,
) -> LossGrid:
    """Evaluate a loss over a grid of two parameters, all points in one call.

    Args:
        loss_fn: The loss, batched: from parameters of shape (…, p) to losses of shape (…).
        params: The point θ, shape (p,), which fixes the other parameters. It is copied.
        i: The index of the first parameter, from 0 to p − 1.
        j: The index of the second parameter, another one.
        u: The values of the first parameter, shape (n_u,).
        v: The values of the second parameter, shape (n_v,).

    Returns:
        The grid; its arrays have shape (n_v, n_u).

    Raises:
        TypeError: As for `restrict`.
        ValueError: As for `restrict`, or `u` or `v` is not a vector of finite numbers.

    Note:
        `loss_fn` is called once, on a fresh array. A model whose weights have to be overwritten
        to be evaluated cannot be drawn this way, and that is the point.

    Examples:
        >>> grid = loss_grid(lambda t: t[..., 0] * t[..., 1], [0.0, 0.0], 0, 1, [1.0, 2.0], [5.0])
        >>> grid.loss
        array([[ 5., 10.]])

    References:
        :cite:t:`li2018visualizing` draws large networks so.
    """
    g = restrict(loss_fn, params, i, j)
    grid_u, grid_v = np.meshgrid(
        _checks.float_array("u", u, ndim=1), _checks.float_array("v", v, ndim=1)
    )
    return LossGrid(grid_u, grid_v, g(np.stack([grid_u, grid_v], axis=-1)))
