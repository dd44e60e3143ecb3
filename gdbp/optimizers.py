r"""Optimizers: how a gradient becomes a step.

An optimizer is a set of pure functions. `init(params)` makes its state; `update(grads, state,
params)` returns the step to add to the parameters, and the next state. Nothing is changed in
place, so a run can be stopped, compared or repeated from any point; a long run on many parameters
hands its arrays over with `out=`, and they are written again and again.

The methods stand in the order of their complexity. Each has an inner function `step`: its formula
for one array θ and its gradient g, at step t = 1, 2, …, with the learning rate η of that step and
the arrays it remembers; it returns the update and what to remember. Beside it stands
`step_in_place`, the same formula for `out=`: it changes the memory, leaves the update in u, and
has a second array w to work with. All else that an optimizer does is the same for all of them and
stands in one place, `_elementwise`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gdbp import _checks
from gdbp._blocks import Block, Leaves, check_buffers, check_finite, room, seem_finite, vector
from gdbp._checks import Array
from gdbp._trees import (
    Tree,
    float_leaves_like,
    float_tree,
    leaves_like,
    tree_leaves,
    tree_map,
)

Schedule = Callable[[int], float]
"""A learning rate that changes: from the number of steps taken before, 0 at first, to η ≥ 0."""

Step = Callable[..., tuple[Array, ...]]
"""A formula for one array; see `_elementwise`."""

StepInPlace = Callable[..., None]
"""The same formula, written into arrays; see `_elementwise`."""

Out = tuple[Tree, Any]
"""Arrays to write to: a tree like the parameters, and a state."""


class Optimizer(NamedTuple):
    """An optimization method: what it remembers, and how it steps.

    Attributes:
        init: From `params` to the first state.
        update: From `(grads, state, params)` to `(updates, state)`; the updates have the shapes of
            the parameters and are added to them. Every optimizer of this module computes in the
            floating-point type of `params` (integers become float64) and raises

            - `TypeError` if an argument does not hold real numbers, or `state` is another
              optimizer's;
            - `ValueError` if `grads` or `state` has other arrays or shapes than `params`, or the
              learning rate's schedule returns anything but a finite number ≥ 0;
            - `gdbp._checks.NotFiniteError`, a `ValueError`, if NaN or infinity is in an argument,
              or arises in the step, so that no state ever holds one.

            `out=(updates, state)` writes the result into these arrays and returns them. They have
            the structure, the shapes and the type of `params`, and may be the arguments' own:
            `out=(updates, state)` with the old state overwrites it. After an error in the values
            (`NotFiniteError`) they hold anything, so a state that was its own `out` is lost; after
            any other error they are as they were. `TypeError` or `ValueError` if they do not fit,
            are no C-contiguous, writable arrays, or share memory in any other way.
        step: From `(grads, state, params)` to `(params, state)`: the update, and added at once.
            `out=(params, state)` as for `update`. In place, no update is written to memory.

    Examples:
        >>> optimizer = sgd(lr=0.1, momentum=0.9)
        >>> params, grads = np.array([1.0, 3.0]), np.array([2.0, 6.0])
        >>> state = optimizer.init(params)
        >>> for _ in range(2):
        ...     params, state = optimizer.step(grads, state, params, out=(params, state))
        >>> params
        array([0.42, 1.26])
    """

    init: Callable[[Tree], NamedTuple]
    update: Callable[..., tuple[Tree, NamedTuple]]
    step: Callable[..., tuple[Tree, NamedTuple]]


class SGDState(NamedTuple):
    """What gradient descent remembers.

    Attributes:
        t: The number of steps taken.
        velocity: The momentum buffer, shaped like the parameters. Without momentum it stays 0.
    """

    t: int
    velocity: Tree


def sgd(
    lr: float | Schedule,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> Optimizer:
    r"""Make gradient descent, with momentum if asked for.

    $$g \leftarrow \nabla L(\theta) + \lambda \theta, \qquad v \leftarrow \beta v + g, \qquad
      \theta \leftarrow \theta - \eta v$$

    Args:
        lr: The learning rate η > 0, or a schedule of it.
        momentum: β in [0, 1). With 0, the step is −ηg: plain gradient descent.
        nesterov: Step along g + βv instead of v: Nesterov's momentum.
        weight_decay: λ ≥ 0, the strength of an L2 penalty λ‖θ‖²/2 on the parameters.

    Returns:
        The optimizer.

    Raises:
        TypeError: A number is not a real number, or `nesterov` is not a bool.
        ValueError: `lr` ≤ 0, `momentum` outside [0, 1), `weight_decay` < 0, one of them not
            finite, or `nesterov` without momentum.

    Note:
        The name is the field's; whether the gradient is stochastic depends on the data it is
        computed from. The momentum is PyTorch's form (without its `dampening`): the learning rate
        multiplies the velocity, and is no part of it. Polyak's original form, v ← βv − ηg and
        θ ← θ + v, takes the same steps as long as η is constant. An average of gradients,
        v ← βv + (1 − β)g, takes them with the learning rate η/(1 − β).
        Nesterov's method takes the gradient at the point ahead, θ + βv in Polyak's form; here, as
        in PyTorch, `params` are that point.

    Examples:
        >>> optimizer = sgd(lr=0.1)
        >>> params = np.array([1.0, 3.0])
        >>> updates, state = optimizer.update(2 * params, optimizer.init(params), params)
        >>> apply_updates(params, updates)
        array([0.8, 2.4])

    References:
        :cite:t:`polyak1964some` for momentum; :cite:t:`nesterov1983method`, in the form of
        :cite:t:`sutskever2013importance`, equations (3) and (4).
    """
    momentum = _checks.real("momentum", momentum, minimum=0, below=1)
    weight_decay = _checks.real("weight_decay", weight_decay, minimum=0)
    if _flag("nesterov", nesterov) and momentum == 0:
        raise ValueError("nesterov needs a momentum > 0, got momentum 0")

    def step(theta: Array, g: Array, t: int, eta: float, v: Array) -> tuple[Array, ...]:
        g = g + weight_decay * theta if weight_decay else g
        v = momentum * v + g if momentum else g
        return -eta * (g + momentum * v if nesterov else v), v

    def step_in_place(
        theta: Array, g: Array, t: int, eta: float, u: Array, w: Array, v: Array
    ) -> None:
        if weight_decay:
            g = _decayed(g, weight_decay, theta, w)
        if momentum:
            v *= momentum
            v += g
        if nesterov:
            np.multiply(v, momentum, out=u)
            u += g
            u *= -eta
        else:
            np.multiply(v if momentum else g, -eta, out=u)

    unused = {} if momentum else {"velocity": "velocity"}
    return _elementwise(lr, SGDState, step, step_in_place, unused=unused)


class AdagradState(NamedTuple):
    """What Adagrad remembers.

    Attributes:
        t: The number of steps taken.
        v: The sum of the squared gradients, shaped like the parameters.
    """

    t: int
    v: Tree


def adagrad(
    lr: float | Schedule = 1e-2,
    *,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
) -> Optimizer:
    r"""Make Adagrad: each parameter's rate falls with the squared gradients it has seen.

    $$g_t = \nabla L(\theta_{t-1}) + \lambda \theta_{t-1}, \qquad v_t = v_{t-1} + g_t^2, \qquad
      \theta_t = \theta_{t-1} - \frac{\eta}{1 + (t - 1)\kappa}
      \, \frac{g_t}{\sqrt{v_t} + \varepsilon}$$

    Args:
        lr: The learning rate η > 0, or a schedule of it.
        lr_decay: κ ≥ 0, how fast the learning rate falls with the steps, besides its schedule.
        weight_decay: λ ≥ 0, the strength of an L2 penalty λ‖θ‖²/2 on the parameters.
        initial_accumulator_value: v₀ ≥ 0, in the square of the gradient's unit.
        eps: ε ≥ 0, in the gradient's unit. With 0, a parameter whose gradients have all been 0 has
            no step (0/0), and `update` raises.

    Returns:
        The optimizer.

    Raises:
        TypeError: A number is not a real number.
        ValueError: `lr` ≤ 0, one of the others < 0, or one of them not finite.

    Note:
        t counts from 1. As in PyTorch, ε is added to the root, and `lr_decay` is no part of the
        paper.

    Examples:
        >>> optimizer = adagrad(lr=0.1)
        >>> params = np.array([1.0, 100.0])
        >>> optimizer.update(2 * params, optimizer.init(params), params)[0].round(6)
        array([-0.1, -0.1])

    References:
        :cite:t:`duchi2011adaptive`, section 1.1.
    """
    lr_decay = _checks.real("lr_decay", lr_decay, minimum=0)
    weight_decay = _checks.real("weight_decay", weight_decay, minimum=0)
    v_0 = _checks.real("initial_accumulator_value", initial_accumulator_value, minimum=0)
    eps = _checks.real("eps", eps, minimum=0)

    def step(theta: Array, g: Array, t: int, eta: float, v: Array) -> tuple[Array, ...]:
        g = g + weight_decay * theta if weight_decay else g
        v = v + g**2
        eta = eta / (1 + (t - 1) * lr_decay)
        return -eta * g / (np.sqrt(v) + eps), v

    def step_in_place(
        theta: Array, g: Array, t: int, eta: float, u: Array, w: Array, v: Array
    ) -> None:
        if weight_decay:
            g = _decayed(g, weight_decay, theta, w)
        v += np.square(g, out=u)
        np.multiply(g, -eta / (1 + (t - 1) * lr_decay), out=w)
        np.sqrt(v, out=u)
        u += eps
        np.divide(w, u, out=u)

    return _elementwise(lr, AdagradState, step, step_in_place, divisors=("v",), start=v_0)


class RMSpropState(NamedTuple):
    """What RMSprop remembers.

    Attributes:
        t: The number of steps taken.
        m: The running mean of the gradients, shaped like the parameters; it stays 0 if the method
            is not centered.
        v: The running mean of the squared gradients, shaped like the parameters.
        velocity: The momentum buffer u, shaped like the parameters. Without momentum it stays 0.
    """

    t: int
    m: Tree
    v: Tree
    velocity: Tree


def rmsprop(
    lr: float | Schedule = 1e-2,
    *,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> Optimizer:
    r"""Make RMSprop: divide the gradient by a running root mean square of itself.

    $$g \leftarrow \nabla L(\theta) + \lambda \theta, \qquad
      v \leftarrow \alpha v + (1 - \alpha) g^2, \qquad
      u \leftarrow \beta u + \frac{g}{\sqrt{v} + \varepsilon}, \qquad
      \theta \leftarrow \theta - \eta u$$

    If centered, the running variance takes the place of the running mean square:

    $$m \leftarrow \alpha m + (1 - \alpha) g, \qquad
      u \leftarrow \beta u + \frac{g}{\sqrt{v - m^2} + \varepsilon}$$

    Args:
        lr: The learning rate η > 0, or a schedule of it.
        alpha: α in [0, 1), how much of the running means is kept in a step.
        eps: ε ≥ 0, in the gradient's unit. With 0, a parameter whose gradients have all been 0 has
            no step (0/0), and `update` raises.
        weight_decay: λ ≥ 0, the strength of an L2 penalty λ‖θ‖²/2 on the parameters.
        momentum: β in [0, 1), for the velocity u.
        centered: Whether to subtract the squared mean m².

    Returns:
        The optimizer.

    Raises:
        TypeError: A number is not a real number, or `centered` is not a bool.
        ValueError: `lr` ≤ 0, `alpha` or `momentum` outside [0, 1), `eps` or `weight_decay` < 0, or
            one of them not finite.

    Note:
        As in PyTorch, v and m start at 0 without a bias correction, and ε is added to the root; in
        Graves's form it is inside. v − m² cannot be negative, but by rounding it can be; it
        counts as 0 then, where PyTorch's root is NaN.

    Examples:
        >>> optimizer = rmsprop(lr=0.1)
        >>> params = np.array([1.0, 100.0])
        >>> optimizer.update(2 * params, optimizer.init(params), params)[0].round(6)
        array([-1., -1.])

    References:
        :cite:t:`tieleman2012rmsprop`; centered, with momentum: :cite:t:`graves2013generating`,
        equations (38) to (41).
    """
    alpha = _checks.real("alpha", alpha, minimum=0, below=1)
    eps = _checks.real("eps", eps, minimum=0)
    weight_decay = _checks.real("weight_decay", weight_decay, minimum=0)
    momentum = _checks.real("momentum", momentum, minimum=0, below=1)
    _flag("centered", centered)

    def step(
        theta: Array, g: Array, t: int, eta: float, m: Array, v: Array, u: Array
    ) -> tuple[Array, ...]:
        g = g + weight_decay * theta if weight_decay else g
        m = alpha * m + (1 - alpha) * g
        v = alpha * v + (1 - alpha) * g**2
        mean_square = np.maximum(v - m**2, 0) if centered else v
        u = momentum * u + g / (np.sqrt(mean_square) + eps)
        return -eta * u, m, v, u

    def step_in_place(
        theta: Array, g: Array, t: int, eta: float, u: Array, w: Array, *memory: Array
    ) -> None:
        m, v, velocity = memory
        if weight_decay:
            g = _decayed(g, weight_decay, theta, w)
        _average(v, alpha, np.square(g, out=u), u)
        if centered:
            _average(m, alpha, g, u)
            np.square(m, out=u)
            np.subtract(v, u, out=u)
            np.maximum(u, 0, out=u)
        np.sqrt(u if centered else v, out=u)
        u += eps
        np.divide(g, u, out=u)
        if momentum:
            velocity *= momentum
            velocity += u
        np.multiply(velocity if momentum else u, -eta, out=u)

    unused = {} if centered else {"m": "m"}
    unused |= {} if momentum else {"velocity": "velocity"}
    divisors = ("v", "m") if centered else ("v",)
    return _elementwise(lr, RMSpropState, step, step_in_place, unused=unused, divisors=divisors)


class AdamState(NamedTuple):
    """What Adam and AdamW remember.

    Attributes:
        t: The number of steps taken.
        m: The running mean of the gradients, shaped like the parameters.
        v: The running mean of the squared gradients, shaped like the parameters.
        v_max: With AMSGrad the largest v so far, else the arrays of v; shaped like the parameters.
    """

    t: int
    m: Tree
    v: Tree
    v_max: Tree


def adam(
    lr: float | Schedule = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> Optimizer:
    r"""Make Adam: momentum, and a rate for each parameter, both corrected for their start at 0.

    $$g_t = \nabla L(\theta_{t-1}) + \lambda \theta_{t-1}, \qquad
      m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad
      v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2$$

    $$\hat m_t = \frac{m_t}{1 - \beta_1^t}, \qquad \hat v_t = \frac{v_t}{1 - \beta_2^t}, \qquad
      \theta_t = \theta_{t-1} - \eta \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}$$

    Args:
        lr: The learning rate η > 0, or a schedule of it.
        beta1: β₁ in [0, 1), how much of the mean of the gradients is kept in a step.
        beta2: β₂ in [0, 1), how much of the mean of their squares is kept.
        eps: ε ≥ 0, in the gradient's unit. With 0, a parameter whose gradients have all been 0 has
            no step (0/0), and `update` raises.
        weight_decay: λ ≥ 0, the strength of an L2 penalty λ‖θ‖²/2 on the parameters; `adamw`
            decays them outside the gradient.
        amsgrad: AMSGrad: put the largest v so far in the place of v_t.

    Returns:
        The optimizer.

    Raises:
        TypeError: A number is not a real number, or `amsgrad` is not a bool.
        ValueError: `lr` ≤ 0, `beta1` or `beta2` outside [0, 1), `eps` or `weight_decay` < 0, or
            one of them not finite.

    Note:
        t counts from 1. ε is added to the root of the corrected v̂, as in the paper's algorithm
        and in PyTorch. AMSGrad is PyTorch's: the maximum is taken of the uncorrected v, then
        corrected; the paper has no bias correction.

    Examples:
        >>> optimizer = adam(lr=0.1)
        >>> params = np.array([1.0, 100.0])
        >>> optimizer.update(2 * params, optimizer.init(params), params)[0].round(6)
        array([-0.1, -0.1])

    References:
        :cite:t:`kingma2015adam`, algorithm 1; AMSGrad: :cite:t:`reddi2018convergence`,
        algorithm 2.
    """
    direction, direction_in_place = _adam_direction(beta1, beta2, eps, amsgrad)
    weight_decay = _checks.real("weight_decay", weight_decay, minimum=0)

    def step(theta: Array, g: Array, t: int, eta: float, *moments: Array) -> tuple[Array, ...]:
        g = g + weight_decay * theta if weight_decay else g
        d, *moments_next = direction(g, t, *moments)
        return -eta * d, *moments_next

    def step_in_place(
        theta: Array, g: Array, t: int, eta: float, u: Array, w: Array, *moments: Array
    ) -> None:
        if weight_decay:
            g = _decayed(g, weight_decay, theta, w)
        direction_in_place(-eta, g, t, u, *moments)

    return _adam_like(lr, step, step_in_place, amsgrad)


def adamw(
    lr: float | Schedule = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
) -> Optimizer:
    r"""Make AdamW: Adam with a weight decay that its scaling does not touch.

    $$\theta_t = \theta_{t-1} - \eta \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}
      - \eta \lambda \theta_{t-1}$$

    with the moments of `adam`, of the gradient alone.

    Args:
        lr: The learning rate η > 0, or a schedule of it.
        beta1: β₁ in [0, 1), how much of the mean of the gradients is kept in a step.
        beta2: β₂ in [0, 1), how much of the mean of their squares is kept.
        eps: ε ≥ 0, in the gradient's unit. With 0, a parameter whose gradients have all been 0 has
            no step (0/0), and `update` raises.
        weight_decay: λ ≥ 0: a step takes the share ηλ of each parameter away.
        amsgrad: AMSGrad: put the largest v so far in the place of v_t.

    Returns:
        The optimizer.

    Raises:
        TypeError: A number is not a real number, or `amsgrad` is not a bool.
        ValueError: `lr` ≤ 0, `beta1` or `beta2` outside [0, 1), `eps` or `weight_decay` < 0, or
            one of them not finite.

    Note:
        As in PyTorch, the learning rate multiplies the decay. In the paper only its schedule does:
        the paper's λ is ηλ here, for the η that the schedule starts from.

    Examples:
        >>> optimizer = adamw(lr=0.1, weight_decay=0.5)
        >>> params = np.array([1.0, 100.0])
        >>> optimizer.update(0 * params, optimizer.init(params), params)[0]
        array([-0.05, -5.  ])

    References:
        :cite:t:`loshchilov2019decoupled`, algorithm 2.
    """
    direction, direction_in_place = _adam_direction(beta1, beta2, eps, amsgrad)
    weight_decay = _checks.real("weight_decay", weight_decay, minimum=0)

    def step(theta: Array, g: Array, t: int, eta: float, *moments: Array) -> tuple[Array, ...]:
        d, *moments_next = direction(g, t, *moments)
        return -eta * (d + weight_decay * theta), *moments_next

    def step_in_place(
        theta: Array, g: Array, t: int, eta: float, u: Array, w: Array, *moments: Array
    ) -> None:
        direction_in_place(-eta, g, t, u, *moments)
        if weight_decay:
            u += np.multiply(theta, -eta * weight_decay, out=w)

    return _adam_like(lr, step, step_in_place, amsgrad)


def _adam_direction(
    beta1: float, beta2: float, eps: float, amsgrad: bool
) -> tuple[Step, StepInPlace]:
    """Make what Adam and AdamW share: from g, t and the moments to m̂ / (√v̂ + ε) and the next.

    In place, the numbers of the bias correction meet first, which saves two passes:
    m̂ / (√v̂ + ε) = r/(1 − β₁ᵗ) · m / (√v + rε) with r = √(1 − β₂ᵗ).
    """
    beta1 = _checks.real("beta1", beta1, minimum=0, below=1)
    beta2 = _checks.real("beta2", beta2, minimum=0, below=1)
    eps = _checks.real("eps", eps, minimum=0)
    _flag("amsgrad", amsgrad)

    def direction(g: Array, t: int, m: Array, v: Array, v_max: Array) -> tuple[Array, ...]:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        v_max = np.maximum(v_max, v) if amsgrad else v
        m_hat = m / (1 - beta1**t)
        v_hat = v_max / (1 - beta2**t)
        return m_hat / (np.sqrt(v_hat) + eps), m, v, v_max

    def direction_in_place(
        scale: float, g: Array, t: int, u: Array, m: Array, v: Array, v_max: Array
    ) -> None:
        _average(m, beta1, g, u)
        _average(v, beta2, np.square(g, out=u), u)
        if amsgrad:
            np.maximum(v_max, v, out=v_max)
        r = math.sqrt(1 - beta2**t)
        np.sqrt(v_max if amsgrad else v, out=u)
        u += r * eps
        np.divide(m, u, out=u)
        u *= scale * r / (1 - beta1**t)

    return direction, direction_in_place


def _adam_like(
    lr: float | Schedule, step: Step, step_in_place: StepInPlace, amsgrad: bool
) -> Optimizer:
    unused = {} if amsgrad else {"v_max": "v"}
    divisors = ("v", "v_max") if amsgrad else ("v",)
    return _elementwise(lr, AdamState, step, step_in_place, unused=unused, divisors=divisors)


def _decayed(g: Array, weight_decay: float, theta: Array, out: Array) -> Array:
    """Return g + λθ, written to `out`."""
    np.multiply(theta, weight_decay, out=out)
    out += g
    return out


def _average(mean: Array, beta: float, x: Array, w: Array) -> None:
    """Change a running mean: mean ← β mean + (1 − β) x. Overwrites w, which may be x."""
    mean *= beta
    mean += np.multiply(x, 1 - beta, out=w)


def _elementwise(
    lr: float | Schedule,
    kind: type[Any],
    step: Step,
    step_in_place: StepInPlace,
    *,
    unused: Mapping[str, str] | None = None,
    divisors: tuple[str, ...] = (),
    start: float = 0.0,
) -> Optimizer:
    """Make an optimizer of a formula for one array.

    Args:
        lr: The learning rate or its schedule.
        kind: The class of the state; its fields after t are the memory.
        step: The formula, `step(theta, g, t, eta, *memory)`, which returns the update and the next
            memory.
        step_in_place: The formula, `step_in_place(theta, g, t, eta, u, w, *memory)`, which changes
            the memory and leaves the update in u. What is in u and w before means nothing.
        unused: The memory that the options make void, and the field that the next state has in its
            place: the same one, which so stays as it is, or another.
        divisors: The memory that the update is divided by. There alone an infinity can hide: all
            else that is not finite shows in the update.
        start: What the memory is filled with at first.

    Returns:
        The optimizer, with the checks that `Optimizer` promises.
    """
    rate = _rate(lr)
    names = kind._fields[1:]
    passed_on = unused or {}
    written = [name for name in names if name not in passed_on]
    hiding = [names.index(name) for name in divisors]

    def init(params: Tree) -> NamedTuple:
        theta = float_tree("params", params)
        filled = [tree_map(partial(_filled, start), theta) for _ in names]
        return kind(0, *filled)  # type: ignore[no-any-return]

    def in_new_arrays(t: int, eta: float, block: Block, u: Array, w: Array) -> Array:
        u, *memory = step(block.theta, block.g, t, eta, *block.old)
        for old, new, computed in zip(block.old, block.new, memory, strict=True):
            if new is not old:
                new[:] = computed
        return u

    def in_place(t: int, eta: float, block: Block, u: Array, w: Array) -> Array:
        for old, new in zip(block.old, block.new, strict=True):
            if new is not old:
                new[:] = old
        step_in_place(block.theta, block.g, t, eta, u, w, *block.new)
        return u

    def work_through(
        block: Block,
        compute: Callable[[Block, Array, Array], Array],
        adds: bool,
        explain: Callable[[int, Block, Array], None],
    ) -> None:
        """Take the step for one array of the parameters, part by part."""
        u, w = block.scratch(), block.scratch()
        direct = not (adds or block.target_is_read())
        for begin, part in block.parts():
            n = part.theta.size
            update = compute(part, part.target if direct else u[:n], w[:n])
            if adds:
                result = np.add(part.theta, update, out=part.target)
                others = [part.new[i] for i in hiding] or [result]
            else:
                result = update
                others = [part.theta, *(part.new[i] for i in hiding)]
            if not all(seem_finite(result, other) for other in others):
                explain(begin, part, update)
            if result is not part.target:
                part.target[:] = result

    def advance(
        result: str, grads: Tree, state: NamedTuple, params: Tree, out: Out | None
    ) -> tuple[Tree, NamedTuple]:
        """Write the result, "updates" or "params", and the next memory."""
        _check_kind("state", state, kind)
        like = float_tree("params", params, finite=False, copy=False)
        reads = _leaves({"params": like, "grads": grads, **_memory(state, names)}, like)
        t, eta = state[0] + 1, rate(state[0])
        if out is None:
            target, *trees = (
                tree_map(lambda leaf: room(leaf.shape, leaf.dtype), like)
                for _ in [result, *written]
            )
            next_state = state._replace(**dict(zip(written, trees, strict=True)))
            writes = _leaves({result: target, **_memory(next_state, written)}, like)
        else:
            target, next_state = _pair(out)
            _check_kind("out[1]", next_state, kind)
            void = {f"state.{name}" for name in passed_on}
            used = {name: leaves for name, leaves in reads.items() if name not in void}
            writes = _buffers({result: target, **_memory(next_state, written)}, used, like)
        compute = partial(in_new_arrays if out is None else in_place, t, eta)
        adds = result == "params"
        # What overflows here is found by its value right after.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for k in range(len(reads["params"])):
                block = _block(k, reads, writes, result, names)
                explain = partial(_name_what_is_not_finite, adds, reads, like, names, k)
                work_through(block, compute, adds, explain)
        memory = {name: getattr(next_state, name) for name in written}
        kept = {name: memory.get(other, getattr(state, other)) for name, other in passed_on.items()}
        return target, kind(t, **memory, **kept)

    def update(
        grads: Tree, state: NamedTuple, params: Tree, out: Out | None = None
    ) -> tuple[Tree, NamedTuple]:
        return advance("updates", grads, state, params, out)

    def step_params(
        grads: Tree, state: NamedTuple, params: Tree, out: Out | None = None
    ) -> tuple[Tree, NamedTuple]:
        return advance("params", grads, state, params, out)

    return Optimizer(init, update, step_params)


def _filled(number: float, leaf: Array) -> Array:
    memory = room(leaf.shape, leaf.dtype)
    memory.fill(number)
    return memory


def _check_kind(name: str, state: Any, kind: type[Any]) -> None:
    if not isinstance(state, kind):
        got = type(state).__name__
        raise TypeError(f"{name} needs this optimizer's {kind.__name__}, got {got}")


def _pair(out: Any) -> Any:
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(f"out needs a pair, of arrays to write and a state, got {out!r}")
    return out


def _memory(state: NamedTuple, names: Sequence[str]) -> dict[str, Tree]:
    return {f"state.{name}": getattr(state, name) for name in names}


def _leaves(trees: Mapping[str, Tree], like: Tree) -> Leaves:
    """Return the leaves of trees of the parameters' structure, as floating-point arrays."""
    return {name: float_leaves_like(name, tree, "params", like) for name, tree in trees.items()}


