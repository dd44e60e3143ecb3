"""The optimizers: torch.optim is the oracle, in one table of every option."""

import copy
import inspect
import math
import re
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gdbp import _blocks, optimizers
from gdbp._checks import NotFiniteError
from gdbp._trees import ravel, tree_leaves, tree_map
from gdbp.optimizers import (
    AdagradState,
    AdamState,
    Optimizer,
    RMSpropState,
    SGDState,
    adagrad,
    adam,
    adamw,
    apply_updates,
    clip_by_norm,
    constant,
    cosine,
    exponential,
    linear_warmup,
    one_cycle,
    rmsprop,
    sgd,
    step_decay,
)

N_STEPS = 100
NAN, INF = math.nan, math.inf
TORCH = {
    sgd: torch.optim.SGD,
    adagrad: torch.optim.Adagrad,
    rmsprop: torch.optim.RMSprop,
    adam: torch.optim.Adam,
    adamw: torch.optim.AdamW,
}

OPTIONS = [
    (sgd, {"lr": 0.03}),
    (sgd, {"lr": 0.03, "weight_decay": 0.1}),
    (sgd, {"lr": 0.03, "momentum": 0.9}),
    (sgd, {"lr": 0.03, "momentum": 0.9, "weight_decay": 0.1}),
    (sgd, {"lr": 0.03, "momentum": 0.5, "nesterov": True}),
    (sgd, {"lr": 0.03, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (adagrad, {}),
    (adagrad, {"lr": 0.3, "lr_decay": 0.05}),
    (adagrad, {"lr": 0.3, "weight_decay": 0.1}),
    (adagrad, {"lr": 0.3, "initial_accumulator_value": 2.0}),
    (adagrad, {"lr": 0.3, "eps": 0.5}),
    (adagrad, {"lr": 0.3, "eps": 0.0}),
    (
        adagrad,
        {
            "lr": 0.3,
            "lr_decay": 0.05,
            "weight_decay": 0.1,
            "initial_accumulator_value": 2.0,
            "eps": 0.5,
        },
    ),
    (rmsprop, {}),
    (rmsprop, {"lr": 0.03, "alpha": 0.5}),
    (rmsprop, {"lr": 0.03, "alpha": 0.0}),
    (rmsprop, {"lr": 0.03, "eps": 0.5}),
    (rmsprop, {"lr": 0.03, "eps": 0.0}),
    (rmsprop, {"lr": 0.03, "weight_decay": 0.1}),
    (rmsprop, {"lr": 0.03, "momentum": 0.8}),
    (rmsprop, {"lr": 0.03, "centered": True}),
    (rmsprop, {"lr": 0.03, "centered": True, "momentum": 0.8}),
    (
        rmsprop,
        {
            "lr": 0.03,
            "alpha": 0.9,
            "eps": 0.5,
            "weight_decay": 0.1,
            "momentum": 0.8,
            "centered": True,
        },
    ),
    (adam, {}),
    (adam, {"lr": 0.03, "beta1": 0.5}),
    (adam, {"lr": 0.03, "beta2": 0.8}),
    (adam, {"lr": 0.03, "beta1": 0.0, "beta2": 0.0}),
    (adam, {"lr": 0.03, "eps": 0.5}),
    (adam, {"lr": 0.03, "eps": 0.0}),
    (adam, {"lr": 0.03, "weight_decay": 0.1}),
    (adam, {"lr": 0.03, "beta2": 0.8, "amsgrad": True}),
    (
        adam,
        {
            "lr": 0.03,
            "beta1": 0.5,
            "beta2": 0.8,
            "eps": 0.5,
            "weight_decay": 0.1,
            "amsgrad": True,
        },
    ),
    (adamw, {}),
    (adamw, {"lr": 0.03, "weight_decay": 0.0}),
    (adamw, {"lr": 0.03, "weight_decay": 2.0}),
    (adamw, {"lr": 0.03, "beta1": 0.5, "eps": 0.5}),
    (adamw, {"lr": 0.03, "beta2": 0.8, "amsgrad": True}),
    (
        adamw,
        {
            "lr": 0.03,
            "beta1": 0.5,
            "beta2": 0.8,
            "eps": 0.5,
            "weight_decay": 2.0,
            "amsgrad": True,
        },
    ),
]

SCHEDULERS = torch.optim.lr_scheduler
SCHEDULES = [
    # name, ours, the same in torch for an optimizer whose own learning rate is 0.03
    ("constant", constant(0.03), lambda o: SCHEDULERS.ConstantLR(o, factor=1.0)),
    ("step", step_decay(0.03, 30), lambda o: SCHEDULERS.StepLR(o, 30)),
    (
        "step, every=7, gamma",
        step_decay(0.03, 7, gamma=0.8),
        lambda o: SCHEDULERS.StepLR(o, 7, gamma=0.8),
    ),
    (
        "exponential",
        exponential(0.03, gamma=0.97),
        lambda o: SCHEDULERS.ExponentialLR(o, gamma=0.97),
    ),
    ("cosine", cosine(0.03, N_STEPS), lambda o: SCHEDULERS.CosineAnnealingLR(o, N_STEPS)),
    (
        "cosine, min_lr",
        cosine(0.03, N_STEPS, min_lr=0.01),
        lambda o: SCHEDULERS.CosineAnnealingLR(o, N_STEPS, eta_min=0.01),
    ),
    ("warm-up", linear_warmup(0.03, 5), SCHEDULERS.LinearLR),
    (
        "warm-up, start_factor",
        linear_warmup(0.03, 40, start_factor=0.01),
        lambda o: SCHEDULERS.LinearLR(o, start_factor=0.01, total_iters=40),
    ),
    (
        "warm-up, then cosine",
        linear_warmup(cosine(0.03, N_STEPS - 20), 20, start_factor=0.1),
        lambda o: SCHEDULERS.SequentialLR(
            o,
            [
                SCHEDULERS.LinearLR(o, start_factor=0.1, total_iters=20),
                SCHEDULERS.CosineAnnealingLR(o, N_STEPS - 20),
            ],
            milestones=[20],
        ),
    ),
    (
        "one cycle",
        one_cycle(0.1, N_STEPS),
        lambda o: SCHEDULERS.OneCycleLR(o, 0.1, N_STEPS, cycle_momentum=False),
    ),
    (
        "one cycle, its options",
        one_cycle(0.1, N_STEPS, pct_start=0.435, div_factor=4.0, final_div_factor=3.0),
        lambda o: SCHEDULERS.OneCycleLR(
            o,
            0.1,
            N_STEPS,
            pct_start=0.435,
            div_factor=4.0,
            final_div_factor=3.0,
            cycle_momentum=False,
        ),
    ),
    (
        "a function of one's own",
        lambda t: 0.03 / (1 + t),
        lambda o: SCHEDULERS.LambdaLR(o, lambda t: 1 / (1 + t)),
    ),
]
SCHEDULED = [  # each optimizer with all its terms, under each schedule
    (sgd, {"lr": 0.03, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (adagrad, {"lr": 0.03, "lr_decay": 0.05, "weight_decay": 0.1}),
    (rmsprop, {"lr": 0.03, "momentum": 0.8, "weight_decay": 0.1}),
    (adam, {"lr": 0.03, "weight_decay": 0.1}),
    (adamw, {"lr": 0.03, "weight_decay": 2.0}),
]
FIXED = [
    pytest.param(make, options, None, id=f"{make.__name__}({options})") for make, options in OPTIONS
]
UNDER_SCHEDULES = [
    pytest.param(make, options, schedule, id=f"{make.__name__}, {schedule[0]}")
    for make, options in SCHEDULED
    for schedule in SCHEDULES
]


class Problem:
    """A noisy quadratic in parameters of several shapes, the noise louder and softer by turns."""

    def __init__(self, dtype):
        rng = np.random.default_rng(7)

        def normal(loudness=1.0):
            def leaf(*shape):
                return np.array(loudness * rng.normal(size=shape), dtype)

            layers = [{"W": leaf(3, 4), "b": leaf(4)}, {"W": leaf(4, 1), "b": leaf(1)}]
            return {"layers": layers, "cube": leaf(2, 1, 3), "scale": leaf()}

        self.params = normal()
        self.curvature = tree_map(lambda leaf: np.clip(np.abs(leaf), 0.1, 3.0), normal())
        self.noise = [normal(1.1 + math.cos(k / 5)) for k in range(N_STEPS)]

    def grads(self, params, k):
        return tree_map(lambda c, theta, e: c * theta + e, self.curvature, params, self.noise[k])


PROBLEMS = {dtype: Problem(dtype) for dtype in (np.float32, np.float64)}


def leaves(tree):
    return [leaf for _, leaf in tree_leaves(tree, "")]


def torch_run(problem, make, options, scheduler):
    """Run torch's optimizer of the same name; return the parameters before and after each step."""
    options = dict(options)
    if "beta1" in options or "beta2" in options:
        options["betas"] = options.pop("beta1", 0.9), options.pop("beta2", 0.999)
    tensors = [torch.tensor(leaf, requires_grad=True) for leaf in leaves(problem.params)]
    curvatures = [torch.tensor(leaf) for leaf in leaves(problem.curvature)]
    optimizer = TORCH[make](tensors, **options)
    if scheduler is not None:
        scheduler = scheduler(optimizer)
    records = [[tensor.detach().numpy().copy() for tensor in tensors]]
    for k in range(N_STEPS):
        for tensor, c, e in zip(tensors, curvatures, leaves(problem.noise[k]), strict=True):
            tensor.grad = c * tensor.detach() + torch.from_numpy(e)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        records.append([tensor.detach().numpy().copy() for tensor in tensors])
    return records


def our_run(problem, optimizer):
    params = problem.params
    state = optimizer.init(params)
    records = [leaves(params)]
    for k in range(N_STEPS):
        updates, state = optimizer.update(problem.grads(params, k), state, params)
        params = apply_updates(params, updates)
        records.append(leaves(params))
    return records, state


def assert_same_records(ours, theirs, tolerance):
    """Compare every record; the difference is relative to each array's largest entry in the run."""
    assert len(ours) == len(theirs) == N_STEPS + 1
    for our_leaf, their_leaf in zip(
        zip(*ours, strict=True), zip(*theirs, strict=True), strict=True
    ):
        our, their = np.array(our_leaf), np.array(their_leaf)
        assert our.shape == their.shape
        np.testing.assert_allclose(our, their, rtol=0, atol=tolerance * np.abs(their).max())


@pytest.mark.parametrize(("make", "options", "schedule"), FIXED + UNDER_SCHEDULES)
def test_every_option_takes_torchs_steps_in_float64(make, options, schedule):
    _, ours, theirs = (None, options.get("lr"), None) if schedule is None else schedule
    optimizer = make(**{**options, "lr": ours} if schedule else options)
    problem = PROBLEMS[np.float64]
    records, state = our_run(problem, optimizer)
    assert state.t == N_STEPS
    assert_same_records(records, torch_run(problem, make, options, theirs), 1e-12)


@pytest.mark.parametrize(("make", "options", "schedule"), FIXED + UNDER_SCHEDULES[::5])
def test_every_option_stays_float32_and_near_torch(make, options, schedule):
    # Numbers of numpy's own type, as a sweep over np.linspace has, must not widen the arrays.
    numbers = {k: np.float64(v) if isinstance(v, float) else v for k, v in options.items()}
    theirs = None
    if schedule is not None:
        _, ours, theirs = schedule
        numbers["lr"] = lambda t: np.float64(ours(t))
    problem = PROBLEMS[np.float32]
    records, state = our_run(problem, make(**numbers))
    assert {leaf.dtype for leaf in records[-1]} == {np.dtype(np.float32)}
    assert {leaf.dtype for tree in state[1:] for leaf in leaves(tree)} == {np.dtype(np.float32)}
    assert_same_records(records, torch_run(problem, make, options, theirs), 1e-5)


@pytest.mark.parametrize("make", [adagrad, rmsprop, adam, adamw])
def test_the_defaults_are_torchs(make):
    theirs = dict(TORCH[make]([torch.zeros(1)]).defaults)
    if "betas" in theirs:
        theirs["beta1"], theirs["beta2"] = theirs.pop("betas")
    ours = {name: p.default for name, p in inspect.signature(make).parameters.items()}
    assert ours == {name: theirs[name] for name in ours}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule[0])
def test_every_schedule_has_torchs_rates(schedule):
    _, ours, theirs = schedule
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.03)
    scheduler = theirs(optimizer)
    rates = []
    for _ in range(N_STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose([ours(t) for t in range(N_STEPS)], rates, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 4, 7, 11])
@pytest.mark.parametrize("pct_start", [0.1, 0.3, 0.9])
def test_a_short_cycle_has_torchs_rates(n_steps, pct_start):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = SCHEDULERS.OneCycleLR(
        optimizer, 2.0, n_steps, pct_start=pct_start, cycle_momentum=False
    )
    schedule = one_cycle(2.0, n_steps, pct_start=pct_start)
    for t in range(n_steps):
        expected = optimizer.param_groups[0]["lr"]
        assert schedule(t) == pytest.approx(expected, rel=1e-12, abs=1e-15)
        optimizer.step()
        if t + 1 < n_steps:
            scheduler.step()


def test_a_cycle_can_start_at_its_peak():
    # The rise ends at step pct_start * n_steps - 1 = 0, where torch divides by zero.
    assert one_cycle(2.0, 4, pct_start=0.25)(0) == 2.0


@pytest.mark.parametrize(
    ("schedule", "end", "last"),
    [
        (cosine(0.5, 10), 10, 0.0),
        (cosine(0.5, 10, min_lr=0.125), 10, 0.125),
        (one_cycle(0.5, 10, div_factor=2.0, final_div_factor=4.0), 9, 0.0625),
        (linear_warmup(0.5, 10), 10, 0.5),
    ],
)
def test_after_its_end_a_schedule_stays(schedule, end, last):
    assert schedule(end - 1) != pytest.approx(last)
    assert [schedule(t) for t in (end, end + 1, end + 2, 50 * end)] == pytest.approx([last] * 4)


def test_a_step_decay_ends_its_stair_exactly():
    schedule = step_decay(1.0, 10)
    assert (schedule(9), schedule(10), schedule(19), schedule(20)) == (
        1.0,
        pytest.approx(0.1),
        pytest.approx(0.1),
        pytest.approx(0.01),
    )


def test_a_schedule_takes_numpys_integers_and_gives_a_float():
    for _, schedule, _ in SCHEDULES[:-1]:
        assert type(schedule(np.int64(3))) is float


def test_the_schedule_counts_the_steps_of_the_state_from_0():
    seen = []

    def schedule(t):
        seen.append(t)
        return 1.0

    for make in TORCH:
        optimizer = make(schedule)
        state = optimizer.init(np.ones(2))
        seen.clear()
        for _ in range(3):
            _, state = optimizer.update(np.ones(2), state, np.ones(2))
        assert seen == [0, 1, 2]


def test_rmsprop_remembers_the_means_of_the_gradients_and_of_their_squares():
    optimizer = rmsprop(alpha=0.75, centered=True)
    _, state = optimizer.update([2.0], optimizer.init([1.0]), [1.0])
    assert (state.m.tolist(), state.v.tolist()) == ([0.5], [1.0])


def test_a_rate_of_0_takes_no_step_and_still_remembers():
    optimizer = sgd(lambda t: 0, momentum=0.5)
    updates, state = optimizer.update([2.0], optimizer.init([1.0]), [1.0])
    np.testing.assert_array_equal(updates, [0.0])
    np.testing.assert_array_equal(state.velocity, [2.0])


# What holds for any input

FULL = {  # every term switched on, so that a property holds for every line
    "sgd": sgd(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "sgd, plain": sgd(0.1),
    "adagrad": adagrad(lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5),
    "rmsprop": rmsprop(momentum=0.9, centered=True, weight_decay=0.1),
    "adam": adam(amsgrad=True, weight_decay=0.1),
    "adam, plain": adam(),
    "adamw": adamw(amsgrad=True, weight_decay=0.1),
}
every_optimizer = pytest.mark.parametrize("optimizer", FULL.values(), ids=FULL)
numbers = st.floats(-100, 100, allow_subnormal=False)


def vectors(n):
    return arrays(np.float64, n, elements=numbers)


trees = st.fixed_dictionaries(
    {"W": arrays(np.float64, (2, 3), elements=numbers), "layers": st.lists(vectors(2), min_size=1)}
)
trees_and_grads = trees.flatmap(
    lambda tree: st.tuples(
        st.just(tree),
        st.lists(
            st.fixed_dictionaries(
                {
                    "W": arrays(np.float64, (2, 3), elements=numbers),
                    "layers": st.tuples(*[vectors(2)] * len(tree["layers"])).map(list),
                }
            ),
            min_size=2,
            max_size=4,
        ),
    )
)


def assert_same_trees(tree, other):
    for (name, a), (other_name, b) in zip(
        tree_leaves(tree, ""), tree_leaves(other, ""), strict=True
    ):
        assert name == other_name
        np.testing.assert_array_equal(a, b)


@every_optimizer
@settings(deadline=None, max_examples=25)
@given(trees_and_grads)
def test_update_is_pure(optimizer, tree_and_grads):
    params, all_grads = tree_and_grads
    state = optimizer.init(params)
    for grads in all_grads:
        before = copy.deepcopy((params, grads, state))
        updates, next_state = optimizer.update(grads, state, params)
        again, next_again = optimizer.update(grads, state, params)
        assert_same_trees([params, grads, *state[1:]], [*before[:2], *before[2][1:]])
        assert_same_trees(updates, again)
        assert next_state.t == next_again.t == state.t + 1
        assert_same_trees([*next_state[1:]], [*next_again[1:]])
        written = [] if optimizer is FULL["sgd, plain"] else [*next_state[1:]]  # no momentum
        fresh = leaves([updates, *written])
        given_ = leaves([params, grads, *state[1:]])
        assert not any(np.shares_memory(new, old) for new in fresh for old in given_)
        params, state = apply_updates(params, updates), next_state


@every_optimizer
@settings(deadline=None, max_examples=25)
@given(trees_and_grads)
def test_the_nesting_does_not_matter(optimizer, tree_and_grads):
    params, all_grads = tree_and_grads
    state, flat_state = optimizer.init(params), optimizer.init(ravel(params)[0])
    for grads in all_grads:
        updates, state = optimizer.update(grads, state, params)
        # A dict's order is no part of it: the gradient's is brought into the parameters'.
        g = ravel(tree_map(lambda _, g: g, params, grads))[0]
        flat, flat_state = optimizer.update(g, flat_state, ravel(params)[0])
        np.testing.assert_array_equal(ravel(updates)[0], flat)


def gradients_and_start(n_steps):
    return st.tuples(st.lists(vectors(3), min_size=n_steps, max_size=n_steps), vectors(3))


momenta = st.floats(0.01, 0.99)
rates = st.floats(1e-3, 1.0)


def path(optimizer, grad_list, params):
    state, points = optimizer.init(params), [params]
    for g in grad_list:
        updates, state = optimizer.update(g, state, points[-1])
        points.append(apply_updates(points[-1], updates))
    return np.array(points)


@settings(deadline=None, max_examples=50)
@given(gradients_and_start(8), rates, momenta)
def test_polyaks_form_takes_the_steps_of_torchs(gradients_and_theta, lr, beta):
    gradients, theta = gradients_and_theta
    points, v = [theta], 0.0
    for g in gradients:
        v = beta * v - lr * g
        points.append(points[-1] + v)
    ours = path(sgd(lr, momentum=beta), gradients, theta)
    np.testing.assert_allclose(ours, points, rtol=1e-12, atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(gradients_and_start(8), rates, momenta)
def test_an_average_of_gradients_needs_a_larger_rate(gradients_and_theta, lr, beta):
    gradients, theta = gradients_and_theta
    points, v = [theta], 0.0
    for g in gradients:
        v = beta * v + (1 - beta) * g
        points.append(points[-1] - lr / (1 - beta) * v)
    ours = path(sgd(lr, momentum=beta), gradients, theta)
    np.testing.assert_allclose(ours, points, rtol=1e-12, atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(vectors(3), st.floats(1e-3, 0.3), momenta)
def test_nesterovs_point_ahead_is_torchs_params(theta, lr, beta):
    curvature = np.array([0.1, 1.0, 3.0])
    v, ahead, ours = np.zeros(3), theta, [theta]
    optimizer = sgd(lr, momentum=beta, nesterov=True)
    state = optimizer.init(theta)
    for _ in range(8):
        v = beta * v - lr * curvature * (theta + beta * v)
        theta = theta + v
        ahead = theta + beta * v
        updates, state = optimizer.update(curvature * ours[-1], state, ours[-1])
        ours.append(ours[-1] + updates)
        np.testing.assert_allclose(ours[-1], ahead, rtol=1e-12, atol=1e-9)


def test_polyaks_form_differs_when_the_rate_changes():
    rate = step_decay(0.1, every=1, gamma=0.5)
    theta, v = 1.0, 0.0
    for t in range(3):
        v = 0.9 * v - rate(t) * 1.0
        theta += v
    ours = path(sgd(rate, momentum=0.9), [np.ones(1)] * 3, np.ones(1))
    assert abs(ours[-1, 0] - theta) > 0.01


@settings(deadline=None, max_examples=50)
@given(gradients_and_start(4), rates, st.floats(0.01, 1.0))
def test_l2_is_decoupled_decay_for_plain_descent(gradients_and_theta, lr, decay):
    gradients, theta = gradients_and_theta
    points = [theta]
    for g in gradients:
        points.append((1 - lr * decay) * points[-1] - lr * g)
    ours = path(sgd(lr, weight_decay=decay), gradients, theta)
    np.testing.assert_allclose(ours, points, rtol=1e-12, atol=1e-9)


def test_l2_is_not_decoupled_decay_for_adam():
    grads, theta = [np.array([1.0, 100.0])] * 5, np.array([3.0, 3.0])
    l2 = path(adam(0.1, weight_decay=0.5), grads, theta)
    decoupled = path(adamw(0.1, weight_decay=0.5), grads, theta)
    assert np.abs(l2 - decoupled)[-1].min() > 0.1
    # Without a decay they are one.
    plain, other = path(adam(0.1), grads, theta), path(adamw(0.1, weight_decay=0), grads, theta)
    np.testing.assert_array_equal(plain, other)


def test_weight_decay_alone_shrinks_the_parameters():
    zero, theta = [np.zeros(2)], np.array([1.0, -100.0])
    np.testing.assert_allclose(path(sgd(0.1, weight_decay=0.5), zero, theta)[1], 0.95 * theta)
    np.testing.assert_allclose(path(adamw(0.1, weight_decay=0.5), zero, theta)[1], 0.95 * theta)
    # Scaled, the L2 penalty takes a step of the learning rate, whatever the parameter's size.
    for optimizer in (adam(0.1, weight_decay=0.5), adagrad(0.1, weight_decay=0.5)):
        np.testing.assert_allclose(path(optimizer, zero, theta)[1], theta - [0.1, -0.1])


@pytest.mark.parametrize(
    "optimizer", [sgd(0.1, momentum=0.9), adagrad(), rmsprop(momentum=0.9, centered=True), adam()]
)
def test_without_gradient_and_decay_nothing_moves(optimizer):
    np.testing.assert_array_equal(path(optimizer, [np.zeros(2)] * 3, np.ones(2)), np.ones((4, 2)))


@settings(deadline=None, max_examples=50)
@given(st.floats(1e-3, 1e3), gradients_and_start(5))
def test_adams_step_does_not_depend_on_the_gradients_scale(scale, gradients_and_theta):
    gradients, theta = gradients_and_theta
    gradients = [np.where(np.abs(g) < 0.1, 0.1, g) for g in gradients]
    ours = path(adam(0.1, eps=0.0), gradients, theta)
    scaled = path(adam(0.1, eps=0.0), [scale * g for g in gradients], theta)
    np.testing.assert_allclose(ours, scaled, rtol=1e-9, atol=1e-9)


def test_amsgrad_keeps_the_largest_mean_square():
    optimizer = adam(beta2=0.5, amsgrad=True)
    theta = np.zeros(1)
    state = optimizer.init(theta)
    seen = []
    for g in (8.0, 0.0, 0.0):
        _, state = optimizer.update(np.array([g]), state, theta)
        seen.append((float(state.v[0]), float(state.v_max[0])))
    assert seen == [(32.0, 32.0), (16.0, 32.0), (8.0, 32.0)]
    # A state of plain Adam can go on with AMSGrad: its v_max is its v.
    _, plain = adam(beta2=0.5).update(np.array([8.0]), adam().init(theta), theta)
    np.testing.assert_array_equal(plain.v_max, plain.v)


def test_the_centered_root_survives_a_constant_gradient():
    # The variance is 0, and rounding makes it negative in some steps: torch's root is NaN then.
    optimizer = rmsprop(1e-9, alpha=0.9, centered=True)
    theta, g = np.ones(64), np.linspace(0.1, 7.0, 64)
    state, negative = optimizer.init(theta), 0
    for _ in range(2000):
        updates, state = optimizer.update(g, state, theta)
        negative += int(np.sum(state.v - state.m**2 < 0))
        assert np.isfinite(updates).all()
    assert negative > 0


# With buffers


@pytest.mark.parametrize("shape", [(3, 5), (100, 70)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_memory_of_a_large_array_begins_where_a_line_of_the_cache_does(shape, dtype):
    memory = adagrad(initial_accumulator_value=2.0).init(np.ones(shape, dtype)).v
    assert (memory.shape, memory.dtype) == (shape, dtype)
    assert memory.flags.c_contiguous
    assert memory.flags.writeable
    assert (memory == 2).all()
    assert memory.nbytes < 2**14 or memory.ctypes.data % 64 == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block_bytes", [16, 2**19])
@pytest.mark.parametrize(("make", "options", "_"), FIXED)
def test_with_buffers_every_option_takes_the_same_steps(
    monkeypatch, make, options, _, block_bytes, dtype
):
    monkeypatch.setattr(_blocks, "BYTES", block_bytes)
    problem, optimizer = PROBLEMS[dtype], make(**options)
    params, state = problem.params, optimizer.init(problem.params)
    updates, updated = copy.deepcopy(params), optimizer.init(params)
    stepped = copy.deepcopy(params)
    step_state = optimizer.init(params)
    # Adam's correction is in another order there: equal but for rounding, and for what it cancels.
    tolerance = (1e-12 if dtype is np.float64 else 1e-5) if make in (adam, adamw) else 0
    for k in range(20):
        grads = problem.grads(params, k)
        expected, state = optimizer.update(grads, state, params)
        params_next = apply_updates(params, expected)
        returned, updated = optimizer.update(grads, updated, params, out=(updates, updated))
        assert returned is updates
        stepped, step_state = optimizer.step(grads, step_state, stepped, out=(stepped, step_state))
        for ours, theirs in [
            (updates, expected),
            (stepped, params_next),
            *zip(updated[1:], state[1:], strict=True),
            *zip(step_state[1:], state[1:], strict=True),
        ]:
            for (_, a), (_, b) in zip(tree_leaves(ours, ""), tree_leaves(theirs, ""), strict=True):
                assert a.dtype == b.dtype == dtype
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
        assert updated.t == step_state.t == k + 1
        # From here on both have the same numbers again.
        params = params_next
        tree_map(np.copyto, stepped, params)


@every_optimizer
@settings(deadline=None, max_examples=25)
@given(trees_and_grads)
def test_buffers_of_ones_own_leave_the_arguments_alone(optimizer, tree_and_grads):
    params, all_grads = tree_and_grads
    state = optimizer.init(params)
    for grads in all_grads:
        before = copy.deepcopy((params, grads, state))
        garbage = copy.deepcopy((params, state))
        expected, expected_state = optimizer.update(grads, state, params)
        updates, next_state = optimizer.update(grads, state, params, out=garbage)
        assert_same_trees([params, grads, *state[1:]], [*before[:2], *before[2][1:]])
        ours = ravel([updates, *next_state[1:]])[0]
        np.testing.assert_allclose(ours, ravel([expected, *expected_state[1:]])[0], 1e-12, 1e-12)
        params, state = apply_updates(params, expected), expected_state


@every_optimizer
def test_the_step_is_the_update_added(optimizer):
    params, grads = [np.ones(3), np.full((2, 2), -2.0)], [np.arange(3.0), np.eye(2)]
    updates, expected = optimizer.update(grads, optimizer.init(params), params)
    stepped, state = optimizer.step(grads, optimizer.init(params), params)
    assert_same_trees(stepped, apply_updates(params, updates))
    assert_same_trees([*state[1:]], [*expected[1:]])
    assert_same_trees(params, [np.ones(3), np.full((2, 2), -2.0)])


@every_optimizer
@pytest.mark.parametrize("place", ["params", "grads"])
@pytest.mark.parametrize("method", ["update", "step"])
def test_the_result_may_stand_where_an_argument_did(optimizer, method, place):
    given_ = {"params": np.linspace(-1, 1, 7), "grads": np.linspace(3, -2, 7)}
    state = optimizer.init(given_["params"])
    expected, _ = getattr(optimizer, method)(given_["grads"], state, given_["params"])
    result, _ = getattr(optimizer, method)(
        given_["grads"], state, given_["params"], out=(given_[place], state)
    )
    assert result is given_[place]
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_updates_are_added_in_place():
    params, updates = {"w": np.ones(2)}, {"w": np.array([0.5, -0.5])}
    assert apply_updates(params, updates, out=params) is params
    np.testing.assert_array_equal(params["w"], [1.5, 0.5])
    assert apply_updates(params, updates, out=updates) is updates
    np.testing.assert_array_equal(updates["w"], [2.0, 0.0])


@every_optimizer
def test_a_step_in_place_allocates_less_than_the_parameters(optimizer):
    params, grads = np.ones(10**6), np.full(10**6, 0.5)
    state = optimizer.init(params)
    params, state = optimizer.step(grads, state, params, out=(params, state))
    tracemalloc.start()
    try:
        optimizer.step(grads, state, params, out=(params, state))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < params.nbytes / 4


def test_memory_that_the_options_make_void_is_passed_on():
    theta, g = np.ones(2), np.full(2, 3.0)
    for optimizer, fields in [(sgd(0.1), ["velocity"]), (rmsprop(), ["m", "velocity"])]:
        state = optimizer.init(theta)
        _, after = optimizer.update(g, state, theta)
        assert all(getattr(after, field) is getattr(state, field) for field in fields)
        _, after = optimizer.update(g, state, theta, out=(np.empty(2), state))
        assert all(getattr(after, field) is getattr(state, field) for field in fields)
    _, after = adam().update(g, adam().init(theta), theta)
    assert after.v_max is after.v


def test_layout_does_not_matter_for_what_is_read():
    params, grads = np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.ones((4, 3))[::2]
    updates, state = sgd(0.5, momentum=0.5).update(
        grads, sgd(0.5, momentum=0.5).init(params), params
    )
    np.testing.assert_array_equal(updates, np.full((2, 3), -0.5))
    np.testing.assert_array_equal(state.velocity, grads)


def buffer_of(leaf, **state):
    theta = [np.ones(4), np.ones(4)]
    moments = adam().init(theta)._replace(**state)
    return [leaf, np.ones(4)], moments


READ_ONLY = np.ones(4)
READ_ONLY.flags.writeable = False
SHARED = np.ones(8)
BAD_BUFFERS = [
    (np.ones(2), TypeError, "out needs a pair, of arrays to write and a state, got array"),
    (([np.ones(4)] * 2, sgd(1).init([np.ones(4)] * 2)), TypeError, "out[1] needs this optimizer's"),
    (buffer_of([1.0] * 4), TypeError, "out's updates[0] needs an array to write to, got [1.0"),
    (
        buffer_of(np.ones(3)),
        ValueError,
        "out's updates[0] needs the shape of params[0], (4,), got shape",
    ),
    (buffer_of(np.ones(4, int)), ValueError, "out's updates[0] needs float64, got int64"),
    (buffer_of(np.ones(4, "f")), ValueError, "out's updates[0] needs float64, got float32"),
    (
        buffer_of(np.ones(8)[::2]),
        ValueError,
        "out's updates[0] needs a C-contiguous, writable arr",
    ),
    (buffer_of(READ_ONLY), ValueError, "out's updates[0] needs a C-contiguous, writable array"),
    (
        buffer_of(np.ones(4), m=[SHARED[:4], SHARED[2:6]]),
        ValueError,
        "out's state.m[0] and state.m[1] need arrays that share no memory",
    ),
    (
        buffer_of(SHARED[:4], m=[SHARED[4:], SHARED[:4]]),
        ValueError,
        "out's updates[0] and state.m[1] need arrays that share no memory",
    ),
]


@pytest.mark.parametrize(("out", "error", "message"), BAD_BUFFERS)
def test_bad_buffers_are_named(out, error, message):
    params = [np.ones(4), np.ones(4)]
    optimizer = adam(amsgrad=True)
    with pytest.raises(error, match="^" + re.escape(message)):
        optimizer.update(params, optimizer.init(params), params, out=out)


def test_a_buffer_may_not_overlap_another_argument():
    numbers = np.ones(9)
    optimizer = adam()
    a, b, shifted = numbers[:4], numbers[4:8], numbers[1:5]
    state = optimizer.init([a, b])
    own = optimizer.init([a, b])
    cases = [
        # another place, a part of it, and memory in the place of something else
        ([a, b], [b, np.ones(4)], own, "out's updates[0] needs memory that grads[1] does not"),
        ([a, np.ones(4)], [shifted, np.ones(4)], own, "out's updates[0] needs memory that grad"),
        ([a, b], [np.ones(4), np.ones(4)], own._replace(m=[a, np.ones(4)]), "out's state.m[0]"),
        ([a, b], [state.v[0], np.ones(4)], own, "out's updates[0] needs memory that state.v[0]"),
    ]
    for grads, updates, next_state, message in cases:
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            optimizer.update(grads, state, [np.ones(4)] * 2, out=(updates, next_state))
    # A state whose v_max is its v serves plain Adam, and not AMSGrad, which writes both.
    theta = np.ones(4)
    _, plain = optimizer.update(theta, optimizer.init(theta), theta)
    _, again = optimizer.update(theta, plain, theta, out=(np.empty(4), plain))
    assert again.v_max is again.v
    with pytest.raises(ValueError, match=r"^out's state\.v and state\.v_max need arrays"):
        adam(amsgrad=True).update(theta, plain, theta, out=(np.empty(4), plain))


VOID = [(FULL["sgd, plain"], "velocity"), (FULL["adam, plain"], "v_max")]


@every_optimizer
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("place", [0, 5, 6])
@pytest.mark.parametrize("buffered", [False, True])
def test_no_number_that_is_not_finite_gets_through(monkeypatch, optimizer, value, place, buffered):
    monkeypatch.setattr(_blocks, "BYTES", 16)
    for bad_one in ["params", "grads", *type(optimizer.init(1.0))._fields[1:]]:
        arguments = {"params": np.ones(7), "grads": np.full(7, 0.5)}
        state = optimizer.init(arguments["params"])
        if bad_one in arguments:
            arguments[bad_one][place] = value
        else:
            getattr(state, bad_one)[place] = value
        for method in (optimizer.update, optimizer.step):
            own = copy.deepcopy((arguments["params"], state))
            out = own if buffered else None
            below_the_maximum = bad_one == "v_max" and value == -INF
            if (optimizer, bad_one) in VOID or below_the_maximum:
                result, _ = method(arguments["grads"], state, arguments["params"], out=out)
                assert np.isfinite(result).all()
                continue
            # What was read may be overwritten: then its sum with the update is named.
            named = f"^({bad_one}|params|updates|next state.*) needs finite numbers"
            with pytest.raises(NotFiniteError, match=rf"{named}, got .* at index \({place},\)$"):
                method(arguments["grads"], state, arguments["params"], out=out)


def test_a_sum_that_overflows_is_named_by_its_parameters():
    theta = np.array([1.0, 1.7e308])
    optimizer = sgd(1.0)
    for out in (None, (theta, optimizer.init(theta))):
        with pytest.raises(
            NotFiniteError, match=r"^params needs finite numbers, got inf at index \(1,"
        ):
            optimizer.step(np.array([0.0, -1e308]), optimizer.init(theta), theta, out=out)
    for out in (None, np.empty(1), np.array([1.7e308])):
        params = np.array([1.7e308]) if out is None or out[0] != 1.7e308 else out
        with pytest.raises(NotFiniteError, match=r"^params needs finite numbers"):
            apply_updates(params, np.array([1e308]), out=out)


@every_optimizer
def test_large_numbers_are_no_false_alarm(optimizer):
    # The square of each would overflow, and so does the cheap check.
    theta = np.full(3, 2.5e19, np.float32)
    for out in (None, (theta.copy(), optimizer.init(theta))):
        updates, _ = optimizer.update(np.ones(3), optimizer.init(theta), theta, out=out)
        stepped, _ = optimizer.step(np.ones(3), optimizer.init(theta), theta, out=out)
        assert np.isfinite(updates).all()
        assert np.isfinite(stepped).all()
    np.testing.assert_array_equal(apply_updates(theta, np.zeros(3)), theta)


# Kinds of input


@every_optimizer
def test_integers_become_float64(optimizer):
    for params, grads in [([1, -3], [2, 4]), (np.array([1, -3]), np.array([2.0, 4.0]))]:
        state = optimizer.init(params)
        updates, state = optimizer.update(grads, state, params)
        expected, _ = optimizer.update(
            np.array([2.0, 4.0]), optimizer.init(np.zeros(2)), np.array([1.0, -3.0])
        )
        np.testing.assert_array_equal(updates, expected)
        assert {leaf.dtype for leaf in leaves([updates, *state[1:]])} == {np.dtype(np.float64)}


@every_optimizer
def test_gradients_take_the_type_of_the_parameters(optimizer):
    theta = np.ones(2, np.float32)
    updates, state = optimizer.update(np.ones(2), optimizer.init(theta), theta)
    assert {leaf.dtype for leaf in leaves([updates, *state[1:]])} == {np.dtype(np.float32)}


@every_optimizer
def test_a_single_number_is_a_parameter_too(optimizer):
    updates, state = optimizer.update(2.0, optimizer.init(1.0), 1.0)
    for leaf in (updates, *state[1:]):
        assert isinstance(leaf, np.ndarray)
        assert leaf.shape == ()


def test_a_tuple_of_arrays_works_as_a_list_does():
    params, grads = (np.ones(2), np.ones((1, 3))), (np.ones(2), np.full((1, 3), 2.0))
    optimizer = sgd(0.5)
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    assert_same_trees(updates, [np.full(2, -0.5), np.full((1, 3), -1.0)])


def test_the_states_start_at_zero_steps():
    params = {"w": np.ones((2, 3), np.float32)}
    zeros = {"w": np.zeros((2, 3), np.float32)}
    for optimizer, kind, start in [
        (sgd(0.1), SGDState, 0.0),
        (adagrad(initial_accumulator_value=0.5), AdagradState, 0.5),
        (rmsprop(), RMSpropState, 0.0),
        (adam(), AdamState, 0.0),
        (adamw(), AdamState, 0.0),
    ]:
        assert isinstance(optimizer, Optimizer)
        state = optimizer.init(params)
        assert type(state) is kind
        assert state.t == 0
        for tree in state[1:]:
            assert_same_trees(tree, {"w": zeros["w"] + np.float32(start)})
            assert tree["w"].dtype == np.float32
            assert not np.shares_memory(tree["w"], params["w"])


def test_apply_updates_leaves_its_arguments_alone_and_adds():
    params, updates = [1, 2], [0.5, -0.5]
    np.testing.assert_array_equal(apply_updates(params, updates), [1.5, 1.5])
    assert (params, updates) == ([1, 2], [0.5, -0.5])


# Clipping


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 7.0, 1e6])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_clipping_is_torchs(max_norm, dtype, tolerance):
    grads = PROBLEMS[dtype].params
    tensors = [torch.zeros(leaf.shape, dtype=torch.tensor(leaf).dtype) for leaf in leaves(grads)]
    for tensor, leaf in zip(tensors, leaves(grads), strict=True):
        tensor.grad = torch.tensor(leaf)
    expected = torch.nn.utils.clip_grad_norm_(tensors, max_norm)
    before = copy.deepcopy(grads)
    clipped, norm = clip_by_norm(grads, np.float64(max_norm))
    assert norm == pytest.approx(expected.item(), rel=tolerance)
    assert type(norm) is float
    for ours, tensor in zip(leaves(clipped), tensors, strict=True):
        np.testing.assert_allclose(ours, tensor.grad.numpy(), rtol=tolerance)
        assert ours.dtype == dtype
    assert_same_trees(grads, before)


def test_a_gradient_just_at_the_limit_is_shortened_by_torchs_millionth():
    clipped, norm = clip_by_norm(np.array([3.0, 4.0]), 5.0)
    assert norm == 5.0
    np.testing.assert_allclose(clipped, np.array([3.0, 4.0]) * 5 / 5.000001, rtol=1e-15)


def test_a_zero_gradient_stays():
    clipped, norm = clip_by_norm([0, 0], 1.0)
    assert norm == 0.0
    np.testing.assert_array_equal(clipped, [0.0, 0.0])


def test_a_norm_of_negative_entries_is_positive():
    clipped, norm = clip_by_norm([-3.0, -4.0], 1.0)
    assert norm == 5.0
    np.testing.assert_allclose(clipped, [-0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_the_norm_neither_overflows_nor_underflows(size):
    clipped, norm = clip_by_norm([np.array([3 * size]), np.array([-4 * size])], 1.0)
    assert norm == pytest.approx(5 * size, rel=1e-15)
    expected = [0.6, -0.8] if size > 1 else [3 * size, -4 * size]
    np.testing.assert_allclose(ravel(clipped)[0], expected, rtol=1e-15)


def test_the_float32_norm_is_computed_in_float64():
    grads = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    expected = np.linalg.norm(grads.astype(np.float64))
    assert clip_by_norm(grads, 1.0)[1] == pytest.approx(expected, rel=1e-13)


def test_the_float32_norm_does_not_overflow():
    clipped, norm = clip_by_norm(np.array([3e30, 4e30], np.float32), 1.0)
    assert norm == pytest.approx(5e30)
    np.testing.assert_allclose(clipped, [0.6, 0.8], rtol=1e-6)


# Bad input


def bad(make, options, error, message):
    return pytest.param(
        make, options, error, message, id=f"{getattr(make, '__name__', make)}({options})"
    )


def bad_numbers(make, name, needs, values, **others):
    """Cases of a real argument: no number, not finite, out of its range."""
    for value in ("0.1", None, True, np.array([0.1]), 1j):
        message = f"{name} needs a real number, got {value!r}"
        yield bad(make, {**others, name: value}, TypeError, message)
    for value in (NAN, INF, -INF, *values):
        message = f"{name} needs a finite number{needs}, got {value!r}"
        yield bad(make, {**others, name: value}, ValueError, message)


def bad_counts(make, name, **others):
    for value in ("1", 2.0, None, True):
        message = f"{name} needs an integer, got {value!r}"
        yield bad(make, {**others, name: value}, TypeError, message)
    for value in (0, -1):
        message = f"{name} needs an integer >= 1, got {value}"
        yield bad(make, {**others, name: value}, ValueError, message)


def bad_flags(make, name, **others):
    for value in ("yes", 1, 0, None):
        message = f"{name} needs True or False, got {value!r}"
        yield bad(make, {**others, name: value}, TypeError, message)


POSITIVE = " > 0", [0, -0.1]
NOT_NEGATIVE = " >= 0", [-1e-9]
FRACTION = " >= 0 < 1", [-1e-9, 1, 1.5]
INNER = " > 0 < 1", [0, 1, -0.5, 1.5]
FACTOR = " >= 1", [0.99, 0]
BAD_ARGUMENTS = [
    *bad_numbers(sgd, "lr", *POSITIVE),
    *bad_numbers(sgd, "momentum", *FRACTION, lr=0.1),
    *bad_numbers(sgd, "weight_decay", *NOT_NEGATIVE, lr=0.1),
    *bad_flags(sgd, "nesterov", lr=0.1, momentum=0.9),
    bad(sgd, {"lr": 0.1, "nesterov": True}, ValueError, "nesterov needs a momentum > 0"),
    *bad_numbers(adagrad, "lr", *POSITIVE),
    *bad_numbers(adagrad, "lr_decay", *NOT_NEGATIVE),
    *bad_numbers(adagrad, "weight_decay", *NOT_NEGATIVE),
    *bad_numbers(adagrad, "initial_accumulator_value", *NOT_NEGATIVE),
    *bad_numbers(adagrad, "eps", *NOT_NEGATIVE),
    *bad_numbers(rmsprop, "lr", *POSITIVE),
    *bad_numbers(rmsprop, "alpha", *FRACTION),
    *bad_numbers(rmsprop, "eps", *NOT_NEGATIVE),
    *bad_numbers(rmsprop, "weight_decay", *NOT_NEGATIVE),
    *bad_numbers(rmsprop, "momentum", *FRACTION),
    *bad_flags(rmsprop, "centered"),
    *(
        case
        for make in (adam, adamw)
        for case in (
            *bad_numbers(make, "lr", *POSITIVE),
            *bad_numbers(make, "beta1", *FRACTION),
            *bad_numbers(make, "beta2", *FRACTION),
            *bad_numbers(make, "eps", *NOT_NEGATIVE),
            *bad_numbers(make, "weight_decay", *NOT_NEGATIVE),
            *bad_flags(make, "amsgrad"),
        )
    ),
    *bad_numbers(constant, "lr", *POSITIVE),
    *bad_numbers(step_decay, "lr", *POSITIVE, every=2),
    *bad_counts(step_decay, "every", lr=0.1),
    *bad_numbers(step_decay, "gamma", *INNER, lr=0.1, every=2),
    *bad_numbers(exponential, "lr", *POSITIVE, gamma=0.5),
    *bad_numbers(exponential, "gamma", *INNER, lr=0.1),
    *bad_numbers(cosine, "lr", *POSITIVE, n_steps=2),
    *bad_counts(cosine, "n_steps", lr=0.1),
    *bad_numbers(cosine, "min_lr", " >= 0 < 0.1", [-1e-9, 0.1, 0.2], lr=0.1, n_steps=2),
    *bad_numbers(linear_warmup, "lr", *POSITIVE, n_steps=2),
    *bad_counts(linear_warmup, "n_steps", lr=0.1),
    *bad_numbers(linear_warmup, "start_factor", *INNER, lr=0.1, n_steps=2),
    *bad_numbers(one_cycle, "max_lr", *POSITIVE, n_steps=2),
    *bad_counts(one_cycle, "n_steps", max_lr=0.1),
    *bad_numbers(one_cycle, "pct_start", *INNER, max_lr=0.1, n_steps=2),
    *bad_numbers(one_cycle, "div_factor", *FACTOR, max_lr=0.1, n_steps=2),
    *bad_numbers(one_cycle, "final_div_factor", *FACTOR, max_lr=0.1, n_steps=2),
    *bad_numbers(clip_by_norm, "max_norm", *POSITIVE, grads=np.ones(2)),
    bad(clip_by_norm, {"grads": [1.0, NAN], "max_norm": 1.0}, NotFiniteError, "grads needs finite"),
    bad(clip_by_norm, {"grads": {"b": [INF]}, "max_norm": 1}, NotFiniteError, "grads['b'] needs"),
    bad(clip_by_norm, {"grads": ["a"], "max_norm": 1}, TypeError, "grads needs real numbers"),
    bad(clip_by_norm, {"grads": {}, "max_norm": 1}, ValueError, "grads needs at least one array"),
]


@pytest.mark.parametrize(("make", "options", "error", "message"), BAD_ARGUMENTS)
def test_a_bad_argument_is_named(make, options, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        make(**options)


EDGES = [
    (sgd, {"lr": 5e-324, "momentum": 0, "weight_decay": 0}),
    (adagrad, {"lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0, "eps": 0}),
    (rmsprop, {"alpha": 0, "eps": 0, "weight_decay": 0, "momentum": 0, "centered": np.True_}),
    (adam, {"beta1": 0, "beta2": 0, "eps": 0, "weight_decay": 0, "amsgrad": np.False_}),
    (adamw, {"beta1": 0, "beta2": 0, "eps": 0, "weight_decay": 0}),
]


@pytest.mark.parametrize(("make", "options"), EDGES)
def test_the_edges_of_the_ranges_are_allowed(make, options):
    assert isinstance(make(**options), Optimizer)


def test_the_edges_of_the_schedules_are_allowed():
    assert step_decay(1.0, 1, gamma=0.5)(1) == 0.5
    assert cosine(1.0, 1, min_lr=0)(1) == 0
    assert linear_warmup(1.0, 1)(1) == 1
    assert one_cycle(1.0, 1, div_factor=1, final_div_factor=1)(0) == 1


@pytest.mark.parametrize("schedule", SCHEDULES[:-1], ids=lambda schedule: schedule[0])
def test_a_schedules_step_is_a_count(schedule):
    for t in (1.0, "1", None, True):
        with pytest.raises(TypeError, match=re.escape(f"t needs an integer, got {t!r}")):
            schedule[1](t)
    with pytest.raises(ValueError, match=r"^t needs an integer >= 0, got -1"):
        schedule[1](-1)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-0.1, ValueError, r"lr(1) needs a finite number >= 0, got -0.1"),
        (NAN, ValueError, r"lr(1) needs a finite number >= 0, got nan"),
        (INF, ValueError, r"lr(1) needs a finite number >= 0, got inf"),
        ("0.1", TypeError, r"lr(1) needs a real number, got '0.1'"),
        (None, TypeError, r"lr(1) needs a real number, got None"),
        (True, TypeError, r"lr(1) needs a real number, got True"),
    ],
)
@pytest.mark.parametrize("make", TORCH)
def test_a_schedules_bad_value_is_named(make, value, error, message):
    optimizer = make(lambda t: 0.1 if t == 0 else value)
    _, state = optimizer.update([1.0], optimizer.init([1.0]), [1.0])
    with pytest.raises(error, match="^" + re.escape(message)) as caught:
        optimizer.update([1.0], state, [1.0])
    assert not isinstance(caught.value, NotFiniteError)  # no divergence: the schedule is wrong


def test_a_warmed_up_schedules_bad_value_is_named():
    schedule = linear_warmup(lambda t: -1.0 if t == 3 else 1.0, n_steps=2)
    assert schedule(4) == 1.0
    with pytest.raises(ValueError, match=re.escape("lr(3) needs a finite number >= 0, got -1.0")):
        schedule(5)


GOOD = {"w": np.ones((2, 3)), "b": [np.ones(2)]}
BAD_GRADS = [
    ({"w": np.ones((2, 3))}, ValueError, "grads needs an array at grads['b'][0]"),
    ({**GOOD, "c": np.ones(1)}, ValueError, "grads has grads['c'], and params has no such array"),
    ({**GOOD, "b": [np.ones(2)] * 2}, ValueError, "grads has grads['b'][1]"),
    ({**GOOD, "w": np.ones((3, 2))}, ValueError, "grads['w'] needs the shape of params['w']"),
    ({**GOOD, "w": np.ones((1, 3))}, ValueError, "grads['w'] needs the shape of params['w']"),
    ({**GOOD, "w": 1.0}, ValueError, "grads['w'] needs the shape of params['w']"),
    (np.ones(8), ValueError, "grads needs an array at grads['w']"),
    ({**GOOD, "w": [["1"] * 3] * 2}, TypeError, "grads['w'] needs real numbers"),
    ({**GOOD, "w": 1j * np.ones((2, 3))}, TypeError, "grads['w'] needs real numbers"),
    ({**GOOD, "b": None}, TypeError, "grads['b'] needs real numbers"),
    ({**GOOD, "b": [np.array([1, NAN])]}, NotFiniteError, "grads['b'][0] needs finite numbers"),
    ({**GOOD, "b": [np.array([-INF, 1])]}, NotFiniteError, "grads['b'][0] needs finite numbers"),
    ({}, ValueError, "grads needs at least one array"),
]


@every_optimizer
@pytest.mark.parametrize(("grads", "error", "message"), BAD_GRADS)
def test_a_bad_gradient_is_named(optimizer, grads, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        optimizer.update(grads, optimizer.init(GOOD), GOOD)


@every_optimizer
def test_bad_parameters_are_named(optimizer):
    for params, error, message in [
        ({**GOOD, "w": np.full((2, 3), NAN)}, NotFiniteError, "params['w'] needs finite numbers"),
        ({**GOOD, "b": [["x", "y"]]}, TypeError, "params['b'] needs real numbers"),
        ({}, ValueError, "params needs at least one array"),
    ]:
        with pytest.raises(error, match="^" + re.escape(message)):
            optimizer.init(params)
        with pytest.raises(error, match="^" + re.escape(message)):
            optimizer.update(GOOD, optimizer.init(GOOD), params)


@every_optimizer
def test_another_optimizers_state_is_a_type_error(optimizer):
    own = type(optimizer.init(GOOD))
    others = {SGDState, AdagradState, RMSpropState, AdamState} - {own}
    assert len(others) == 3
    for other in others:
        state = other(0, *[GOOD] * (len(other._fields) - 1))
        message = f"^state needs this optimizer's {own.__name__}, got {other.__name__}$"
        with pytest.raises(TypeError, match=message):
            optimizer.update(GOOD, state, GOOD)
    with pytest.raises(TypeError, match=f"{own.__name__}, got NoneType$"):
        optimizer.update(GOOD, None, GOOD)


@every_optimizer
def test_the_state_of_other_parameters_is_named(optimizer):
    theta = np.ones(3)
    for field in type(optimizer.init(theta))._fields[1:]:
        for other in (np.ones((3, 1)), np.ones(1), [np.ones(3)]):
            state = optimizer.init(theta)._replace(**{field: other})
            with pytest.raises(ValueError, match=rf"^state\.{field}\S* (needs|has) .*\bparams\b"):
                optimizer.update(theta, state, theta)


OVERFLOWS = [
    # what would be silent: a second moment of infinity stops its parameter for ever
    (adagrad(), np.array([1e200]), np.array([1.0]), "next state.v needs finite numbers, got inf"),
    (rmsprop(), np.array([1e200]), np.array([1.0]), "next state.v needs finite numbers, got inf"),
    (adam(), np.array([1e200]), np.array([1.0]), "next state.v needs finite numbers, got inf"),
    (adamw(), np.array([1e200]), np.array([1.0]), "next state.v needs finite numbers, got inf"),
    (sgd(1.0, weight_decay=10), np.array([1e308]), np.array([1e308]), "updates needs finite"),
    (sgd(1.0), np.array([1e200]), np.ones(1, np.float32), "updates needs finite numbers"),
    (adagrad(eps=0), np.zeros(1), np.ones(1), "updates needs finite numbers, got nan"),
    (rmsprop(eps=0), np.zeros(1), np.ones(1), "updates needs finite numbers, got nan"),
    (adam(eps=0), np.zeros(1), np.ones(1), "updates needs finite numbers, got nan"),
    (adam(eps=0), np.array([1e-200]), np.ones(1), "updates needs finite numbers, got -inf"),
]


@pytest.mark.parametrize(("optimizer", "grads", "params", "message"), OVERFLOWS)
def test_what_overflows_in_the_step_is_an_error(optimizer, grads, params, message):
    with pytest.raises(NotFiniteError, match="^" + re.escape(message)):
        optimizer.update(grads, optimizer.init(params), params)


@pytest.mark.parametrize(
    ("params", "updates", "error", "message"),
    [
        (np.ones(2), np.ones((2, 1)), ValueError, "updates needs the shape of params, (2,)"),
        ([1.0, 2.0], [1.0], ValueError, "updates needs the shape of params, (2,)"),
        ({"w": [1.0]}, {"v": [1.0]}, ValueError, "updates needs an array at updates['w']"),
        (["a"], [1.0], TypeError, "params needs real numbers"),
        ([1.0], ["a"], TypeError, "updates needs real numbers"),
        ([NAN], [1.0], NotFiniteError, "params needs finite numbers"),
        ([1.0], [NAN], NotFiniteError, "updates needs finite numbers"),
    ],
)
def test_apply_updates_names_what_is_bad(params, updates, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        apply_updates(params, updates)


def test_the_table_has_every_optimizer_and_every_option():
    public = [
        function
        for name, function in inspect.getmembers(optimizers, inspect.isfunction)
        if not name.startswith(("_", "x_"))  # x_…: the copies of make mutants
        and function.__module__ == optimizers.__name__
    ]
    made = [f for f in public if inspect.signature(f).return_annotation is Optimizer]
    assert set(made) == set(TORCH)
    for make in made:
        used = {name for other, options in OPTIONS if other is make for name in options}
        assert used == set(inspect.signature(make).parameters)
