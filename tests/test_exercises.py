"""The checks of the exercises: right answers, typical wrong ones, and what they give away."""

import re
from pathlib import Path

import numpy as np
import pytest

from gdbp import exercises
from gdbp.autodiff import Value, gradient
from gdbp.backprop import Network
from gdbp.calculus import directional_derivative
from gdbp.exercises import Verdict, available, check, expects

CHAPTERS = sorted((Path(__file__).parents[1] / "docs" / "chapters").glob("*.md"))


# --- the answers of a reader who knows, and of readers who do not quite ---


def projection_error(f, g, x, v):
    v = v / np.linalg.norm(v)
    return g @ v - directional_derivative(f, x, v)


def root_grad(y, y_hat):
    return (y_hat - y) / np.sqrt(y.size * np.sum((y_hat - y) ** 2))


def one_matrix_twice(W, X, y):
    a = np.tanh(X @ W)
    delta = 2 * (a @ W - y) / y.size
    return a.T @ delta + X.T @ (delta @ W.T * (1 - a**2))


def three_layers(X, W2, W3, a1, a2, delta3):
    delta2 = delta3 @ W3.T * (1 - a2 * a2)
    return X.T @ (delta2 @ W2.T * (1 - a1 * a1))


def run_layers(a, W, n):
    for _ in range(n):
        a = (a @ W).tanh()
    return a