def _buffers(trees: Mapping[str, Tree], reads: Leaves, like: Tree) -> Leaves:
    """Return the leaves of trees that are to be written, if they can be."""
    writes = {}
    for name, tree in trees.items():
        try:
            writes[name] = leaves_like(f"out's {name}", tree, "params", like)
        except ValueError:
            for where, leaf in tree_leaves(tree, name):
                if not isinstance(leaf, np.ndarray):
                    needs = f"out's {where} needs an array to write to, got {leaf!r}"
                    raise TypeError(needs) from None
            raise
    check_buffers(writes, reads, lambda k: list(tree_leaves(like, ""))[k][0])
    return writes


def _block(k: int, reads: Leaves, writes: Leaves, result: str, names: Sequence[str]) -> Block:
    """Return all that belongs to leaf k of the parameters."""
    dtype = reads["params"][k].dtype
    theta, g, target = reads["params"][k], reads["grads"][k], writes[result][k]
    old, new = [], []
    for name in (f"state.{name}" for name in names):
        leaf = reads[name][k]
        old.append(vector(leaf, dtype))
        stays = name not in writes or writes[name][k] is leaf
        new.append(old[-1] if stays else vector(writes[name][k], dtype))
    return Block(vector(theta, dtype), vector(g, dtype), vector(target, dtype), old, new)


