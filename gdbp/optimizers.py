r"""Optimizers: how a gradient becomes a step.

An optimizer is a pair of pure functions. `init(params)` makes its state; `update(grads, state,
params)` returns the step to add to the parameters, and the next state. Nothing is changed in
place, so a run can be stopped, compared or repeated from any point.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gdbp import _checks
from gdbp._trees import Tree, float_tree, same_structure, tree_map


class Optimizer(NamedTuple):
    """An optimization method: what it remembers, and how it steps.

    Attributes:
        init: From `params` to the first state.
        update: From `(grads, state, params)` to `(updates, state)`; the updates have the shapes of
            the parameters and are added to them.
    """

    init: Callable[[Tree], NamedTuple]
    update: Callable[[Tree, NamedTuple, Tree], tuple[Tree, NamedTuple]]


class SGDState(NamedTuple):
    """What gradient descent remembers.

    Attributes:
        t: The number of steps taken.
        velocity: The momentum buffer, shaped like the parameters.
    """

    t: int
    velocity: Tree


def sgd(
    lr: float, *, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
) -> Optimizer:
    r"""Make gradient descent, with momentum if asked for.

    $$g \leftarrow \nabla L(\theta) + \lambda \theta, \qquad v \leftarrow \beta v + g, \qquad
      \theta \leftarrow \theta - \eta v$$

    Args:
        lr: The learning rate η > 0.
        momentum: β in [0, 1). With 0, the step is −ηg: plain gradient descent.
        nesterov: Step along g + βv instead of v: Nesterov's momentum.
        weight_decay: λ ≥ 0, the strength of an L2 penalty λ‖θ‖²/2 on the parameters.

    Returns:
        The optimizer.

    Raises:
        TypeError: A number is not a real number.
        ValueError: `lr` ≤ 0, `momentum` outside [0, 1), `weight_decay` < 0, one of them not
            finite, or `nesterov` without momentum.

    Note:
        The name is the field's; whether the gradient is stochastic depends on the data it is
        computed from. The momentum is PyTorch's form: the learning rate multiplies
        the velocity, and is no part of it. Polyak's original form, v ← βv − ηg and θ ← θ + v,
        takes the same steps as long as η is constant.

    Examples:
        >>> optimizer = sgd(lr=0.1)
        >>> params = np.array([1.0, 3.0])
        >>> updates, state = optimizer.update(2 * params, optimizer.init(params), params)
        >>> apply_updates(params, updates)
        array([0.8, 2.4])

    References:
        :cite:t:`polyak1964some`; :cite:t:`sutskever2013importance` for Nesterov's form.
        Page: {doc}`/chapters/05-gradient-descent`.
    """
    _checks.real("lr", lr, above=0)
    _checks.real("momentum", momentum, minimum=0, below=1)
    _checks.real("weight_decay", weight_decay, minimum=0)
    if nesterov and momentum == 0:
        raise ValueError("nesterov needs a momentum > 0, got momentum 0")

    def init(params: Tree) -> SGDState:
        return SGDState(t=0, velocity=tree_map(np.zeros_like, float_tree("params", params)))

    def update(grads: Tree, state: NamedTuple, params: Tree) -> tuple[Tree, SGDState]:
        assert isinstance(state, SGDState)
        same_structure("grads", grads, "params", params)
        g = tree_map(lambda grad, theta: grad + weight_decay * theta, grads, params)
        velocity = tree_map(lambda v, g: momentum * v + g, state.velocity, g)
        step = tree_map(lambda v, g: g + momentum * v, velocity, g) if nesterov else velocity
        updates = tree_map(lambda s: -lr * s, step)
        return updates, SGDState(state.t + 1, velocity)

    return Optimizer(init, update)


def apply_updates(params: Tree, updates: Tree) -> Tree:
    r"""Add the updates to the parameters: $\theta \leftarrow \theta + \Delta\theta$.

    Args:
        params: The parameters: an ndarray, or a dict or list of ndarrays.
        updates: What an optimizer's `update` returned, shaped like `params`.

    Returns:
        The new parameters; the old ones are left as they were.

    Raises:
        ValueError: The shapes differ.

    Examples:
        >>> apply_updates({"w": np.array([1.0])}, {"w": np.array([-0.25])})
        {'w': array([0.75])}

    References:
        Page: {doc}`/chapters/05-gradient-descent`.
    """
    same_structure("updates", updates, "params", params)
    return tree_map(lambda theta, update: theta + update, params, updates)