def checkpointed(W, X, segment=8):
    W, kept = Value(W), [X @ W]
    kept[0] = kept[0].data
    for _ in range(64 // segment):
        kept.append(run_layers(Value(kept[-1]), W, segment).data)
    g = gradient(lambda a: (a**2).mean(), kept[-1])
    for begin in reversed(kept[:-1]):
        start = Value(begin)
        run_layers(start, W, segment).backward(g)
        g = start.grad
    (X @ W).backward(g)
    return W.grad


def plain(W, X):
    W = Value(W)
    (run_layers(X @ W, W, 64) ** 2).mean().backward()
    return W.grad


def without_engine(W, X):
    grad, a = np.zeros_like(W), [X, X @ W]
    for _ in range(64):
        a.append(np.tanh(a[-1] @ W))
    delta = 2 * a[-1] / a[-1].size * (1 - a[-1] ** 2)
    for k in range(64, 0, -1):
        grad += a[k].T @ delta
        delta = delta @ W.T * (1 - a[k] ** 2 if k > 1 else 1)
    return grad + X.T @ delta


def repaired(params, X, y, slope=lambda z, a: 1 - a**2):
    (W1, b1), (W2, b2) = ((layer["W"], layer["b"]) for layer in params)
    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    delta2 = 2 / len(y) * (a1 @ W2 + b2 - y[:, np.newaxis])
    delta1 = delta2 @ W2.T * slope(z1, a1)
    first = {"W": X.T @ delta1, "b": delta1.sum(axis=0)}
    return [first, {"W": a1.T @ delta2, "b": delta2.sum(axis=0)}]


def unrepaired(params, X, y):
    return repaired(params, X, y, lambda z, a: 1 - z**2)


def running_mean(targets):
    return sum(targets) / len(targets)


def sigmoid(out, x):
    return 1 / (1 + np.exp(-x))


# Typed by hand or from a formula, not taken from the module under test.
RIGHT = {
    "1.1": ["descent", "Backpropagation", " both "],
    "1.2": [2.4, 0.56, 0.0144],
    "1.3": [144, 24_000_000],
    "2.1": [2, 1],
    "2.2": [8.04e-8, "too large"],
    "2.3": [1 / 12, 2.7e-4],
    "2.4": [4 / 3, -1 / 3, 4],
    "2.5": 0.8,
    "3.1": [[4, 7], 8, 65**0.5],
    "3.2": [1 / 3, 0.04505],
    "3.3": 0.001,
    "3.4": projection_error,
    "3.5": [[0, 0], 35.26, 0.3849],
    "4.1": [1.3125, [0.25, 0, -0.5, 1]],
    "4.2": root_grad,
    "4.3": [0.6786, 0.1046],
    "4.4": [2.3026, [0.1] * 3 + [-0.9] + [0.1] * 6],
    "5.1": [0.1, 0.09756, 39 / 41],
    "5.2": 4.5,
    "5.3": lambda curvature: 1 / curvature,
    "5.4": [1, 1],
    "6.1": ["no", 4],
    "6.2": [56, 0.003992, 55.8],
    "6.3": running_mean,
    "6.4": 0,
    "7.1": 1.357,
    "7.2": [1000, 1000, 1, 1, 1],
    "7.3": ["RMSprop", "adam", "adagrad"],
    "7.4": [[0.0748, 0.9972], [1, 1], 40.7],
    "8.1": [3, 4, 12],
    "8.2": sigmoid,
    "8.3": [1, 2],
    "8.4": [37_500, 530_000, 38_100, 12_650],
    "8.5": checkpointed,
    "9.1": [(32, 5), [6, 5], (32, 6), 1, 89],
    "9.2": [[[1, 0], [1, 0]], [1, 0], [[1], [0]], "no"],
    "9.3": three_layers,
    "9.4": one_matrix_twice,
    "9.5": [1, 1.5, 1.9],
    "10.1": [0.1, [-0.8, -1.6, 0.8, 1.6, -0.4, 0.16]],
    "10.2": ["w4", -1.05],
    "10.3": [2.9, [[2.1, 4.2], [4.2, 8.4]], [4.2, 8.4], [4.62, 3.15], 4.2],
    "10.4": 0.60525,
    "10.5": ["w1", 0.958649, "no"],
    "11.1": [0.75, 0.25],
    "11.2": [[4.2, 3.99], "none"],
    "11.3": np.copy,
    "11.4": [2, 0.4],
    "11.5": 4,
    "12.1": [-1 - 2.2**0.5, 2.2**0.5],
    "12.2": [2.2**0.5, 2 / 2.2],
    "12.3": [0, 3.805],
    "12.4": 1.0574,
    "13.1": 2 / 1.04,
    "13.2": [0.5774, 1.7e-5],
    "13.3": [27, 107],
    "13.4": [1.001, 2.718],
    "13.5": [0.0066, 0.00066],
    "14.1": repaired,
    "14.2": [0.7666, 2],
    "14.3": ["gradient check", "small steps", "overfit", "reference"],
    "14.4": ["sequential update", "no zero_grad", "schedule restarts"],
    "14.5": [["large numbers", "Overfit", "reference"], 5],
}
ALSO_RIGHT = [
    ("3.5", [[0, 0], 144.74, 0.3849]),
    ("10.3", [[[2.9]], [[2.1, 4.2], [4.2, 8.4]], [4.2, 8.4], [[4.62], [3.15]], [4.2]]),
    ("11.4", [2, -0.4]),
    ("12.2", np.array([-(2.2**0.5), 2 / 2.2])),
    ("12.3", [3.805, 0]),
    ("4.4", (np.log(10), np.where(np.arange(10) == 3, -0.9, 0.1).reshape(1, 10))),
    ("3.4", lambda f, g, x, v: g @ v - directional_derivative(f, x, v) * np.linalg.norm(v)),
    ("6.3", lambda y: y.mean().astype(np.float32) * np.float64(1)),
    ("13.3", [np.int64(27), np.uint8(107)]),
]


@pytest.mark.parametrize(
    ("exercise", "answer"), [*RIGHT.items(), *ALSO_RIGHT], ids=lambda value: str(value)[:20]
)
def test_the_right_answer_is_right(exercise, answer):
    verdict = check(exercise, answer)
    assert verdict, verdict.hint
    assert (verdict.ok, verdict.hint, str(verdict)) == (True, "", "Right.")


def test_every_check_is_tested():
    assert list(RIGHT) == available()


def wrong_at(exercise, **changes):
    """Return the right answer with some parts, by their name, changed."""
    right = RIGHT[exercise]
    return [changes.get(name, part) for name, part in zip(expects(exercise), right, strict=True)]


def fills(value):
    return lambda *args: value


WRONG = [
    ("1.1", wrong_at("1.1", a="both"), "a: Is the gradient at given weights"),
    ("1.1", wrong_at("1.1", b="descent"), "b: Read the update rule"),
    ("1.1", wrong_at("1.1", c="backpropagation"), "c: How many numbers"),
    ("1.2", [-2.4, 1.04, 1.1664], "gradient: The sign"),
    ("1.2", [1.2, 0.68, 0.1296], "gradient: A factor two is missing"),
    ("1.2", [12, -0.4, 1.96], "gradient: .* of the first step"),
    ("1.2", wrong_at("1.2", weight=1.04), "weight: That step goes up"),
    ("1.2", wrong_at("1.2", weight=-1.6), "weight: The learning rate is missing"),
    ("1.2", wrong_at("1.2", loss=0.36), "loss: .* before the step"),
    ("1.2", wrong_at("1.2", loss=-0.12), "loss: .* error"),
    ("1.3", [72, 24_000_000], "six: A central difference"),
    ("1.3", [144, 12_000_012], "million: .* forward differences"),
    ("2.1", [1, 2], "exchanged"),
    ("2.1", [3, 1], "central: The term with the third"),
    ("2.1", [2, 0], "forward: Are there other"),
    ("2.2", wrong_at("2.2", best=8.04e-6), "best: Differentiate"),
    ("2.2", wrong_at("2.2", default="too small"), "default: On which scale"),
    ("2.3", wrong_at("2.3", factor=1 / 24), "factor: Both sides"),
    ("2.3", wrong_at("2.3", step=6.055e-6), "step: That is the best step of the first"),
    ("2.4", [-1 / 3, 4 / 3, 4], "a and b are exchanged. The order is .a, b, order."),
    ("2.4", [4, -1, 4], "a: Does the sum"),
    ("2.4", wrong_at("2.4", order=3), "order: .* every other power"),
    ("2.5", 0.2, "first link"),
    ("2.5", 4.2, "multiplied"),
    ("3.1", wrong_at("3.1", gradient=[7, 4]), "gradient: .* reverse order"),
    ("3.1", wrong_at("3.1", gradient=[4, 7, 0]), r"gradient: It has the wrong shape, \(3,\)"),
    ("3.1", wrong_at("3.1", slope=40), "slope: The vector has to be divided"),
    ("3.1", wrong_at("3.1", steepest=65), "steepest: .* root"),
    ("3.2", [1 / 6, 0.04505], "half: .* either side"),
    ("3.2", [60, 0.04505], "half: .* degrees"),
    ("3.2", [1 / 3, 4.505], "nearly: .* per cent"),
    ("3.3", 1e-6, "mean of the square"),
    ("3.4", fills(0.0), "did not evaluate"),
    ("3.4", lambda f, g, x, v: f(x) - f(x), "does not see"),
    ("3.4", lambda f, g, x, v: f(x) - g @ v, "error in a right gradient"),
    (
        "3.4",
        lambda f, g, x, v: max(abs(directional_derivative(f, x, w)) for w in np.eye(2000)[:3]),
        "evaluated the function 6 times",
    ),
    ("3.4", lambda f, g: 0.0, "raised TypeError"),
    ("3.4", fills(None), "returns nothing"),
    ("3.5", wrong_at("3.5", gradient=[0, 1]), "gradient: Some entries are right"),
    ("3.5", wrong_at("3.5", gradient=[1, 1]), "gradient: What is the function on the axes"),
    ("3.5", wrong_at("3.5", angle=0.6155), "angle: Give the angle in degrees"),
    ("3.5", wrong_at("3.5", slope=0), "slope: A zero gradient"),
    ("4.1", wrong_at("4.1", loss=5.25), "loss: The factor of the mean"),
    ("4.1", wrong_at("4.1", loss=1.75), "loss: .* one sample more"),
    ("4.1", wrong_at("4.1", gradient=[1, 0, -2, 4]), "gradient: The factor of the mean"),
    ("4.1", wrong_at("4.1", gradient=[-0.25, 0, 0.5, -1]), "gradient: The sign"),
    ("4.1", wrong_at("4.1", gradient=[0.125, 0, -0.25, 0.5]), "gradient: The factor two"),
    ("4.1", wrong_at("4.1", gradient=[1 / 3, 0, -2 / 3, 1]), "gradient: The first entries"),
    ("4.2", lambda y, p: 2 * (p - y) / y.size, "slope of the root is missing"),
    ("4.2", lambda y, p: 2 * root_grad(y, p), "factor one half"),
    ("4.2", lambda y, p: root_grad(p, y), "sign is the other way"),
    ("4.2", lambda y, p: y.size * root_grad(y, p), "divide by the number of samples"),
    ("4.2", lambda y, p: root_grad(y, p).sum(), r"wrong shape, \(\)"),
    ("4.2", lambda y, p: np.cos(y) * p, "No typical mistake"),
    ("4.3", [1.4, 0.1046], "squares: "),
    ("4.3", [0.1046, 0.6786], "exchanged"),
    ("4.4", wrong_at("4.4", loss=1.0), "loss: .* nats"),
    ("4.4", wrong_at("4.4", gradient=[0.1] * 10), "gradient: Those are the probabilities"),
    ("5.1", [4.0, 0.09756, 39 / 41], "limit: .* flattest"),
    ("5.1", [0.09756, 0.1, 39 / 41], "limit and best are exchanged"),
    ("5.1", wrong_at("5.1", best=0.1), "best: At the limit"),
    ("5.1", wrong_at("5.1", factor=(39 / 41) ** 2), "factor: .* loss"),
    ("5.1", wrong_at("5.1", factor=41 / 39), "factor: It is the reciprocal"),
    ("5.1", [0.1, 0.09756], r"Pass a list \[limit, best, factor\]. This answer has 2"),
    ("5.1", 0.1, "This answer has 1"),
    ("5.2", 0, "By which factor"),
    ("5.2", 9, "twice"),
    ("5.3", lambda curvature: 2 / curvature, "limit"),
    ("5.3", lambda curvature: 1 / curvature**2, "How does the gradient depend"),
    ("5.3", lambda curvature: 1 / max(curvature, 1), "right for some inputs"),
    ("5.3", lambda curvature: 1 / (curvature - 3), "raised ZeroDivisionError"),
    ("5.3", lambda curvature: np.inf, "NaN or infinity"),
    ("5.4", wrong_at("5.4", condition=3), "condition: .* as a square"),
    ("5.4", wrong_at("5.4", condition=9), "condition: That is as before"),
    ("6.1", ["yes", 4], "exact: "),
    ("6.1", ["no", 0.25], "times: Is it the full batches"),
    ("6.2", wrong_at("6.2", size=55), "size: .* round up"),
    ("6.2", wrong_at("6.2", size=112), "size: .* half the mean squared"),
    ("6.2", wrong_at("6.2", rate=0.004), "rate: .* approximation"),
    ("6.2", wrong_at("6.2", slower=50.1), "slower: .* logarithms"),
    ("6.3", lambda y: y[-1], "The rate is to fade"),
    ("6.3", np.sum, "n times too large"),
    ("6.3", lambda y: sum(float(v) / t for t, v in enumerate(y)), "raised ZeroDivisionError"),
    ("6.4", 0.25 * 0.03 / 4, "Do they at this minimum"),
    ("6.4", 1e-3, "gradient of each single sample"),
    ("7.1", 3.8, "momentum"),
    ("7.1", 0.6429, "negative at the limit"),
    ("7.2", [1000, 1000, 1, 1, 1000], "adam: Is there anything"),
    ("7.2", [1, 1000, 1, 1, 1], "descent: It is the reciprocal|descent: Is there"),
    ("7.3", ["adam", "descent"], "One of them does not change"),
    ("7.3", {"adam"}, "Another one changes"),
    ("7.4", wrong_at("7.4", by_value=[0.075, 1]), "by_value: Each entry"),
    ("7.4", wrong_at("7.4", by_norm=[1, 1], by_value=[0.0748, 0.9972]), "exchanged"),
    ("7.4", wrong_at("7.4", angle=0.7105), "angle: Give the angle in degrees"),
    ("8.1", [2, 4, 12], "count: The inner product"),
    ("8.1", [3, 4, 4], "sum: The contributions are added"),
    ("8.2", lambda out, x: np.exp(x) / (1 + np.exp(x)), "NaN or infinity"),
    ("8.2", lambda out, x: sigmoid(x, out), "In the sigmoid stands x"),
    ("8.3", [1, 1], "entries: How many numbers"),
    ("8.4", wrong_at("8.4", right=12_500), "right: A product"),
    ("8.4", [530_000, 37_500, 38_100, 12_650], "right and left are exchanged"),
    ("8.5", plain, "the peak is high"),
    ("8.5", lambda W, X: plain(W, X) / 2, "not that of the plain way. A factor two"),
    ("8.5", lambda W, X: checkpointed(W, X, 1) + 0 * checkpointed(W, X), "only twice"),
    ("8.5", lambda W, X: W @ X, "raised ValueError"),
    ("8.5", without_engine, "Nothing was counted"),
    ("9.1", wrong_at("9.1", delta2=(5, 32)), "delta2: It is transposed"),
    ("9.1", wrong_at("9.1", dW2=(7, 6)), "dW2: .* first layer"),
    ("9.1", wrong_at("9.1", da1=(9, 9, 9)), "da1: A gradient has the shape"),
    ("9.1", wrong_at("9.1", db3=(32, 1)), "db3: All samples share"),
    ("9.1", wrong_at("9.1", db3=()), "db3: A bias is a vector"),
    ("9.1", wrong_at("9.1", count=77), "count: The biases"),
    ("9.2", wrong_at("9.2", dW1=[[1, 1], [0, 0]]), "dW1: It is transposed"),
    ("9.2", wrong_at("9.2", dW1=[1, 0]), r"dW1: It has the wrong shape, \(2,\)"),
    ("9.2", wrong_at("9.2", dW1=[[1, 0], [0, 0]]), "dW1: Which factors"),
    ("9.2", wrong_at("9.2", dW1=[[1, 1], [1, 1]]), "dW1: Is the slope"),
    ("9.2", wrong_at("9.2", db1=[0, 0]), "db1: Which factors"),
    ("9.2", wrong_at("9.2", dW2=[0, 1]), "dW2: That is so for the first unit"),
    ("9.2", wrong_at("9.2", revives="yes"), "revives: Which gradient"),
    ("9.3", lambda X, W2, W3, a1, a2, d: X.T @ (d @ W3.T @ W2.T), "slopes of both"),
    ("9.3", lambda X, W2, W3, a1, a2, d: X.T @ (d @ W3 @ W2), "raised ValueError: matmul"),
    ("9.3", lambda X, *rest: three_layers(X, *rest).T, "transposed"),
    ("9.4", lambda W, X, y: one_matrix_twice(W, X, y) / 2, "not averaged"),
    ("9.4", lambda W, X, y: one_matrix_twice(W, X, y).T, "transposed"),
    ("9.4", lambda W, X, y: W.fill(0) or X.T @ y, "changes its arguments"),
    ("9.5", [2, 2, 2], "One product is skipped"),
    ("9.5", [1.0, 1.5, 1.8], r"Look again at those with the index \[2\]"),
    ("10.1", wrong_at("10.1", y_hat=2.9), "y_hat: .* old sample"),
    (
        "10.1",
        wrong_at("10.1", gradient=[-0.8, 0.8, -1.6, 1.6, -0.4, 0.16]),
        "gradient: .* transpose",
    ),
    ("10.1", wrong_at("10.1", gradient=[1, 2, -1, -2, 0.5, -0.2]), "gradient: .* prediction"),
    ("10.2", ["w5", -1.05], "weight: The prediction moves more"),
    ("10.2", ["w4", -0.525], "change: The loss is a parabola"),
    ("10.2", ["w4", 1.05], "change: The sign"),
    ("10.3", wrong_at("10.3", y_hat=2.6), "y_hat: The output's bias"),
    ("10.3", wrong_at("10.3", db_h=[4.2, 4.2]), "db_h: On the way back"),
    ("10.3", wrong_at("10.3", dW_o=[4.2, 3.99]), "dW_o: .* without the biases"),
    ("10.3", wrong_at("10.3", db_o=1.26), "db_o: A bias has the factor one"),
    ("10.4", 1.4412, "slope of tanh is missing"),
    ("10.4", 2.1, "linear network"),
    ("10.5", wrong_at("10.5", first="w5"), "first: A weight that moves"),
    ("10.5", wrong_at("10.5", w5=0.958), "w5: .* fresh one"),
    ("10.5", wrong_at("10.5", between="yes"), "between: Compare"),
    ("11.1", [0.25, 0.75], "three and one are exchanged"),
    ("11.1", [1, 1], "three: .* too large"),
    ("11.2", [[0, 0], "none"], "output: What is on the near side"),
    ("11.2", [[4.2, 3.99], "zero"], "hidden: A zero would"),
    ("11.3", lambda weights: weights, "share one memory"),
    ("11.3", lambda weights: weights[:], "share one memory"),
    ("11.3", lambda weights: weights.copy() * 2, "as they are at that moment"),
    ("11.3", lambda weights: None, "returns nothing"),
    ("11.3", lambda weights: weights.sort_of(), "raised AttributeError"),
    ("11.3", lambda weights: weights.fill(0), "changes its arguments"),
    ("11.4", [0.5, 0.4], "ratio: It is the reciprocal"),
    ("11.4", [2, 0], "gap: Is this input"),
    ("11.5", 5, "count from zero"),
    ("11.5", 4.446, "whole numbers"),
    ("12.1", [-(2.2**0.5), 2.2**0.5], "w1: That is u"),
    ("12.1", [2.2**0.5 - 1, -(2.2**0.5)], "w1: .* branch"),
    ("12.2", [2.2, 2 / 2.2], "u: .* root"),
    ("12.2", [2.2**0.5, 1 / 2.2], "limit: There the distance"),
    ("12.3", [0, 1.9025], "factor two"),
    ("12.3", [3.805, 3.805], "Some entries are right"),
    ("12.4", 1.118, "fourth power"),
    ("12.4", 0.9457, "wrong way round"),
    ("13.1", 2, "negative half"),
    ("13.1", 0.52, "Make up for it"),
    ("13.2", [1 / 3, 1.7e-5], "factor: .* mean square"),
    ("13.3", [26, 107], "sigmoid: .* above the limit"),
    ("13.4", [0.001, 2.718], "factor: The input is added"),
    ("13.4", [1.001, np.inf], "end: There is NaN or infinity"),
    ("13.5", [4.3556e-5, 0.00066], "few: .* variance"),
    ("14.1", unrepaired, "The bug is still there"),
    ("14.1", lambda params, X, y: params[3], "raised IndexError"),
    ("14.2", [0.2334, 2], "forgotten: .* lost"),
    ("14.2", [0.7666, 4], "twice: One of the two factors"),
    ("14.3", ["gradient check", "batch mean"], "looks at the loss alone"),
    ("14.3", ["gradient check", "small steps", "overfit"], "Another one sees"),
    ("14.4", ["no zero_grad", "dead ReLU"], "In one of them, each step is the rate"),
    ("14.4", ["no zero_grad"], "Another bug makes a step"),
    ("14.5", [["overfit", "large numbers"], 5], "kit: Some bug is not caught"),
    ("14.5", [["overfit", "large numbers", "reference", "shapes"], 5], "kit: It is not the small"),
    ("14.5", wrong_at("14.5", size=4), "size: Some bug is not caught"),
]


@pytest.mark.parametrize(("exercise", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_a_hint_that_speaks_to_it(exercise, answer, hint):
    verdict = check(exercise, answer)
    assert not verdict
    assert re.search(hint, verdict.hint), verdict.hint
    assert str(verdict) == f"Not yet. {verdict.hint}"


def test_every_check_is_tested_with_a_wrong_answer():
    assert {exercise for exercise, _, _ in WRONG} == set(available())


# --- the tables of mistakes ---

EVERY_MISTAKE = [
    pytest.param(name, k, wrong, hint, id=f"{name}-{part.name}-{m}")
    for name in available()
    for k, part in enumerate(exercises._parts(name))
    for m, (wrong, hint) in enumerate(getattr(part, "mistakes", []))
]


def with_part(exercise, k, wrong):
    """Return the right answer with part k replaced."""
    if len(expects(exercise)) == 1:
        return wrong
    return [wrong if i == k else part for i, part in enumerate(RIGHT[exercise])]


@pytest.mark.parametrize(("exercise", "k", "wrong", "hint"), EVERY_MISTAKE)
def test_every_mistake_in_the_tables_gets_its_own_hint(exercise, k, wrong, hint):
    """None of them counts as right, or is hidden behind another."""
    verdict = check(exercise, with_part(exercise, k, wrong))
    assert not verdict
    assert verdict.hint.removeprefix(f"{expects(exercise)[k]}: ") == hint


# --- what can be seen from outside ---


def numbers_in(text):
    """The numbers of a text, without names such as w1, places and shapes."""
    text = re.sub(r"\[[\d, ]*\]|\([\d, ]*\)", "", text)
    return [float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)", text)]


def rights(exercise):
    """The right numbers and words of an exercise."""
    parts = exercises._parts(exercise)
    values = [getattr(part, "right", None) for part in parts]
    words = [v for v in values if isinstance(v, str)]
    arrays = [
        np.ravel(v)
        for v in values
        if v is not None and not callable(v) and np.asarray(v).dtype.kind in "iuf"
    ]
    return words, np.concatenate([*arrays, []])


ALL_HINTS = [
    *((name, answer) for name, answer, _ in WRONG),
    *((p.values[0], with_part(*p.values[:3])) for p in EVERY_MISTAKE),
]


@pytest.mark.parametrize("exercise", available())
def test_no_hint_holds_the_right_answer(exercise):
    words, numbers = rights(exercise)
    for name, answer in ALL_HINTS:
        if name == exercise:
            hint = check(name, answer).hint
            assert not [w for w in words if re.search(rf"\b{re.escape(w)}\b", hint.casefold())]
            for number in numbers_in(hint):
                assert not np.isclose(number, numbers, rtol=0.01).any(), hint


def test_nothing_public_shows_an_answer():
    assert set(exercises.__all__) == {"Verdict", "check", "expects", "available"}
    for name in available():
        assert all(part.isidentifier() for part in expects(name))
    assert repr(check("5.2", 4.5)) == "Right."
    assert repr(check("5.2", 9.0)) == "Not yet. It is twice as large as it should be."
    assert [check(name, answer) for name, answer in list(RIGHT.items())[:2]] == [Verdict(True)] * 2


def test_a_check_leaves_the_answer_as_it_is():
    answer = [0.1, np.array([-0.8, -1.6, 0.8, 1.6, -0.4, 0.16])]
    before = answer[1].copy()
    check("10.1", answer)
    assert np.array_equal(answer[1], before)


def test_the_list_of_checks():
    assert available(5) == ["5.1", "5.2", "5.3", "5.4"]
    assert available(11) == ["11.1", "11.2", "11.3", "11.4", "11.5"]
    assert available(99) == []
    assert available() == [name for page in range(1, 15) for name in available(page)]
    assert expects("5.1") == ["limit", "best", "factor"]


# --- the general mistakes, on an exercise of our own ---


@pytest.fixture
def exercise_with(monkeypatch):
    """Make an exercise whose answer is a number or an array."""

    def make(right, **options):
        part = exercises._Number("z", right, **options)
        monkeypatch.setitem(exercises._EXERCISES, "0.1", lambda: [part])

    return make


VECTOR = np.array([3.0, -5.0, 7.0])
MATRIX = np.array([[3.0, 5.0], [7.0, 11.0]])


@pytest.mark.parametrize(
    ("right", "answer", "hint"),
    [
        (VECTOR, -VECTOR, "The sign is the other way round."),
        (VECTOR, 2 * VECTOR, "twice as large"),
        (VECTOR, VECTOR / 2, "A factor two is missing"),
        (VECTOR, -2 * VECTOR, "The sign .* twice as large"),
        (VECTOR, -VECTOR / 2, "The sign .* factor two is missing"),
        (VECTOR, 3 * VECTOR, "n times too large"),
        (VECTOR, VECTOR / 3, "n times too small"),
        (VECTOR, 1 / VECTOR, "reciprocal"),
        (VECTOR, VECTOR**2, "the square of what"),
        (VECTOR, [3**0.5, 5**0.5, 7**0.5], "the root of what"),
        (VECTOR, 100 * VECTOR, "per cent"),
        (VECTOR, VECTOR[::-1], "reverse order"),
        (VECTOR, VECTOR[[1, 0, 2]], "another order"),
        (VECTOR, [3, -5, 8], r"the index \[2\]\."),
        (VECTOR, [3, 5, 8], r"the index \[1\], \[2\]\."),
        (VECTOR, VECTOR * 1.01, "It is close"),
        (VECTOR, VECTOR * 1.3, "No typical mistake"),
        (VECTOR, VECTOR[:2], r"wrong shape, \(2,\)"),
        (VECTOR, 3.0, r"wrong shape, \(\)"),
        (VECTOR, [3, np.nan, 7], "NaN or infinity"),
        (MATRIX, MATRIX.T, "It is transposed"),
        (MATRIX, np.flip(MATRIX), "reverse order"),
        (MATRIX, MATRIX[::-1], "another order"),
        (MATRIX, [[3, 5], [7, 12]], r"the index \[1, 1\]"),
        (MATRIX[:1], MATRIX.T[:1], "Some entries are right"),
        (np.ones((2, 3)) * 3, 3 * np.ones((3, 2)), "It is transposed"),
        (5.0, -5.0, "The sign"),
        (5.0, 0.2, "reciprocal"),
        (5.0, 5.1, "It is close"),
        (5.0, 17.0, "No typical mistake"),
        (5.0, np.inf, "NaN or infinity"),
        (0.0, 1.0, "No typical mistake"),
        (np.array([0.0, 4.0]), [0.0, 5.0], r"the index \[1\]\."),
    ],
)
def test_general_mistakes(exercise_with, right, answer, hint):
    exercise_with(right)
    verdict = check("0.1", answer)
    assert not verdict
    assert re.search(hint, verdict.hint), verdict.hint
    assert verdict.hint.startswith(("It", "The", "A ", "Some", "No", "There"))


@pytest.mark.parametrize(
    ("right", "answer"),
    [
        (VECTOR, VECTOR * (1 + 9e-4)),
        (VECTOR, [[3], [-5], [7]]),
        (np.array([1.0, 0.0]), [1.0, 9e-7]),
        (np.zeros(2), [9e-7, -9e-7]),
        (5.0, [[5.0]]),
        (MATRIX, MATRIX.astype(np.float32)),
        (5, np.int8(5)),
        (200.0, np.uint8(200)),
    ],
)
def test_right_up_to_rounding_axes_and_types(exercise_with, right, answer):
    exercise_with(right)
    assert check("0.1", answer)


@pytest.mark.parametrize(
    ("right", "answer"),
    [
        (VECTOR, VECTOR * (1 + 1.2e-3)),
        (np.array([1.0, 0.0]), [1.0, 2e-6]),
        (np.zeros(2), [2e-6, 0.0]),
    ],
)
def test_wrong_beyond_the_tolerance(exercise_with, right, answer):
    exercise_with(right)
    assert not check("0.1", answer)


def test_tolerance_alternatives_and_the_last_word(exercise_with):
    exercise_with(4.0, rtol=0.1, also=[8.0], otherwise="Think again.")
    assert check("0.1", 4.3)
    assert check("0.1", 8.0)
    assert check("0.1", 47.0).hint == "Think again."


def test_two_numbers_are_exchanged_only_if_that_is_all(monkeypatch):
    parts = [exercises._Number(name, right) for name, right in zip("abc", (3, 7, 11), strict=True)]
    monkeypatch.setitem(exercises._EXERCISES, "0.1", lambda: parts)
    assert check("0.1", [11, 7, 3]).hint == "a and c are exchanged. The order is [a, b, c]."
    assert check("0.1", [7, 11, 3]).hint.startswith("a: No typical")
    assert check("0.1", [7, 4, 11]).hint.startswith("a: No typical")
    assert check("0.1", [4, 3, 11]).hint.startswith("a: No typical")
    assert check("0.1", [3, 4, 11]).hint.startswith("b: No typical")


# --- bad input ---


@pytest.mark.parametrize(
    ("exercise", "answer", "error", "match"),
    [
        (5.1, 0, TypeError, 'exercise needs a string such as "5.1", got 5.1'),
        (None, 0, TypeError, "exercise needs a string"),
        ("5.9", 0, ValueError, r"exercise needs one of '5.1', '5.2', '5.3', '5.4', got '5.9'"),
        ("5", 0, ValueError, r"exercise needs one of '5.1', '5.2', '5.3', '5.4', got '5'"),
        ("99.1", 0, ValueError, r"exercise needs one of '1.1', '1.2', .*, got '99.1'"),
        ("0.1", 0, ValueError, r"exercise needs one of '1.1', '1.2', .*, got '0.1'"),
        ("", 0, ValueError, r"exercise needs one of '1.1', .*, got ''"),
        ("five", 0, ValueError, r"exercise needs one of '1.1', .*, got 'five'"),
        ("5.2", "4.5", TypeError, "answer's loss needs real numbers, got dtype <U3"),
        ("5.2", None, TypeError, "answer's loss needs real numbers, got dtype object"),
        ("5.2", 4.5j, TypeError, "answer's loss needs real numbers, got dtype complex128"),
        ("5.2", True, TypeError, "answer's loss needs real numbers, got True"),
        ("5.2", [], ValueError, r"answer's loss needs at least one number, got shape \(0,\)"),
        ("5.1", ["a", 1, 2], TypeError, "answer's limit needs real numbers, got dtype <U1"),
        ("5.1", "abc", TypeError, r"answer needs a list \[limit, best, factor\], got 'abc'"),
        ("5.1", None, TypeError, r"answer needs a list \[limit, best, factor\], got None"),
        ("5.1", {"limit": 1}, TypeError, "answer needs a list"),
        ("5.1", {1, 2, 3}, TypeError, "answer needs a list"),
        ("3.1", [[[1], [1, 2]], 1, 1], ValueError, "answer's gradient needs rows of equal"),
        ("1.1", [1, "both", "both"], TypeError, "answer's a needs a word, got 1"),
        (
            "1.1",
            ["neither", "both", "both"],
            ValueError,
            "answer's a needs one of 'backpropagation', 'both', 'descent', got 'neither'",
        ),
        ("7.3", "adam", TypeError, "answer's changed needs a list of words, got 'adam'"),
        ("7.3", 3, TypeError, "answer's changed needs a list of words, got 3"),
        ("7.3", [3], TypeError, "answer's changed needs a word, got 3"),
        ("7.3", ["sgd"], ValueError, "answer's changed needs one of 'adagrad', 'adam', 'descent'"),
        ("9.1", [(5.0, 2), 1, 1, 1, 1], TypeError, "answer's delta2 needs an integer, got 5.0"),
        ("9.1", [(-1, 2), 1, 1, 1, 1], ValueError, "answer's delta2 needs an integer >= 0"),
        ("9.1", ["32", 1, 1, 1, 1], TypeError, "answer's delta2 needs an integer, got '32'"),
        ("9.2", ["x", 1, 1, "no"], TypeError, "answer's dW1 needs real numbers"),
        ("5.3", 0.5, TypeError, "answer's rate needs a function, got 0.5"),
        ("5.3", lambda curvature: "x", TypeError, "answer's result needs real numbers"),
        ("3.4", 0.5, TypeError, "answer's projection_error needs a function, got 0.5"),
        ("14.1", [1], TypeError, r"answer's grads needs a function, got \[1\]"),
    ],
)
def test_bad_input_is_named(exercise, answer, error, match):
    with pytest.raises(error, match=match):
        check(exercise, answer)


def test_expects_and_available_name_bad_input():
    with pytest.raises(ValueError, match=r"exercise needs one of '5.1', .*, got '5.9'"):
        expects("5.9")
    with pytest.raises(TypeError, match="exercise needs a string"):
        expects(5)
    with pytest.raises(ValueError, match="page needs an integer >= 1, got 0"):
        available(0)
    with pytest.raises(TypeError, match="page needs an integer, got '5'"):
        available("5")


# --- the pages ---

PAGES = "\n".join(file.read_text(encoding="utf-8") for file in CHAPTERS)
SECTIONS = dict(
    re.findall(
        r"^### Exercise (\d+\.\d+) .*?\n(.*?)(?=^\(exercise-|^## |\Z)",
        PAGES,
        re.MULTILINE | re.DOTALL,
    )
)


def test_every_exercise_has_a_check():
    assert sorted(available()) == sorted(SECTIONS)


@pytest.mark.parametrize("exercise", available())
def test_the_page_says_what_to_pass_and_the_solution_passes_it(exercise):
    question, _, solution = SECTIONS[exercise].partition("```{solution}\n")
    (passed,) = re.findall(
        rf'^\*Check:\* `exercises\.check\("{exercise}", (.+?)\)`', question, re.M
    )
    names = expects(exercise)
    assert passed == (names[0] if len(names) == 1 else f"[{', '.join(names)}]")
    assert f'verdict = exercises.check("{exercise}", ' in solution
    assert re.search(r"^assert verdict\.ok", solution, re.M)


def test_a_page_has_no_other_checks():
    told = re.findall(r'\*Check:\* `exercises\.check\("([\d.]+)"', PAGES)
    assert sorted(told) == sorted(available())


def test_the_bug_of_the_museum_is_the_one_that_is_checked():
    network = Network(["tanh", "identity"])
    rng = np.random.default_rng(1)
    params = [
        {"W": rng.normal(size=(4, 3)), "b": rng.normal(size=3)},
        {"W": rng.normal(size=(3, 1)), "b": rng.normal(size=1)},
    ]
    X, y = rng.normal(size=(5, 4)), rng.normal(size=5)
    want = network.grads(params, X, y[:, np.newaxis])
    got = repaired(params, X, y)
    for layer, wanted in zip(got, want, strict=True):
        np.testing.assert_allclose(layer["W"], wanted["W"], rtol=1e-12)
        np.testing.assert_allclose(layer["b"], wanted["b"], rtol=1e-12)