def _name_what_is_not_finite(
    adds: bool,
    reads: Leaves,
    like: Tree,
    names: Sequence[str],
    k: int,
    begin: int,
    part: Block,
    update: Array,
) -> None:
    """Raise `NotFiniteError` for the first array of a part of leaf k that is not, if one is."""
    where, leaf = list(tree_leaves(like, ""))[k]
    if not (adds and np.may_share_memory(part.theta, part.target)):
        check_finite(f"params{where}", part.theta, begin, leaf)
    # In the type that it has: an overflow on the way to that of the parameters is the step's.
    _checks.all_finite(f"grads{where}", reads["grads"][k])
    check_finite(f"updates{where}", update, begin, leaf)
    if adds:
        check_finite(f"params{where}", part.target, begin, leaf)
    for name, new in zip(names, part.new, strict=True):
        check_finite(f"next state.{name}{where}", new, begin, leaf)


def apply_updates(params: Tree, updates: Tree, out: Tree | None = None) -> Tree:
    r"""Add the updates to the parameters: $\theta \leftarrow \theta + \Delta\theta$.

    Args:
        params: The parameters: an ndarray, or a dict or list of ndarrays. Integers become float64.
        updates: What an optimizer's `update` returned, shaped like `params`.
        out: Arrays to write to, with the structure, the shapes and the type of `params`; it may
            be `params` itself, or `updates`. After an error in the values they hold anything.

    Returns:
        The new parameters; without `out`, the old ones are left as they were.

    Raises:
        TypeError: An argument does not hold real numbers.
        ValueError: The shapes differ; an argument is empty or not finite, or the sum overflows;
            `out` does not fit, is not C-contiguous, or shares memory in another way.

    Examples:
        >>> apply_updates({"w": np.array([1.0])}, {"w": np.array([-0.25])})
        {'w': array([0.75])}
    """
    like = float_tree("params", params, finite=False, copy=False)
    reads = _leaves({"params": like, "updates": updates}, like)
    if out is None:
        types = iter([np.result_type(*pair) for pair in zip(*reads.values(), strict=True)])
        out = tree_map(lambda leaf: np.empty(leaf.shape, next(types)), like)
        sums = leaves_like("out", out, "params", like)
    else:
        sums = _buffers({"params": out}, reads, like)["params"]
    with np.errstate(over="ignore", invalid="ignore"):
        for k, (theta, u, total) in enumerate(zip(*reads.values(), sums, strict=True)):
            dtype = total.dtype
            block = Block(vector(theta, dtype), vector(u, dtype), vector(total, dtype), [], [])
            for begin, part in block.parts():
                np.add(part.theta, part.g, out=part.target)
                if not seem_finite(part.target, part.target):
                    where, leaf = list(tree_leaves(like, ""))[k]
                    for name, array in [("params", part.theta), ("updates", part.g)]:
                        if not np.may_share_memory(array, part.target):
                            check_finite(f"{name}{where}", array, begin, leaf)
                    check_finite(f"params{where}", part.target, begin, leaf)
    return out


def clip_by_norm(grads: Tree, max_norm: float) -> tuple[Tree, float]:
    r"""Shorten the gradient, all arrays taken as one vector, if it is longer than allowed.

    $$g \leftarrow \min\Big(1, \frac{c}{\lVert g \rVert + 10^{-6}}\Big) \, g$$

    Args:
        grads: The gradient: an ndarray, or a dict or list of ndarrays. Integers become float64.
        max_norm: c > 0, in the gradient's unit.

    Returns:
        The clipped gradient, in the shapes of `grads`, and the norm ‖g‖ that it had before.

    Raises:
        TypeError: `grads` does not hold real numbers, or `max_norm` is not a real number.
        ValueError: `max_norm` ≤ 0, or an argument is empty or not finite.

    Note:
        The meaning is that of PyTorch's `clip_grad_norm_`, with its 10⁻⁶: a gradient just
        within the limit can be shortened a little too. The norm is computed in float64, of g
        divided by its largest entry: squares that would overflow do not. The norm is a
        Euclidean one; the direction does not change.

    Examples:
        >>> clipped, norm = clip_by_norm({"W": np.array([3.0]), "b": np.array([4.0])}, 1.0)
        >>> norm, clipped["b"].round(6)
        (5.0, array([0.8]))

    References:
        :cite:t:`pascanu2013difficulty`, algorithm 1.
    """
    max_norm = _checks.real("max_norm", max_norm, above=0)
    g = float_tree("grads", grads)
    leaves = [leaf.astype(np.float64) for _, leaf in tree_leaves(g, "grads")]
    largest = max(float(np.abs(leaf).max()) for leaf in leaves) or 1.0
    norm = largest * math.sqrt(sum(float(np.sum((leaf / largest) ** 2)) for leaf in leaves))
    scale = min(1.0, max_norm / (norm + 1e-6))
    return tree_map(lambda g: scale * g, g), norm


def constant(lr: float) -> Schedule:
    r"""Make a learning rate that stays: η at every step.

    $$\eta_t = \eta$$

    Args:
        lr: The learning rate η > 0.

    Returns:
        The schedule: a function from the number t ≥ 0 of steps taken before to η.

    Raises:
        TypeError: `lr` is not a real number.
        ValueError: `lr` ≤ 0 or not finite.

    Note:
        Every optimizer takes a plain number for this.

    Examples:
        >>> schedule = constant(0.1)
        >>> schedule(0), schedule(1000)
        (0.1, 0.1)
    """
    lr = _checks.real("lr", lr, above=0)
    return _schedule(lambda t: lr)


def step_decay(lr: float, every: int, *, gamma: float = 0.1) -> Schedule:
    r"""Make a learning rate that falls in stairs.

    $$\eta_t = \eta \, \gamma^{\lfloor t / n \rfloor}$$

    Args:
        lr: The first learning rate η > 0.
        every: n ≥ 1, the length of a stair in steps.
        gamma: γ in (0, 1), what a stair multiplies the rate with.

    Returns:
        The schedule: a function from the number t ≥ 0 of steps taken before to η_t.

    Raises:
        TypeError: `lr` or `gamma` is not a real number, or `every` is not an integer.
        ValueError: `lr` ≤ 0, `every` < 1, `gamma` outside (0, 1), or not finite.

    Note:
        PyTorch's `StepLR`, whose `step_size` is `every`. Like every schedule here, it counts steps
        (batches), not epochs.

    Examples:
        >>> schedule = step_decay(1.0, every=10, gamma=0.5)
        >>> [schedule(t) for t in (0, 9, 10, 20)]
        [1.0, 1.0, 0.5, 0.25]
    """
    lr = _checks.real("lr", lr, above=0)
    every = _checks.integer("every", every, minimum=1)
    gamma = _checks.real("gamma", gamma, above=0, below=1)
    return _schedule(lambda t: lr * gamma ** (t // every))


def exponential(lr: float, *, gamma: float) -> Schedule:
    r"""Make a learning rate that falls by the same factor at each step.

    $$\eta_t = \eta \, \gamma^t$$

    Args:
        lr: The first learning rate η > 0.
        gamma: γ in (0, 1), what a step multiplies the rate with.

    Returns:
        The schedule: a function from the number t ≥ 0 of steps taken before to η_t.

    Raises:
        TypeError: An argument is not a real number.
        ValueError: `lr` ≤ 0, `gamma` outside (0, 1), or not finite.

    Note:
        PyTorch's `ExponentialLR`, which also takes γ ≥ 1.

    Examples:
        >>> schedule = exponential(1.0, gamma=0.5)
        >>> [schedule(t) for t in range(4)]
        [1.0, 0.5, 0.25, 0.125]
    """
    lr = _checks.real("lr", lr, above=0)
    gamma = _checks.real("gamma", gamma, above=0, below=1)
    return _schedule(lambda t: lr * gamma**t)


def cosine(lr: float, n_steps: int, *, min_lr: float = 0.0) -> Schedule:
    r"""Make a learning rate that falls along half a cosine, and then stays.

    $$\eta_t = \eta_{\min} + \frac{\eta - \eta_{\min}}{2}
      \Big(1 + \cos \frac{\pi \min(t, n)}{n}\Big)$$

    Args:
        lr: The first learning rate η > 0.
        n_steps: n ≥ 1, the number of steps until η_min.
        min_lr: η_min in [0, η), the last learning rate.

    Returns:
        The schedule: a function from the number t ≥ 0 of steps taken before to η_t.

    Raises:
        TypeError: `lr` or `min_lr` is not a real number, or `n_steps` is not an integer.
        ValueError: `lr` ≤ 0, `n_steps` < 1, `min_lr` outside [0, `lr`), or not finite.

    Note:
        PyTorch's `CosineAnnealingLR` up to t = n; after that it rises again. The paper's warm
        restarts are not covered.

    Examples:
        >>> schedule = cosine(1.0, n_steps=4)
        >>> [round(schedule(t), 4) for t in range(6)]
        [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]

    References:
        :cite:t:`loshchilov2017sgdr`, equation (5).
    """
    lr = _checks.real("lr", lr, above=0)
    n_steps = _checks.integer("n_steps", n_steps, minimum=1)
    min_lr = _checks.real("min_lr", min_lr, minimum=0, below=lr)
    return _schedule(lambda t: _half_cosine(lr, min_lr, t / n_steps))


def linear_warmup(lr: float | Schedule, n_steps: int, *, start_factor: float = 1 / 3) -> Schedule:
    r"""Make a learning rate that rises along a line, and then stays or follows a schedule.

    $$\eta_t = \Big(s + (1 - s) \frac{t}{n}\Big) \eta_0' \quad (t < n), \qquad
      \eta_t = \eta'_{t-n} \quad (t \ge n)$$

    Args:
        lr: η′: the learning rate > 0 after the warm-up, or a schedule that starts there.
        n_steps: n ≥ 1, the number of steps that the warm-up takes.
        start_factor: s in (0, 1), the first rate as a share of the one after the warm-up.

    Returns:
        The schedule: a function from the number t ≥ 0 of steps taken before to η_t.

    Raises:
        TypeError: `lr` or `start_factor` is not a real number, or `n_steps` is not an integer.
        ValueError: `lr` ≤ 0, `n_steps` < 1, `start_factor` outside (0, 1), or not finite.

    Note:
        PyTorch's `LinearLR`; with a schedule, its `SequentialLR` of the two.

    Examples:
        >>> schedule = linear_warmup(cosine(1.0, n_steps=2), n_steps=2, start_factor=0.5)
        >>> [schedule(t) for t in range(5)]
        [0.5, 0.75, 1.0, 0.5, 0.0]

    References:
        :cite:t:`goyal2017accurate`, section 2.2.
    """
    rate = _rate(lr)
    n_steps = _checks.integer("n_steps", n_steps, minimum=1)
    start_factor = _checks.real("start_factor", start_factor, above=0, below=1)

    def warmed_up(t: int) -> float:
        if t < n_steps:
            return rate(0) * (start_factor + (1 - start_factor) * t / n_steps)
        return rate(t - n_steps)

    return _schedule(warmed_up)


def one_cycle(
    max_lr: float,
    n_steps: int,
    *,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    r"""Make a learning rate that rises to a peak and falls far below its start: one cycle.

    $$\eta_t = c\Big(\frac{\eta}{d}, \eta, \frac{t}{p}\Big) \quad (t < p), \qquad
      \eta_t = c\Big(\eta, \frac{\eta}{d f}, \frac{t - p}{n - 1 - p}\Big) \quad (t \ge p), \qquad
      p = \pi_{\text{start}} n - 1$$

    where c(a, b, s) goes from a at s = 0 to b at s ≥ 1 along half a cosine.

    Args:
        max_lr: The highest learning rate η > 0.
        n_steps: n ≥ 1, the number of steps of the cycle; after them the rate stays.
        pct_start: π_start in (0, 1), the share of the steps in which the rate rises.
        div_factor: d ≥ 1; the first rate is η/d.
        final_div_factor: f ≥ 1; the last rate is η/(df).

    Returns:
        The schedule: a function from the number t ≥ 0 of steps taken before to η_t.

    Raises:
        TypeError: A number is not a real number, or `n_steps` is not an integer.
        ValueError: `max_lr` ≤ 0, `n_steps` < 1, `pct_start` outside (0, 1), a factor < 1, or not
            finite.

    Note:
        PyTorch's `OneCycleLR` with its default phases and cosines, for the learning rate alone:
        the momentum does not cycle. PyTorch raises after n steps. The paper has straight lines
        and a third phase.

    Examples:
        >>> schedule = one_cycle(1.0, n_steps=10)
        >>> [round(schedule(t), 4) for t in (0, 1, 2, 9)]
        [0.04, 0.52, 1.0, 0.0]

    References:
        :cite:t:`smith2019super`.
    """
    max_lr = _checks.real("max_lr", max_lr, above=0)
    n_steps = _checks.integer("n_steps", n_steps, minimum=1)
    peak = _checks.real("pct_start", pct_start, above=0, below=1) * n_steps - 1
    first = max_lr / _checks.real("div_factor", div_factor, minimum=1)
    last = first / _checks.real("final_div_factor", final_div_factor, minimum=1)

    def cycle(t: int) -> float:
        if t < peak:
            return _half_cosine(first, max_lr, t / peak)
        return _half_cosine(max_lr, last, (t - peak) / (n_steps - 1 - peak))

    return _schedule(cycle)


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * min(progress, 1.0)))


def _schedule(formula: Schedule) -> Schedule:
    """Put the check of t before a schedule's formula."""
    return lambda t: formula(_checks.integer("t", t, minimum=0))


def _rate(lr: float | Schedule) -> Schedule:
    """Return a schedule that never answers with anything but a finite number ≥ 0."""
    if not callable(lr):
        return constant(lr)
    return lambda t: _checks.real(f"lr({t})", lr(t), minimum=0)


def _flag(name: str, value: bool) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} needs True or False, got {value!r}")
    return bool(value)
