r"""Checks for the exercises of the pages: right or wrong, and a hint that speaks to the mistake.

Each exercise is a function below that computes its right answer, and beside it the answers that
typical mistakes lead to, each with a hint. Nothing is computed before an answer is checked, and no
hint holds the right answer.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from gdbp import _checks
from gdbp._checks import Array
from gdbp._trees import ravel
from gdbp.autodiff import Value, backward_steps, count_operations
from gdbp.backprop import Network, init_params, worked_example
from gdbp.calculus import derivative, directional_derivative, gradient
from gdbp.descent import minimize
from gdbp.losses import mse, mse_grad, softmax_cross_entropy, softmax_cross_entropy_grad
from gdbp.optimizers import Optimizer, adagrad, adam, clip_by_norm, rmsprop, sgd
from gdbp.surfaces import restrict

__all__ = ["Verdict", "available", "check", "expects"]  # the rest would give answers away


@dataclass(frozen=True, repr=False)
class Verdict:
    """What `check` says of an answer. It is true where the answer is right.

    Attributes:
        ok: Whether the answer is right, all parts of it.
        hint: What to look at; empty where the answer is right.
    """

    ok: bool
    hint: str = ""

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return "Right." if self.ok else f"Not yet. {self.hint}"

    def __repr__(self) -> str:  # what a notebook shows
        return str(self)


def check(exercise: str, answer: Any) -> Verdict:
    """Tell whether an answer to an exercise is right, and give a hint where it is not.

    Args:
        exercise: The exercise's number, such as "5.1".
        answer: What the exercise's line *Check* asks for: a number, an array, one of the words it
            names, or a function; a list of them where it asks for several.

    Returns:
        The verdict. Its hint is about the first part of the answer that is wrong. An answer of
        another shape, with NaN or infinity, or a function that raises, is wrong and gets a hint.

    Raises:
        TypeError: `exercise` is not a string, or a part of `answer` is of another kind: a string
            for a number, a number for a function.
        ValueError: The exercise is unknown, or a part of `answer` is empty, ragged
            or a word that the exercise does not name.

    Note:
        Numbers may be rounded: most are compared to one part in a thousand.

    Examples:
        >>> check("5.1", [4.0, 0.1, 0.5])
        Not yet. limit: That is the limit of the flattest direction. Others diverge before.
        >>> check("5.1", [4.0, 0.1, 0.5]).ok
        False
    """
    parts = _parts(exercise)
    answers = _split(parts, answer)
    if isinstance(answers, Verdict):
        return answers
    hints = [part.hint(found) for part, found in zip(parts, answers, strict=True)]
    exchanged = _exchanged(parts, answers, hints)
    if exchanged:
        return Verdict(False, exchanged)
    for part, hint in zip(parts, hints, strict=True):
        if hint is not None:
            return Verdict(False, hint if len(parts) == 1 else f"{part.name}: {hint}")
    return Verdict(True)


def expects(exercise: str) -> list[str]:
    """Name what `check` expects for an exercise, in order.

    Args:
        exercise: The exercise's number, such as "5.1".

    Returns:
        A name for each part of the answer. An answer of one part is passed without a list.

    Raises:
        TypeError: `exercise` is not a string.
        ValueError: The exercise is unknown.

    Examples:
        >>> expects("5.1")
        ['limit', 'best', 'factor']
    """
    return [part.name for part in _parts(exercise)]


def available(page: int | None = None) -> list[str]:
    """List the exercises that have a check.

    Args:
        page: The page's number; all pages by default.

    Returns:
        The exercises' numbers, in the order of the book; none for a page without checks.

    Raises:
        TypeError: `page` is not an integer.
        ValueError: `page` < 1.

    Examples:
        >>> available(5)
        ['5.1', '5.2', '5.3', '5.4']
    """
    if page is None:
        return list(_EXERCISES)
    _checks.integer("page", page, minimum=1)
    return [name for name in _EXERCISES if name.startswith(f"{page}.")]


# --- how an answer is judged ---


class _Part(Protocol):
    """A part of an answer. `hint` gives None where it is right."""

    @property
    def name(self) -> str: ...

    def hint(self, found: Any) -> str | None: ...


Mistakes = Sequence[tuple[Any, str]]
"""What typical mistakes lead to, each with the hint that speaks to it."""

_UNEXPLAINED = "No typical mistake explains this. Try the formula on a case you can do by hand."
_SOMETIMES_RIGHT = "It is right for some inputs and wrong for others."
_NOT_FINITE = "There is NaN or infinity in it. Did something overflow, or was it divided by zero?"


@dataclass(frozen=True)
class _Number:
    """A number or an array of numbers."""

    name: str
    right: Any
    mistakes: Mistakes = ()
    otherwise: str = _UNEXPLAINED
    also: Sequence[Any] = ()
    rtol: float = 1e-3

    def hint(self, found: Any) -> str | None:
        array = _number_array(self.name, found)
        if not np.isfinite(array).all():
            return _NOT_FINITE
        right = np.asarray(self.right, dtype=np.float64)
        if any(_close(array, value, self.rtol) for value in (right, *self.also)):
            return None
        for value, hint in (*self.mistakes, *_general_mistakes(right)):
            if _close(array, value, self.rtol):
                return hint
        return _by_entries(array, right, self.rtol) or self.otherwise


def _number_array(name: str, found: Any) -> Array:
    if _checks.as_array(f"answer's {name}", found).dtype.kind == "b":
        raise TypeError(f"answer's {name} needs real numbers, got {found!r}")
    return _checks.float_array(f"answer's {name}", found, finite=False)


def _close(found: Array, value: Any, rtol: float) -> bool:
    """Whether two arrays agree, with axes of length 1 left out."""
    found, value = np.squeeze(found), np.squeeze(np.asarray(value, dtype=np.float64))
    return found.shape == value.shape and bool(_agree(found, value, rtol).all())


def _agree(found: Array, value: Array, rtol: float) -> Any:
    """Tell for each entry whether it agrees; zeros are judged by the largest of the others."""
    scale = np.abs(value).max() or 1.0
    return np.isclose(found, value, rtol=rtol, atol=rtol * 1e-3 * scale)


def _general_mistakes(right: Array) -> Iterator[tuple[Array, str]]:
    """Yield the mistakes that can be made with any number."""
    yield -right, "The sign is the other way round."
    yield 2 * right, "It is twice as large as it should be."
    yield right / 2, "A factor two is missing: from a square, or from two sides?"
    yield -2 * right, "The sign is the other way round, and it is twice as large as it should be."
    yield -right / 2, "The sign is the other way round, and a factor two is missing."
    if right.ndim == 2:
        yield right.T, "It is transposed: rows and columns are exchanged."
    if right.size > 1:
        yield np.flip(right), "The values are right, but stand in the reverse order."
        yield right * right.size, "It is n times too large: a sum where a mean is asked for."
        yield right / right.size, "It is n times too small: was it divided by n twice?"
    if np.all(right != 0):
        yield 1 / right, "It is the reciprocal of what is asked for."
    yield right**2, "It is the square of what is asked for: a root is missing."
    yield np.sqrt(np.abs(right)), "It is the root of what is asked for: a square was forgotten."
    yield 100 * right, "It is in per cent. Give the plain ratio."


def _by_entries(found: Array, right: Array, rtol: float) -> str | None:
    """Tell what can be told from the shape, the order and the right entries of an answer."""
    shape = _of_another_shape(found, right)
    if shape:
        return shape
    found, right = np.squeeze(found), np.squeeze(right)
    if _close(np.sort(found.ravel()), np.sort(right.ravel()), rtol):
        return "The values are right, but stand in another order."
    wrong = ~_agree(found, right, rtol)
    if 0 < wrong.sum() < right.size:
        where = ", ".join(str(np.argwhere(wrong)[k].tolist()) for k in range(wrong.sum()))
        return f"Some entries are right. Look again at those with the index {where}."
    if _close(found, right, 0.03):
        return "It is close. Was it rounded early, or is it an approximation?"
    return None


def _of_another_shape(found: Any, right: Any) -> str | None:
    if np.squeeze(found).shape in (np.squeeze(right).shape, np.squeeze(right).T.shape):
        return None
    return f"It has the wrong shape, {np.shape(found)}."


@dataclass(frozen=True)
class _Choice:
    """One of a few words."""

    name: str
    right: str
    mistakes: Mistakes

    def hint(self, found: Any) -> str | None:
        options = sorted([self.right, *(option for option, _ in self.mistakes)])
        return dict(self.mistakes).get(_word(self.name, found, options))


@dataclass(frozen=True)
class _Words:
    """Some of a few words, in any order."""

    name: str
    right: Sequence[str]
    others: Sequence[str]
    missing: str
    wrong: str

    def hint(self, found: Any) -> str | None:
        if isinstance(found, str) or not np.iterable(found):
            raise TypeError(f"answer's {self.name} needs a list of words, got {found!r}")
        options = sorted([*self.right, *self.others])
        words = {_word(self.name, word, options) for word in found}
        if words - set(self.right):
            return self.wrong
        return self.missing if words != set(self.right) else None


def _word(name: str, found: Any, options: Sequence[str]) -> str:
    if not isinstance(found, str):
        raise TypeError(f"answer's {name} needs a word, got {found!r}")
    return _checks.choice(f"answer's {name}", found.strip().casefold(), options)


@dataclass(frozen=True)
class _Shape:
    """The shape of an array."""

    name: str
    right: tuple[int, ...]
    mistakes: Mistakes

    def hint(self, found: Any) -> str | None:
        sizes = found if isinstance(found, tuple | list) else (found,)
        shape = tuple(_checks.integer(f"answer's {self.name}", k, minimum=0) for k in sizes)
        if shape == self.right:
            return None
        general = [(self.right[::-1], "It is transposed: rows and columns are exchanged.")]
        for value, hint in [*self.mistakes, *general]:
            if shape == value:
                return str(hint)
        return "A gradient has the shape of what it belongs to. Which array is that?"


@dataclass(frozen=True)
class _Zeros:
    """An array of which only the place of the zeros counts."""

    name: str
    right: Array
    mistakes: Mistakes = ()

    def hint(self, found: Any) -> str | None:
        array = np.squeeze(_number_array(self.name, found))
        pattern = np.squeeze(self.right) != 0
        if array.shape != pattern.shape:
            return f"It has the wrong shape, {array.shape}."
        if np.array_equal(array != 0, pattern):
            return None
        for value, hint in self.mistakes:
            if np.array_equal(array != 0, np.squeeze(value) != 0):
                return str(hint)
        return "Which factors does this entry have, and which of them is zero?"


@dataclass(frozen=True)
class _Code:
    """A function, judged by what it returns for a few inputs."""

    name: str
    right: Callable[..., Any]
    inputs: Sequence[tuple[Any, ...]]
    mistakes: Sequence[tuple[Callable[..., Any], str]] = ()
    rtol: float = 1e-6

    def hint(self, found: Any) -> str | None:
        """Compare with the right function, then with wrong ones: the same mistake everywhere."""
        _checks.function(f"answer's {self.name}", found)
        hints = set()
        for args in self.inputs:
            result = _call(found, args)
            if isinstance(result, str):
                return result
            hints.add(self._number(args).hint(result))
        mistakes = hints - {None, _UNEXPLAINED}
        if len(mistakes) == 1 or hints == {None}:
            return hints.pop() if hints == {None} else mistakes.pop()
        return _SOMETIMES_RIGHT if None in hints else _UNEXPLAINED

    def _number(self, args: tuple[Any, ...]) -> _Number:
        mistakes = [(wrong(*args), hint) for wrong, hint in self.mistakes]
        return _Number("result", self.right(*args), mistakes, rtol=self.rtol)


def _call(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the reader's function on copies; a string says what is wrong with it."""
    copies = [np.array(arg) if _is_array(arg) else arg for arg in args]
    result, complaint = _call_on_itself(function, copies)
    return complaint or np.asarray(result)


def _call_on_itself(function: Callable[..., Any], args: Sequence[Any]) -> tuple[Any, str]:
    """Call the reader's function; return its result, and what is wrong with it, if anything is."""
    before = [np.array(arg) if _is_array(arg) else arg for arg in args]
    try:
        with np.errstate(all="ignore"):
            result = function(*args)
    except Exception as error:  # whatever the reader's code raises is for the reader to see
        return None, f"The function raised {type(error).__name__}: {error}"
    if any(not np.array_equal(a, b) for a, b in zip(args, before, strict=True) if _is_array(a)):
        return None, "The function changes its arguments. Compute new arrays instead."
    return result, "The function returns nothing." if result is None else ""


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


@dataclass(frozen=True)
class _Judged:
    """A function, judged by code of its own."""

    name: str
    judge: Callable[[Callable[..., Any]], str | None]

    def hint(self, found: Any) -> str | None:
        return self.judge(_checks.function(f"answer's {self.name}", found))


def _split(parts: Sequence[_Part], answer: Any) -> list[Any] | Verdict:
    """Return the parts of an answer, or the verdict that their number is wrong."""
    if len(parts) == 1:
        return [answer]
    names = ", ".join(part.name for part in parts)
    if answer is None or isinstance(answer, str | dict | set):
        raise TypeError(f"answer needs a list [{names}], got {answer!r}")
    answers = list(answer) if np.iterable(answer) else [answer]
    if len(answers) != len(parts):
        return Verdict(False, f"Pass a list [{names}]. This answer has {len(answers)} of them.")
    return answers


def _exchanged(
    parts: Sequence[_Part], answers: Sequence[Any], hints: Sequence[str | None]
) -> str | None:
    """Name two numbers, if they alone are wrong and each would be right in the other's place."""
    wrong = [k for k, hint in enumerate(hints) if hint is not None]
    if len(wrong) != 2 or not all(isinstance(parts[k], _Number) for k in wrong):
        return None
    i, j = wrong
    if parts[i].hint(answers[j]) is not None or parts[j].hint(answers[i]) is not None:
        return None
    names = ", ".join(part.name for part in parts)
    return f"{parts[i].name} and {parts[j].name} are exchanged. The order is [{names}]."


_EXERCISES: dict[str, Callable[[], list[_Part]]] = {}


def _exercise(name: str) -> Callable[[Callable[[], list[_Part]]], Callable[[], list[_Part]]]:
    def register(parts: Callable[[], list[_Part]]) -> Callable[[], list[_Part]]:
        _EXERCISES[name] = cache(parts)
        return parts

    return register


def _parts(exercise: str) -> list[_Part]:
    """Compute the parts of the right answer, with their mistakes."""
    if not isinstance(exercise, str):
        raise TypeError(f'exercise needs a string such as "5.1", got {exercise!r}')
    page = exercise.partition(".")[0]
    known = available(int(page) if page.isdecimal() and int(page) else None)
    _checks.choice("exercise", exercise, known or available())
    return _EXERCISES[exercise]()


# --- page 1, start here ---


@_exercise("1.1")
def _backpropagation_or_descent() -> list[_Part]:
    no_update = "Read the update rule again. Is anything in it different?"
    return [
        _Choice(
            "a",
            "descent",
            [
                ("backpropagation", "Does η appear in the formula of the gradient?"),
                ("both", "Is the gradient at given weights another one if η is?"),
            ],
        ),
        _Choice("b", "backpropagation", [("descent", no_update), ("both", no_update)]),
        _Choice(
            "c",
            "both",
            [
                ("backpropagation", "How many numbers does an update have to change?"),
                ("descent", "How many partial derivatives have to be computed?"),
            ],
        ),
    ]


@_exercise("1.2")
def _second_step() -> list[_Part]:
    x, y, w, lr = 2.0, 1.0, 0.8, 0.1
    g = mse_grad(y, w * x) * x
    factor = "A factor two is missing: of the square, or the slope x of the prediction."
    return [
        _Number(
            "gradient",
            g,
            [
                (g / 2, factor),
                (mse_grad(y, 2.0 * x) * x, "That is the gradient of the first step."),
                (g / 4, "Two factors are missing: of the square, and the slope of the prediction."),
            ],
        ),
        _Number(
            "weight",
            w - lr * g,
            [
                (w + lr * g, "That step goes up: descent goes against the gradient."),
                (w - g, "The learning rate is missing."),
                (-lr * g, "That is the change of the weight, not the weight."),
                (lr * g, "That is the change of the weight, not the weight."),
            ],
        ),
        _Number(
            "loss",
            mse(y, (w - lr * g) * x),
            [
                (mse(y, w * x), "That is the loss before the step."),
                (y - (w - lr * g) * x, "That is the error. The loss is its square."),
                ((w - lr * g) * x - y, "That is the error. The loss is its square."),
            ],
        ),
    ]


@_exercise("1.3")
def _price_of_measuring() -> list[_Part]:
    def price(name: str, n_parameters: int, n_steps: int = 12) -> _Part:
        calls = 2 * n_parameters * n_steps
        return _Number(
            name,
            calls,
            [
                (calls / 2, "A central difference looks at both sides."),
                (calls / n_steps, "That is the price of a single step."),
                (calls / 2 / n_steps, "A central difference looks at both sides, at each step."),
                ((n_parameters + 1) * n_steps, "That is the price of forward differences."),
                (2 * n_steps, "Each parameter has to be moved on its own."),
            ],
            rtol=1e-9,
        )

    return [price("six", 6), price("million", 10**6)]


# --- page 2, the derivative ---


@_exercise("2.1")
def _exact_for_every_step() -> list[_Part]:
    def is_exact(degree: int, method: Any) -> bool:
        slope = derivative(lambda x: x**degree, 2.0, h=1.0, method=method)
        return bool(np.isclose(slope, degree * 2.0 ** (degree - 1)))

    def highest_degree(method: Any) -> int:
        return max(degree for degree in range(1, 6) if is_exact(degree, method))

    central, forward = highest_degree("central"), highest_degree("forward")
    return [
        _Number(
            "central",
            central,
            [
                (1, "Write Taylor's formula for both sides. Which terms cancel?"),
                (3, "The term with the third derivative does not cancel."),
                (4, "The term with the third derivative does not cancel."),
            ],
            "Write Taylor's formula for both sides. Which is the first term that stays?",
        ),
        _Number(
            "forward",
            forward,
            [
                (2, "The secant of a parabola is not parallel to its tangent at the left end."),
                (0, "Are there other functions whose secants and tangents agree?"),
            ],
            "Which is the first term of its error? For which polynomials is it zero?",
        ),
    ]


@_exercise("2.2")
def _best_step_elsewhere() -> list[_Part]:
    eps = np.finfo(np.float64).eps
    inside = 1.5 * eps * np.sin(1) / np.cos(1)
    best = (inside / 100**3) ** (1 / 3)
    return [
        _Number(
            "best",
            best,
            [
                (inside ** (1 / 3), "Differentiate sin(100 x): each derivative brings a factor."),
                ((inside / 100) ** (1 / 3), "The third derivative brings the factor three times."),
                (inside / 100**3, "The cube root is missing."),
                (
                    (eps * np.tan(1) / 100**3) ** (1 / 3),
                    "A factor before the precision is missing.",
                ),
            ],
            rtol=0.02,
        ),
        _Choice(
            "default",
            "too large",
            [("too small", "On which scale does the function change, and on which is x measured?")],
        ),
    ]


@_exercise("2.3")
def _second_derivative() -> list[_Part]:
    eps = np.finfo(np.float64).eps
    error = 2 / math.factorial(4)
    best = (24 * eps) ** (1 / 4)
    return [
        _Number(
            "factor",
            error,
            [
                (1 / 6, "That belongs to the third derivative, which cancels here."),
                (error / 2, "Both sides contribute this term."),
                (1 / 2, "That is the term you want to keep. Which comes after it?"),
            ],
            "Which is the first term after the second derivative that both sides share?",
        ),
        _Number(
            "step",
            best,
            [
                (
                    best**2,
                    "The fourth root was asked for: the sum of the errors is in even powers.",
                ),
                ((24 * eps) ** (1 / 3), "The rounding is divided by the square of the step here."),
                (eps ** (1 / 3), "That is the best step of the first derivative, roughly."),
                (eps ** (1 / 4), "The constants of both errors are missing."),
                ((12 * eps) ** (1 / 4), "The rounding of all three values counts."),
                ((6 * eps) ** (1 / 4), "The rounding of all three values counts."),
            ],
            "Set the derivative of truncation plus rounding, with respect to the step, to zero.",
            rtol=0.02,
        ),
    ]


@_exercise("2.4")
def _cancel_the_next_term() -> list[_Part]:
    a, b = np.linalg.solve([[1.0, 1.0], [1.0, 4.0]], [1.0, 0.0])
    keep = "Does the sum of both numbers keep the derivative as it is?"
    first_order = "These cancel a term in h. The error of a central difference begins later."
    return [
        _Number("a", a, [(3 * a, keep), (2.0, first_order)], keep),
        _Number("b", b, [(3 * b, keep)], keep),
        _Number(
            "order",
            4,
            [
                (3, "The error of a central difference has only every other power."),
                (2, "That is the order of the term that was cancelled."),
            ],
            "Which is the first power of h that stays?",
        ),
    ]


@_exercise("2.5")
def _chain_of_three() -> list[_Part]:
    x = 2.0
    slope = derivative(lambda x: np.log(1 + x**2), x, method="complex")
    z = 1 + x**2
    return [
        _Number(
            "slope",
            slope,
            [
                (1 / z, "The slope of the first link is missing."),
                (2 * x, "The slope of the last link is missing."),
                (2 * x + 1 + 1 / z, "Along a chain, slopes are multiplied."),
                (2 * x + 1 / z, "Along a chain, slopes are multiplied."),
                (2 * x / x, "Each local slope is taken at its own input: the logarithm's is z."),
                (2 * x / x**2, "Each local slope is taken at its own input: the logarithm's is z."),
                (x / z, "The slope of a square has a factor two."),
                (2 * x * z, "The logarithm's slope is a reciprocal."),
            ],
        )
    ]


# --- page 3, the gradient ---


@_exercise("3.1")
def _slope_by_hand() -> list[_Part]:
    def f(p: Any) -> Any:
        return p[0] ** 2 * p[1] + p[1] ** 3

    point, v = np.array([2.0, 1.0]), np.array([3.0, 4.0])
    grad = gradient(f, point, method="complex")
    slope = directional_derivative(f, point, v, method="complex")
    return [
        _Number("gradient", grad, [(grad.sum(), "A gradient is a vector: keep both parts.")]),
        _Number(
            "slope",
            slope,
            [
                (grad @ v, "The vector has to be divided by its length first."),
                (grad * v / 5, "Add the products up: a slope is one number."),
                (grad @ v / 25, "Divide by the length of the vector, not by its square."),
                (grad @ v / 7, "The length of a vector is not the sum of its parts."),
                (grad @ v[::-1] / 5, "The parts of the gradient and the vector are mismatched."),
            ],
        ),
        _Number(
            "steepest",
            np.linalg.norm(grad),
            [
                (grad @ grad, "The length is the root of the sum of the squares."),
                (grad.sum(), "The length of a vector is not the sum of its parts."),
                (grad.max(), "The steepest direction need not be along an axis."),
            ],
        ),
    ]


@_exercise("3.2")
def _nearly_the_steepest() -> list[_Part]:
    def share(name: str, part: float) -> _Part:
        angle = np.degrees(np.arccos(part))
        right = 2 * angle / 360
        degrees = "That is the angle in degrees. What part of the full turn is it?"
        return _Number(
            name,
            right,
            [
                (right / 2, "The direction may be off to either side."),
                (angle, degrees),
                (2 * angle, degrees),
                (np.radians(angle), "That is the angle in radians. What part of a turn is it?"),
                (2 * right, "A slope that falls as steeply does not count."),
                (1 - part, "The slope is a cosine of the angle, not proportional to it."),
            ],
            rtol=5e-3,
        )

    return [share("half", 0.5), share("nearly", 0.99)]


@_exercise("3.3")
def _random_direction() -> list[_Part]:
    n = 10**6
    return [
        _Number(
            "size",
            n**-0.5,
            [
                (1 / n, "That is the mean of the square. What is the typical size?"),
                (n**0.5, "A cosine is at most one."),
                (0.5, "So it is in few dimensions. The squares of all the parts add up to one."),
            ],
            "The squares of all the parts of a unit vector add up to one, and all are alike.",
            rtol=0.05,
        )
    ]


@_exercise("3.4")
def _check_for_two_evaluations() -> list[_Part]:
    def judge(projection_error: Callable[..., Any]) -> str | None:
        calls = 0

        def f(x: Array) -> Any:
            nonlocal calls
            calls += 1
            return np.sin(x).sum()

        x, v = np.random.default_rng(0).normal(size=(2, 2000))
        good = np.cos(x)
        bad = np.where(np.arange(x.size) == 700, -good, good)
        errors = []
        for g in (good, bad):
            calls = 0
            result = _call(projection_error, (f, g, x, v))
            if isinstance(result, str):
                return result
            if calls > 2:
                return f"It evaluated the function {calls} times."
            errors.append(abs(float(_checks.scalar_result("projection_error", result))))
        if calls == 0:
            return "It did not evaluate the function: then nothing was measured."
        if not errors[0] < 1e-6:
            return "It finds an error in a right gradient. Do both sides use the same direction?"
        if not errors[1] > 1e-5:
            return "It does not see a wrong sign in one component. Does every component count?"
        return None

    return [_Judged("projection_error", judge)]


@_exercise("3.5")
def _flat_gradient_on_a_slope() -> list[_Part]:
    def f(p: Array) -> Any:
        return p[0] ** 2 * p[1] / (p[0] ** 2 + p[1] ** 2) if np.any(p) else 0.0

    def slope(angle: float) -> float:
        return directional_derivative(f, [0.0, 0.0], [np.cos(angle), np.sin(angle)])

    angle = float(np.arcsin(3**-0.5))
    return [
        _Number(
            "gradient",
            gradient(f, [0.0, 0.0]),
            otherwise="What is the function on the axes? The partial derivatives see nothing else.",
        ),
        _Number(
            "angle",
            np.degrees(angle),
            [
                (angle, "Give the angle in degrees."),
                (45.0, "The slope along the diagonal is large, but another one is larger."),
                (90.0, "What is the function on the vertical axis?"),
                (90 - np.degrees(angle), "Sine and cosine are exchanged."),
                (-np.degrees(angle), "There the function falls fastest."),
            ],
            "Write the slope along (cos φ, sin φ) and find where it is largest.",
            also=[180 - np.degrees(angle)],
            rtol=5e-3,
        ),
        _Number(
            "slope",
            slope(angle),
            [
                (0.0, "A zero gradient decides nothing here: measure along the direction."),
                (slope(np.pi / 4), "That is the slope along the diagonal. Another one is larger."),
            ],
        ),
    ]


# --- page 4, the loss ---


@_exercise("4.1")
def _one_more_target() -> list[_Part]:
    y, y_hat = np.array([1.0, 2, 4, 0]), np.array([1.5, 2, 3, 2])
    loss, grad = mse(y, y_hat), mse_grad(y, y_hat)
    old_n = "The mean is now over one sample more."
    no_mean = "The factor of the mean is missing: divide by the number of samples."
    return [
        _Number(
            "loss",
            loss,
            [
                (4 * loss, no_mean),
                (4 * loss / 3, old_n),
                (loss / 2, "This loss has no factor one half before it."),
                (np.abs(y - y_hat).mean(), "The errors are to be squared."),
                ((y - y_hat).mean(), "The errors are to be squared before they are added."),
                ((y_hat - y).mean(), "The errors are to be squared before they are added."),
            ],
        ),
        _Number(
            "gradient",
            grad,
            [
                (-grad, "The sign is the other way round: where ŷ is too large, a larger ŷ hurts."),
                (4 * grad, no_mean),
                (2 * grad, no_mean + " The factor of the square is missing, too."),
                (4 * grad / 3, old_n),
                (grad / 2, "The factor two of the square is missing."),
                (
                    2 * np.sign(y_hat - y) / 4,
                    "That is nearer to the gradient of the absolute loss.",
                ),
                (np.sign(y_hat - y) / 4, "That is the gradient of the absolute loss."),
                (np.append(4 / 3 * grad[:3], grad[3]), "The first entries change, too."),
            ],
        ),
    ]


@_exercise("4.2")
def _root() -> list[_Part]:
    def right(y: Array, y_hat: Array) -> Any:
        return mse_grad(y, y_hat) / (2 * np.sqrt(mse(y, y_hat)))

    def times(factor: Callable[[float], float]) -> Callable[..., Array]:
        return lambda y, y_hat: mse_grad(y, y_hat) * factor(mse(y, y_hat))

    rng = np.random.default_rng(0)
    return [
        _Code(
            "root_grad",
            right,
            [tuple(rng.normal(size=(2, n))) for n in (3, 20)],
            [
                (times(lambda loss: 1.0), "The slope of the root is missing."),
                (times(lambda loss: loss**-0.5), "The slope of a root has a factor one half."),
                (times(lambda loss: loss**0.5), "The root grows slower where it is large."),
                (times(lambda loss: 2 * loss**0.5), "The slope of the root belongs below."),
                (times(lambda loss: 0.5 / loss), "The root itself belongs below, not the loss."),
                (
                    lambda y, y_hat: right(y, y_hat) * y.size,
                    "The factor of the mean is missing: divide by the number of samples.",
                ),
                (
                    lambda y, y_hat: np.sqrt(np.abs(mse_grad(y, y_hat))),
                    "The gradient of a root is not the root of the gradient.",
                ),
            ],
        )
    ]


@_exercise("4.3")
def _outlier() -> list[_Part]:
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 20)
    A = np.stack([x, np.ones(20)], axis=1)
    y = 0.8 * x + 0.5 + 0.25 * rng.normal(size=20)
    spoiled = y + 5 * (np.arange(20) == 19)

    def huber_grad(theta: Array) -> Any:
        return A.T @ np.clip(A @ theta - spoiled, -1, 1) / 20

    before, after = (float(np.linalg.lstsq(A, targets)[0][0]) for targets in (y, spoiled))
    fitted = minimize(
        lambda theta: 0.0, [0.0, 0.0], sgd(1.0), grad_fn=huber_grad, n_steps=200
    ).last[0]
    slope_itself = "That is the new slope. By how much did it change?"
    return [
        _Number(
            "squares",
            after - before,
            [
                (after, slope_itself),
                (5.0, "That is the change of the target, not of the slope."),
                (5 / 20, "Targets at the end of the line count more than in a mean."),
            ],
            rtol=0.01,
        ),
        _Number(
            "huber",
            fitted - before,
            [
                (fitted, slope_itself),
                (0.0, "The outlier has a bounded influence, but it has one."),
                (fitted - after, "Compare with the line without the outlier."),
            ],
            rtol=0.01,
        ),
    ]


@_exercise("4.4")
def _classifier_that_knows_nothing() -> list[_Part]:
    scores, label = np.zeros((1, 10)), 3
    loss = softmax_cross_entropy(scores, [label])
    grad = softmax_cross_entropy_grad(scores, [label])[0]
    right_class = np.arange(10) == label
    return [
        _Number(
            "loss",
            loss,
            [
                (np.log2(10), "The loss is in nats: take the natural logarithm."),
                (1.0, "The loss is in nats: take the natural logarithm."),
                (
                    0.1,
                    "That is the probability of the right class. The loss is minus its logarithm.",
                ),
                (0.9, "That is the probability of being wrong. The loss is a logarithm."),
                (np.log(2), "That is so for a choice between two classes."),
            ],
        ),
        _Number(
            "gradient",
            grad,
            [
                (-grad, "The sign is the other way round: descent is to raise the right score."),
                (grad + right_class, "Those are the probabilities. What is subtracted from one?"),
                (-1.0 * right_class, "The softmax is missing: wrong classes have a share, too."),
                (grad / 10, "The mean runs over samples, not over classes."),
                (-10.0 * right_class, "That is with respect to the probabilities, not the scores."),
            ],
        ),
    ]


# --- page 5, gradient descent ---


@_exercise("5.1")
def _limit_of_the_learning_rate() -> list[_Part]:
    low, middle, high = 0.5, 4.0, 20.0
    best = 2 / (low + high)
    factor = abs(1 - best * high)
    extremes = "Only the flattest and the steepest direction count."
    return [
        _Number(
            "limit",
            2 / high,
            [
                (2 / low, "That is the limit of the flattest direction. Others diverge before."),
                (2 / middle, "Another direction diverges before."),
                (1 / high, "There the steepest part is gone in one step. It may overshoot, too."),
                (2 / (low + middle + high), "Directions do not add up: one of them is the first."),
            ],
        ),
        _Number(
            "best",
            best,
            [
                (2 / high, "At the limit the steepest direction does not shrink."),
                (1 / high, "Then the flattest direction is left behind. Balance the two."),
                (1 / low, "The steepest direction diverges at this rate."),
                (
                    1 / (low + high),
                    "Both directions can shrink faster: the steep one may overshoot.",
                ),
                (2 / (middle + high), extremes),
                (2 / (low + middle), extremes),
                (2 / (low + middle + high), extremes),
            ],
        ),
        _Number(
            "factor",
            factor,
            [
                (factor**2, "That is the factor of the loss. The distance is asked for."),
                (1 - factor, "That is the part that is lost each step. Which part is left?"),
                (high / low, "That is the condition number."),
                ((high - middle) / (high + middle), extremes),
                (1 - low / high, "So it is at another rate. Put your best one into the factor."),
            ],
        ),
    ]


@_exercise("5.2")
def _exactly_at_the_limit() -> list[_Part]:
    curvature, start = np.array([1.0, 9.0]), np.array([9.0, 1.0])
    run = minimize(
        lambda t: t @ (curvature * t) / 2,
        start,
        sgd(2 / 9),
        grad_fn=lambda t: curvature * t,
        n_steps=200,
    )
    return [
        _Number(
            "loss",
            run.loss[-1],
            [
                (0.0, "By which factor is the steep part multiplied each step? Does it shrink?"),
                (run.loss[0], "That is the loss of the start. Does the flat part shrink?"),
                (run.loss[0] - run.loss[-1], "That is the share of the flat part."),
            ],
            "By which factor is each of the parts multiplied in a step?",
        )
    ]


@_exercise("5.3")
def _one_step() -> list[_Part]:
    return [
        _Code(
            "rate",
            lambda curvature: 1 / curvature,
            [(0.7,), (3.0,), (20.0,)],
            [
                (lambda curvature: 2 / curvature, "That is the limit: it lands on the other side."),
                (lambda curvature: 0.5 / curvature, "That reaches half of the way."),
                (lambda curvature: 1 / curvature**2, "How does the gradient depend on θ?"),
                (lambda curvature: curvature, "The steeper the bowl, the smaller the rate."),
            ],
        )
    ]


@_exercise("5.4")
def _rescaling() -> list[_Part]:
    scale = np.diag([1.0, 1 / 3])
    condition = np.linalg.cond(scale @ np.diag([1.0, 9.0]) @ scale)
    return [
        _Number(
            "condition",
            condition,
            [
                (9.0, "That is as before. Write the loss in the new unit."),
                (3.0, "The parameter stands in the loss as a square, and so does the unit."),
                (81.0, "The unit was put in the wrong way round."),
                (27.0, "The unit was put in the wrong way round."),
                (1 / 9, "The condition number is the larger curvature over the smaller."),
            ],
            "Write the loss in the new unit. Which curvatures does it have?",
        ),
        _Number(
            "steps",
            1,
            [(0, "The start is not the minimum.")],
            "What does the best rate do where all directions are equally steep?",
        ),
    ]


# --- page 6, batches ---


@_exercise("6.1")
def _last_batch() -> list[_Part]:
    n, size = 1000, 32
    n_batches, rest = -(-n // size), n % size
    times = size / rest
    return [
        _Choice("exact", "no", [("yes", "Which weight does a sample of the last batch have?")]),
        _Number(
            "times",
            times,
            [
                (1 / times, "Is it the full batches or the last one whose samples count more?"),
                (
                    n / (n_batches * rest),
                    "Compare with a sample in a full batch, not with the mean.",
                ),
                (rest, "That is the size of the last batch."),
                (size, "The samples of the last batch share its weight."),
            ],
        ),
    ]


@_exercise("6.2")
def _promise_about_the_floor() -> list[_Part]:
    lr, floor = 0.2, 0.001
    exact = lr / (2 - lr) / 2 / floor
    rate = 4 * floor / (1 + 2 * floor)
    slower = np.log(1 - lr) / np.log(1 - rate)
    half = "The loss above the least is half the mean squared distance."
    small = "That is the approximation for small rates. Take the exact formula."
    return [
        _Number(
            "size",
            math.ceil(exact),
            [
                (math.floor(exact), "With that batch the floor is still too high: round up."),
                (exact, "A batch has a whole number of samples."),
                (math.ceil(2 * exact), half),
                (2 * exact, half),
                (lr / 4 / floor, small),
            ],
            rtol=1e-9,
        ),
        _Number(
            "rate",
            rate,
            [
                (4 * floor, small),
                (2 * floor / (1 + floor), half),
                (2 * floor, half),
            ],
            rtol=5e-4,
        ),
        _Number(
            "slower",
            slower,
            [
                (lr / rate, "Each step multiplies: compare the logarithms of the factors."),
                ((1 - rate) / (1 - lr), "Compare how many steps reach the same distance."),
                (1 / slower, "How many times slower, not faster?"),
            ],
            rtol=0.02,
        ),
    ]


@_exercise("6.3")
def _rate_that_fades() -> list[_Part]:
    def descend(
        targets: Array, factor: float = 1.0, first: int = 1, rate: float | None = None
    ) -> float:
        guess = 0.0
        for t, target in enumerate(targets, start=first):
            guess -= factor * (guess - target) * (1 / t if rate is None else rate)
        return guess

    rng = np.random.default_rng(0)
    return [
        _Code(
            "one_pass",
            descend,
            [(rng.normal(loc=3, size=n),) for n in (3, 7, 100)],
            [
                (lambda y: descend(y, first=2), "The first rate is one."),
                (lambda y: descend(y, factor=2), "The loss has a factor one half before it."),
                (lambda y: descend(y, rate=1.0), "The rate is to fade from step to step."),
                (
                    lambda y: descend(y, factor=-1),
                    "That climbs: descent goes against the gradient.",
                ),
                (lambda y: y.sum(), "It is n times too large."),
            ],
        )
    ]


@_exercise("6.4")
def _no_noise_at_all() -> list[_Part]:
    noise = "So it is where the gradients of the samples differ. Do they at this minimum?"
    floors = [(0.03 * 0.25 / 4, noise), (0.03 / 4, noise), (0.03 / 1.97 / 2, noise)]
    return [
        _Number(
            "floor",
            0.0,
            floors,
            "What is the gradient of each single sample at the minimum?",
            rtol=1e-6,
        )
    ]


# --- page 7, optimizers ---


@_exercise("7.1")
def _limit_of_nesterov() -> list[_Part]:
    beta = 0.9
    q = -1 / (1 + 2 * beta)
    return [
        _Number(
            "limit",
            1 - q,
            [
                (
                    2 * (1 + beta),
                    "That is the limit of momentum. Where is the gradient taken here?",
                ),
                (2.0, "That is the limit without momentum."),
                (q, "That is one minus ηλ."),
                (-q, "That is ηλ minus one."),
                (1 + q, "The factor one minus ηλ is negative at the limit."),
                (
                    2 * (1 - beta) / (1 + beta),
                    "The largest rate is where a root reaches minus one.",
                ),
            ],
            "Put minus one into the equation of the roots and solve for ηλ.",
        )
    ]


@_exercise("7.2")
def _loss_in_other_units() -> list[_Part]:
    def first_step(optimizer: Optimizer, scale: float) -> float:
        theta = np.array([1.0])
        return float(optimizer.update(np.array([scale]), optimizer.init(theta), theta)[0][0])

    methods = {
        "descent": sgd(0.01),
        "momentum": sgd(0.01, momentum=0.9),
        "adagrad": adagrad(0.01),
        "rmsprop": rmsprop(0.01),
        "adam": adam(0.01),
    }
    divides = "Is there anything in its step that the gradient is divided by?"
    return [
        _Number(
            name,
            first_step(optimizer, 1000.0) / first_step(optimizer, 1.0),
            otherwise=divides,
        )
        for name, optimizer in methods.items()
    ]


@_exercise("7.3")
def _turn_the_ravine_back() -> list[_Part]:
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    straight, start = np.diag([1.0, 50.0]), np.array([-9.0, 1.0])

    def losses(optimizer: Optimizer, A: Array, start: Array) -> Array:
        def loss(theta: Array) -> Any:
            return theta @ A @ theta / 2

        return minimize(loss, start, optimizer, grad_fn=lambda t: A @ t, n_steps=10).loss

    runners = {
        "descent": sgd(0.01),
        "momentum": sgd(0.01, momentum=0.9),
        "nesterov": sgd(0.01, momentum=0.9, nesterov=True),
        "adagrad": adagrad(0.1),
        "rmsprop": rmsprop(0.1),
        "adam": adam(0.1),
    }
    same = {
        name: np.allclose(
            losses(optimizer, straight, start),
            losses(optimizer, turn @ straight @ turn.T, turn @ start),
        )
        for name, optimizer in runners.items()
    }
    return [
        _Words(
            "changed",
            [name for name in runners if not same[name]],
            [name for name in runners if same[name]],
            missing="Another one changes, too: whose formula treats each entry on its own?",
            wrong="One of them does not change: in whose formula can everything be turned?",
        )
    ]


@_exercise("7.4")
def _clipping_each_entry() -> list[_Part]:
    g, c = np.array([3.0, 40.0]), 1.0
    by_norm, by_value = clip_by_norm(g, c)[0], np.clip(g, -c, c)
    cosine = g @ by_value / np.linalg.norm(g) / np.linalg.norm(by_value)
    angle = np.degrees(np.arccos(cosine))
    return [
        _Number(
            "by_norm",
            by_norm,
            [
                (g, "Its norm is above the bound."),
                (g / g.sum(), "The norm is not the sum of the entries."),
                (g / (g @ g), "Divide by the norm, not by its square."),
                (g / g.max(), "The norm is not the largest entry."),
            ],
        ),
        _Number(
            "by_value",
            by_value,
            [
                (g, "Both entries are above the bound."),
                (g / g.max(), "Each entry is cut on its own."),
            ],
        ),
        _Number(
            "angle",
            angle,
            [
                (np.radians(angle), "Give the angle in degrees."),
                (cosine, "That is its cosine. Give the angle in degrees."),
                (0.0, "Cutting each entry on its own changes the direction."),
                (45.0, "That is the angle between the cut gradient and an axis."),
                (np.degrees(np.arctan2(g[1], g[0])), "That is the angle to the first axis."),
            ],
            rtol=5e-3,
        ),
    ]


# --- page 8, the graph ---


@_exercise("8.1")
def _who_gets_what() -> list[_Part]:
    x = Value(2.0, name="x")
    steps = backward_steps((x * x) * x)
    contributions = [
        float(share)
        for step in steps
        for parent, share in zip(step.node.parents, step.contributions, strict=True)
        if parent.parent == steps[-1].node.id
    ]
    count, each, total = len(contributions), contributions[0], sum(contributions)
    return [
        _Number(
            "count",
            count,
            [
                (2, "The inner product has two operands: both are x."),
                (1, "One for each place where x stands."),
            ],
            "One for each place where x stands.",
            rtol=1e-9,
        ),
        _Number(
            "each",
            each,
            [
                (2.0, "That is a local derivative. What has arrived at the inner product by then?"),
                (1.0, "That is what the output begins with. Two products lie on the way."),
                (total, "That is the sum."),
            ],
        ),
        _Number(
            "sum",
            total,
            [
                (each, "The contributions are added: none replaces another."),
                (2 * each, "One contribution is missing."),
                (each**count, "Contributions are added. Along one path, derivatives multiply."),
            ],
        ),
    ]


@_exercise("8.2")
def _new_operation() -> list[_Part]:
    inputs = [(float(np.logaddexp(0, x)), x) for x in (-1.0, 0.3, 2.0, 800.0)]

    def sigmoid(out: float, x: float) -> float:
        return float(1 - np.exp(-out))

    return [
        _Code(
            "slope",
            sigmoid,
            inputs,
            [
                (lambda out, x: np.exp(-out), "That is what is missing to one."),
                (lambda out, x: 1 / (1 + np.exp(-out)), "In the sigmoid stands x, not the result."),
                (lambda out, x: np.exp(out - x), "The quotient is upside down."),
                (lambda out, x: 1 - out**2, "That is for tanh."),
                (lambda out, x: out * (1 - out), "That is the derivative of the sigmoid."),
                (lambda out, x: 1.0, "That is so for large x only."),
            ],
        )
    ]


@_exercise("8.3")
def _expensive_way_to_read_a_vector() -> list[_Part]:
    def whole(theta: Value) -> Value:
        return (theta**2).sum()

    def entries(theta: Value) -> Value:
        return sum((theta[k] ** 2 for k in range(1, theta.size)), theta[0] ** 2)

    def power(f: Callable[[Value], Value]) -> int:
        counts = []
        for p in (50, 100):
            end = f(Value(np.ones(p)))
            with count_operations() as counter:
                end.backward()
            counts.append(counter.operations)
        return round(math.log2(counts[1] / counts[0]))

    return [
        _Number(
            "whole",
            power(whole),
            [
                (0, "Each entry is touched once."),
                (2, "Count again: how often is an entry touched?"),
            ],
            "Count for one vector and for one twice as long. Which power makes that ratio?",
        ),
        _Number(
            "entries",
            power(entries),
            [
                (1, "How many numbers does the contribution of a single entry have?"),
                (3, "Each contribution is one vector, not a matrix."),
            ],
            "Count for one vector and for one twice as long. Which power makes that ratio?",
        ),
    ]


@_exercise("8.4")
def _which_mode() -> list[_Part]:
    def right(sizes: Sequence[int]) -> int:  # from the output to the input
        return sum(m * k * sizes[-1] for m, k in pairwise(sizes[:-1]))

    def left(sizes: Sequence[int]) -> int:
        return sum(sizes[0] * k * n for k, n in pairwise(sizes[1:]))

    jacobian, loss = [200, 50, 50, 3], [1, 200, 50, 50, 3]
    narrow = "From this end, one side of every product has the size of that end."
    additions = "A product of (m, k) and (k, n) takes m k n multiplications."
    return [
        _Number(name, count(sizes), [(elements, additions)], narrow, rtol=1e-6)
        for name, count, sizes, elements in (
            ("right", right, jacobian, 200 * 50 + 50 * 50),
            ("left", left, jacobian, 50 * 50 + 50 * 3),
            ("right_loss", right, loss, 200 + 200 * 50 + 50 * 50),
            ("left_loss", left, loss, 0),
        )
    ]


@_exercise("8.5")
def _memory_for_work() -> list[_Part]:
    rng = np.random.default_rng(0)
    W_all, X = rng.normal(size=(8, 8)) / np.sqrt(8), rng.normal(size=(100, 8))

    def plain(W_all: Array, X: Array) -> Any:
        W = Value(W_all)
        a: Any = X @ W
        for _ in range(64):
            a = (a @ W).tanh()
        (a**2).mean().backward()
        return W.grad

    def judge(checkpointed: Callable[..., Any]) -> str | None:
        results = []
        for way in (plain, checkpointed):
            with count_operations() as counter:
                grad = _call(way, (W_all, X))
            if isinstance(grad, str):
                return grad
            results.append((grad, counter))
        (right, before), (grad, after) = results
        hint = _Number("gradient", right, rtol=1e-6).hint(grad)
        if hint:
            return f"The gradient is not that of the plain way. {hint}"
        if after.operations == 0:
            return "Nothing was counted. Compute it with the engine."
        if after.peak_bytes > before.peak_bytes / 2:
            return "The gradient is right, but the peak is high. What still holds on to a graph?"
        if after.operations > 2 * before.operations:
            return "Gradient and peak are right. Does every segment run forward only twice?"
        return None

    return [_Judged("checkpointed", judge)]


# --- page 9, two layers ---


@_exercise("9.1")
def _shapes() -> list[_Part]:
    sizes, n = [7, 6, 5, 1], 32
    network = Network(["tanh", "tanh", "identity"])
    params = init_params(sizes, np.random.default_rng(0))
    passed = network.backward(params, network.forward(params, np.ones((n, 7))), np.ones((n, 1)))
    first, last = "That belongs to the first layer.", "That belongs to the last layer."
    count = sum(array.size for layer in params for array in layer.values())
    return [
        _Shape("delta2", passed.delta[1].shape, [((n, 6), first), ((n, 1), last)]),
        _Shape("dW2", passed.dW[1].shape, [((7, 6), first), ((5, 1), last)]),
        _Shape(
            "da1",
            passed.da[1].shape,
            [
                ((n, 7), "That belongs to the data, which are the input of the first layer."),
                ((n, 5), "That belongs to the second layer's output."),
                ((6,), "Each sample of the batch has its own."),
            ],
        ),
        _Shape(
            "db3",
            passed.db[2].shape,
            [
                ((n, 1), "All samples share the bias: its gradient is their sum."),
                ((5,), "That belongs to the second layer."),
                ((1, 1), "A bias is a vector, not a matrix."),
                ((), "A bias is a vector, even where it has one entry only."),
            ],
        ),
        _Number(
            "count",
            count,
            [
                (sum(layer["W"].size for layer in params), "The biases count, too."),
                (sum(layer["b"].size for layer in params), "The weights count, too."),
                (n * count, "All samples share the parameters."),
                (count - 1, "The output has a bias, too."),
            ],
            rtol=1e-9,
        ),
    ]


@_exercise("9.2")
def _unit_that_is_off() -> list[_Part]:
    params: Any = [{"W": [[1, -1], [1, 1]], "b": [0, -10]}, {"W": [[1], [2]], "b": [-1]}]
    first, second = Network(["relu", "identity"]).grads(params, [[1, 2], [2, -1]], [[5], [2]])
    passes = "Is the slope of the unit, or its output, a factor here?"
    other_unit = "That is so for the first unit."
    return [
        _Zeros(
            "dW1",
            first["W"],
            [
                (first["W"].T, "It is transposed: a column belongs to a unit, a row to an input."),
                (np.ones((2, 2)), passes),
                (first["W"][:, ::-1], other_unit),
                (np.zeros((2, 2)), "The first unit is on."),
            ],
        ),
        _Zeros("db1", first["b"], [(np.ones(2), passes), (first["b"][::-1], other_unit)]),
        _Zeros("dW2", second["W"], [(np.ones(2), passes), (second["W"][::-1], other_unit)]),
        _Choice("revives", "no", [("yes", "Which gradient could move anything that it sees?")]),
    ]


@_exercise("9.3")
def _three_layers() -> list[_Part]:
    def right(X: Array, W2: Array, W3: Array, a1: Array, a2: Array, delta3: Array) -> Any:
        return X.T @ (((delta3 @ W3.T * (1 - a2**2)) @ W2.T) * (1 - a1**2))

    def no_slopes(X: Array, W2: Array, W3: Array, a1: Array, a2: Array, delta3: Array) -> Any:
        return X.T @ (delta3 @ W3.T @ W2.T)

    def no_first(X: Array, W2: Array, W3: Array, a1: Array, a2: Array, delta3: Array) -> Any:
        return X.T @ ((delta3 @ W3.T * (1 - a2**2)) @ W2.T)

    def no_second(X: Array, W2: Array, W3: Array, a1: Array, a2: Array, delta3: Array) -> Any:
        return X.T @ ((delta3 @ W3.T @ W2.T) * (1 - a1**2))

    def of_a(X: Array, W2: Array, W3: Array, a1: Array, a2: Array, delta3: Array) -> Any:
        return right(X, W2, W3, np.tanh(a1), np.tanh(a2), delta3)

    rng = np.random.default_rng(0)
    shapes = [(32, 7), (6, 5), (5, 1), (32, 6), (32, 5), (32, 1)]
    inputs = tuple(np.tanh(rng.normal(size=shape)) for shape in shapes)
    return [
        _Code(
            "dW1",
            right,
            [inputs],
            [
                (no_slopes, "The slopes of both activations are missing."),
                (no_first, "The slope of the first activation is missing."),
                (no_second, "The slope of the second activation is missing."),
                (of_a, "The activations are given: the slope of tanh is one minus their square."),
                (
                    lambda *args: right(*args) / 32,
                    "The loss's gradient has the factor of the mean in it already.",
                ),
            ],
        )
    ]


@_exercise("9.4")
def _one_matrix_used_twice() -> list[_Part]:
    network = Network(["tanh", "identity"])

    def both(W: Array, X: Array, y: Array) -> tuple[Array, Array]:
        first, second = network.grads([{"W": W}, {"W": W}], X, y)
        return first["W"], second["W"]

    rng = np.random.default_rng(0)
    inputs = [tuple(rng.normal(size=s) for s in ((k, k), (5, k), (5, k))) for k in (2, 3)]
    forgotten = "That is the share of one layer only."
    return [
        _Code(
            "both",
            lambda W, X, y: sum(both(W, X, y)),
            inputs,
            [
                (lambda W, X, y: both(W, X, y)[0], forgotten),
                (lambda W, X, y: both(W, X, y)[1], forgotten),
                (lambda W, X, y: sum(both(W, X, y)) / 2, "Paths add. They are not averaged."),
                (lambda W, X, y: np.prod(both(W, X, y), axis=0), "Paths add. Links multiply."),
                (lambda W, X, y: both(W, X, y)[0] - both(W, X, y)[1], "Paths add."),
                (
                    lambda W, X, y: both(W, X, y)[0] + both(W, X, y)[1].T,
                    "One share is transposed: both have the shape of the matrix, and its order.",
                ),
            ],
        )
    ]


@_exercise("9.5")
def _exact_ratio() -> list[_Part]:
    m = np.array([1, 2, 10])
    ratios = (2 * m - 1) / m
    return [
        _Number(
            "ratios",
            ratios,
            [
                (2.0 + 0 * m, "One product is skipped: which one is it?"),
                (1.0 + 0 * m, "A layer's backward pass has a product for W and one for its input."),
                ((m - 1) / m, "The products for the weights are missing."),
                (1 + ratios, "The forward pass is in it. Compare backward with forward."),
                (2 * m - 1, "That counts products. Divide by those of the forward pass."),
            ],
        )
    ]


# --- page 10, by hand ---


@_exercise("10.1")
def _another_sample() -> list[_Part]:
    example = worked_example()
    other = example._replace(x=np.array([1.0, -1.0]), y=0.5)
    grad, y_hat = other.grad(other.theta), other.predict(other.theta)
    return [
        _Number(
            "y_hat",
            y_hat,
            [
                (example.predict(example.theta), "That is the prediction for the old sample."),
                (
                    other._replace(x=np.array([1.0, 1.0])).predict(other.theta),
                    "The second input is negative.",
                ),
                (y_hat - other.y, "That is the error. The prediction is asked for."),
            ],
            "First the two hidden units, then the output.",
        ),
        _Number(
            "gradient",
            grad,
            [
                (-grad, "The sign is the other way round. Is the output too large or too small?"),
                (grad / 2, "The factor two of the square is missing."),
                (
                    grad[[0, 2, 1, 3, 4, 5]],
                    "The gradients of w2 and w3 are exchanged: a transpose.",
                ),
                (
                    grad / (2 * (y_hat - other.y)),
                    "Those are the gradients of the prediction. The gradient of the loss begins "
                    "with the error.",
                ),
                (
                    grad * np.array([1, 1, -1, -1, 1, 1]),
                    "The second input is negative: it is a factor of two of the gradients.",
                ),
                (example.grad(example.theta), "Those are the gradients for the old sample."),
            ],
            "Each gradient is the error's slope, times the slopes along the way to the weight.",
        ),
    ]


@_exercise("10.2")
def _one_weight_alone() -> list[_Part]:
    example = worked_example()
    y_hat, grad = example.predict(example.theta), example.grad(example.theta)
    slopes = grad / (-2 * (example.y - y_hat))
    best = int(np.argmax(np.abs(slopes)))
    change = (example.y - y_hat) / slopes[best]
    other = "The prediction moves more for another weight: compare the derivatives of ŷ."
    return [
        _Choice(
            "weight",
            example.names[best],
            [(name, other) for name in example.names if name != example.names[best]],
        ),
        _Number(
            "change",
            change,
            [
                (-change, "The sign is the other way round. Is the prediction too large?"),
                (
                    change / 2,
                    "The loss is a parabola: its tangent meets zero half way. Use the prediction.",
                ),
                (
                    (example.y - y_hat) / grad[best],
                    "Divide by the derivative of ŷ, not of the loss.",
                ),
                (example.y - y_hat, "That is the change of the prediction."),
                (-grad[best], "That is the gradient. How far does the weight have to go?"),
                (
                    example.theta[best] + change,
                    "That is the new weight. By how much did it change?",
                ),
            ],
        ),
    ]


@_exercise("10.3")
def _with_biases() -> list[_Part]:
    example = worked_example()
    params = [
        {"W": example.W_h, "b": np.array([0.1, -0.2])},
        {"W": example.W_o, "b": np.array([0.3])},
    ]
    network = example.network
    hidden, output = network.grads(params, example.X, example.Y)
    without = example.grad(example.theta)
    y_hat = network.forward(params, example.X).output[0, 0]
    error = output["b"][0]
    return [
        _Number(
            "y_hat",
            y_hat,
            [
                (y_hat - 0.3, "The output's bias is missing."),
                (y_hat + 0.3, "The hidden biases reach the output through their weights."),
            ],
            "First the hidden units with their biases, then the output with its own.",
        ),
        _Number(
            "dW_h", hidden["W"], [(hidden["W"] / 2, "The factor two of the square is missing.")]
        ),
        _Number(
            "db_h",
            hidden["b"],
            [
                ([error, error], "On the way back the output weights are factors."),
                (hidden["b"] * [0.1, -0.2], "A bias has the factor one, not its own value."),
                (example.theta[4:], "The error's slope is missing."),
            ],
        ),
        _Number(
            "dW_o",
            output["W"],
            [(without[4:], "Those are the hidden values without the biases.")],
        ),
        _Number(
            "db_o",
            error,
            [
                (0.3 * error, "A bias has the factor one, not its own value."),
                (1.0, "The error's slope is missing."),
            ],
        ),
    ]


@_exercise("10.4")
def _hidden_units_with_tanh() -> list[_Part]:
    example = worked_example()
    network = Network(["tanh", "identity"])
    passed = network.forward(example.params, example.X)
    right = network.backward(example.params, passed, example.Y).dW[0][0, 0]
    linear = example.grad(example.theta)[0]
    z, a = passed.z[0][0, 0], passed.a[1][0, 0]
    slope = 1 - a**2
    return [
        _Number(
            "dL_dw1",
            right,
            [
                (right / slope, "The slope of tanh is missing."),
                (linear * slope, "The prediction changes as well, and with it the error."),
                (linear, "That is the gradient of the linear network."),
                (right / slope * (1 - np.tanh(a) ** 2), "The slope is taken at z, not at tanh(z)."),
                (
                    right / slope * (1 - z**2),
                    "In one minus a square, the square is that of tanh(z).",
                ),
                (right / slope * (1 - a), "In the slope of tanh, the square is missing."),
                (right / slope * a, "That is tanh itself. Its slope is the factor."),
                (right / example.x[0], "The input is a factor, too."),
                (right / 2, "The factor two of the square is missing, or x twice."),
            ],
        )
    ]


@_exercise("10.5")
def _order_of_a_sequential_update() -> list[_Part]:
    example = worked_example()

    def end(order: Sequence[int]) -> Array:
        theta = example.theta.copy()
        for k in order:
            theta[k] -= example.lr * example.grad(theta)[k]
        return theta

    at_once = example.theta - example.lr * example.grad(example.theta)
    old_gradient = "That is the step with the gradient of the start. Here it is a fresh one."
    return [
        _Choice(
            "first",
            "w1",
            [("w5", "A weight that moves while the error is still large moves far.")],
        ),
        _Number(
            "w5",
            end([0, 4])[4],
            [
                (at_once[4], old_gradient),
                (end([4, 0])[0], "That is the other weight, in the other order."),
                (at_once[0], "That is the other weight."),
                (
                    example.theta[4] + example.lr * example.grad(end([0]))[4],
                    "That step goes up: descent goes against the gradient.",
                ),
                (example.theta[4] - example.grad(end([0]))[4], "The learning rate is missing."),
            ],
            rtol=2e-5,
        ),
        _Choice(
            "between",
            "no",
            [("yes", "Compare how far each weight moves in the three updates.")],
        ),
    ]


# --- page 11, PyTorch ---


@_exercise("11.1")
def _batch_in_pieces() -> list[_Part]:
    def factor(name: str, size: int, mistakes: Mistakes) -> _Part:
        always = [
            (1.0, "Then every piece weighs the same, and the sum is too large."),
            (0.5, "Then every piece weighs the same, whatever its size."),
            (4 / size, "It is the other way round: the larger piece weighs more."),
        ]
        otherwise = "Write the mean of the batch as a sum of multiples of the two means."
        return _Number(name, size / 4, [*always, *mistakes], otherwise)

    own = "Its mean is divided by its own size already."
    total = "That makes a sum. The loss of the batch is a mean."
    return [factor("three", 3, [(1 / 3, own), (3.0, total)]), factor("one", 1, [])]


@_exercise("11.2")
def _cut_the_graph() -> list[_Part]:
    example = worked_example()
    grad = example.grad(example.theta)[4:]
    stopped = "What is on the near side of the cut is still in the graph."
    return [
        _Number(
            "output",
            grad,
            [
                ([0.0, 0.0], stopped),
                (grad / 2, "The factor two of the square is missing."),
                (example.x @ example.W_h, "Those are the hidden values. The error is missing."),
            ],
        ),
        _Choice(
            "hidden",
            "none",
            [
                ("zero", "A zero would have to be computed. Is there a way to the hidden layer?"),
                ("unchanged", "Can the loss reach the hidden layer behind the cut?"),
            ],
        ),
    ]


@_exercise("11.3")
def _diary() -> list[_Part]:
    return [_Judged("record", _records_last)]


def _records_last(record: Callable[..., Any]) -> str | None:
    """Change weights in place, as a training loop does, and look at the records afterwards."""
    weights, then, records = np.array([1.0, 2.0]), [], []
    for _ in range(3):
        then.append(weights.copy())
        kept, complaint = _call_on_itself(record, [weights])
        if complaint:
            return complaint
        records.append(kept)
        weights -= 0.5
    if all(np.array_equal(kept, weights) for kept in records):
        return "All records are the weights at the end: they share one memory."
    if not all(np.array_equal(*pair) for pair in zip(records, then, strict=True)):
        return "A record is to hold the weights as they are at that moment."
    return None


@_exercise("11.4")
def _input_that_tells() -> list[_Part]:
    case = worked_example(w3=0.9)
    hidden = np.array([1.0, 1.0]) @ (case.W_h.T - case.W_h)
    gap = float((hidden @ case.W_o)[0])
    ratio = case.theta[5] / case.theta[4]
    return [
        _Number(
            "ratio",
            ratio,
            [(1.0, "Then only two equal output weights would hide it.")],
            "When does exchanging w2 and w3 leave the prediction as it is?",
        ),
        _Number(
            "gap",
            gap,
            [
                (0.0, "Is this input on the line?"),
                (3 * gap, "The two exchanged weights reach the output with opposite signs."),
            ],
            also=[-gap],
        ),
    ]


@_exercise("11.5")
def _how_long_the_bug_looks_good() -> list[_Part]:
    theta, total, losses = 1.0, 0.0, []
    for _ in range(8):
        losses.append(theta**2)
        total += 2 * theta
        theta -= 0.05 * total
    step = int(np.argmin(losses))
    omega = np.arccos(0.95)
    exact = np.pi / 2 / omega - 0.5
    return [
        _Number(
            "step",
            step,
            [
                (exact, "Steps are whole numbers. Which is nearer?"),
                (exact + 0.5, "The cosine does not start at its top: mind the half."),
                (step + 1, "Compare the loss at both whole numbers, and count from zero."),
                (round(np.pi / omega), "That is half a swing: there the loss is large again."),
                (round(2 * np.pi / omega), "That is a whole swing."),
            ],
            "Where is the cosine zero for the first time?",
            rtol=2e-3,
        )
    ]


# --- page 12, the loss surface ---


@_exercise("12.1")
def _another_start() -> list[_Part]:
    example = worked_example()
    plane = restrict(example.loss, example.theta, 0, 4)

    def plane_grad(uv: Array) -> Array:
        theta = example.theta.copy()
        theta[[0, 4]] = uv
        return example.grad(theta)[[0, 4]]

    w1, w5 = minimize(plane, [-2.0, 1.0], sgd(0.01), grad_fn=plane_grad, n_steps=1500).last
    branch = "That is on the branch that the page's own run reaches."
    return [
        _Number(
            "w1",
            w1,
            [
                (w1 + 1, "That is u. The weight is one less."),
                (-w1 - 2, branch),
                (0.0, "That is on neither branch of the valley."),
                (-1.0, "That is the saddle. Along which direction does this start lie?"),
            ],
            "Which branch does the start lie next to? What is almost conserved?",
        ),
        _Number("w5", w5, [(-w5, branch), (w5**2, "A root is missing.")]),
    ]


@_exercise("12.2")
def _flattest_point() -> list[_Part]:
    example = worked_example()
    product = 2 * (example.predict([-1.0, *example.theta[1:]]) - example.y)  # of |u| and |w5|
    u = np.sqrt(product)
    limit = 2 / product
    return [
        _Number(
            "u",
            u,
            [
                (product, "That is the product of both. They are of equal size: take the root."),
                (u - 1, "That is the weight. The shorthand u is one more."),
                (1.0, "Then w5 is larger. Balance the two squares."),
            ],
            "Put the equation of the valley into the curvature and find its minimum.",
            also=[-u],
        ),
        _Number(
            "limit",
            limit,
            [
                (product, "That is the curvature. Which rates does it allow?"),
                (2 * limit, "Both squares count in the curvature."),
                (limit / 2, "There the distance is gone in one step. The limit is further."),
            ],
        ),
    ]


@_exercise("12.3")
def _plane_without_a_saddle() -> list[_Part]:
    example = worked_example()
    a = example.x @ example.W_h
    largest = 2 * a @ a
    return [
        _Number(
            "eigenvalues",
            [0.0, largest],
            [
                ([0.0, largest / 2], "The factor two of the square is missing."),
                (2 * a**2, "Those are the diagonal entries. The others are not zero."),
                (a**2, "Those are diagonal entries. The others are not zero."),
                ([0.0, 2 * np.sqrt(a @ a)], "The squared length is needed."),
                ([-largest, largest], "A square cannot fall below zero: is a saddle possible?"),
            ],
            "How does the loss change along the line where the prediction stays the same?",
            also=[[largest, 0.0]],
        )
    ]


@_exercise("12.4")
def _scale_symmetry() -> list[_Part]:
    example = worked_example()
    g = example.grad(example.theta)
    ratio = (g[0] ** 2 + g[2] ** 2) / g[4] ** 2
    return [
        _Number(
            "c",
            ratio**0.25,
            [
                (ratio**0.5, "Set the derivative to zero: c stands there in the fourth power."),
                (ratio, "Set the derivative to zero: c stands there in the fourth power."),
                ((g[0] ** 2 / g[4] ** 2) ** 0.25, "The gradient of w3 counts, too."),
                (1 / ratio**0.25, "It is the wrong way round: which gradients are divided by c?"),
                (((g[0] + g[2]) ** 2 / g[4] ** 2) ** 0.25, "Squares are added, not squared sums."),
            ],
            "Write the squared length as a function of c.",
        )
    ]


# --- page 13, deep and real ---


@_exercise("13.1")
def _leaky_relu() -> list[_Part]:
    alpha = 0.2
    right = 2 / (1 + alpha**2)
    return [
        _Number(
            "product",
            right,
            [
                (2.0, "The negative half is small, but not zero."),
                (2 / (1 + alpha), "The mean square is asked for: α stands there as a square."),
                (1 / (1 + alpha**2), "Only half of the numbers are positive."),
                (1 / right, "That is the part of the mean square that is kept. Make up for it."),
                (2 / (1 - alpha**2), "Both halves add to the mean square."),
                (right**0.5, "That is for the standard deviation. The variance is asked for."),
            ],
        )
    ]


@_exercise("13.2")
def _default_of_pytorch() -> list[_Part]:
    factor = 3**-0.5
    return [
        _Number(
            "factor",
            factor,
            [
                (factor**2, "That is the factor of the mean square. A size is its root."),
                (1.0, "The bound is not the standard deviation: most draws are smaller."),
                (12**-0.5, "The interval is twice as wide as its bound."),
                (0.5, "That is the mean size. The mean square counts."),
            ],
        ),
        _Number(
            "after",
            factor**20,
            [
                (factor**40, "That is the mean square. A size is its root."),
                (factor * 20, "Layers multiply."),
                (factor / 20, "Layers multiply."),
                (1.0, "The factor is not one."),
            ],
            rtol=0.05,
        ),
    ]


@_exercise("13.3")
def _how_deep() -> list[_Part]:
    def layers(name: str, factor: float) -> _Part:
        exact = 16 * math.log(10) / -math.log(factor)
        return _Number(
            name,
            math.ceil(exact),
            [
                (exact, "A network has a whole number of layers."),
                (math.floor(exact), "There the gradient is still above the limit."),
                (math.ceil(exact / 2), "That is for the mean square. The size is asked for."),
                (math.ceil(2 * exact), "That is for a factor that is the root of this one."),
                (math.ceil(exact / math.log(10)), "The logarithms have different bases."),
            ],
            "After how many factors is the product below the limit? Take logarithms.",
            rtol=1e-6,
        )

    return [layers("sigmoid", 1 / 4), layers("relu", 2**-0.5)]


@_exercise("13.4")
def _residual_network() -> list[_Part]:
    m = 1000
    return [
        _Number(
            "factor",
            1 + 1 / m,
            [
                (1 / m, "The input is added, too."),
                ((1 + 1 / m) ** 2, "The two parts are uncorrelated: their mean squares add."),
                ((1 + m**-0.5) ** 2, "The two parts are uncorrelated: their mean squares add."),
                (1 + m**-0.5, "The variance counts, not its root."),
                (1.0, "A little is added by each layer."),
                (2.0, "The second part has the variance that was chosen."),
            ],
            rtol=1e-5,
        ),
        _Number(
            "end",
            math.e,
            [
                (1.0, "A little is added by each layer, and there are many."),
                (2.0, "The factors multiply: interest bears interest."),
                (0.0, "The factor is above one."),
                (math.e**2, "The mean square is asked for."),
                (math.e**0.5, "The mean square is asked for, not its root."),
            ],
            "Raise the factor to the number of layers, for more and more layers.",
        ),
    ]


@_exercise("13.5")
def _is_the_band_luck() -> list[_Part]:
    def spread(name: str, n: int) -> _Part:
        right = math.sqrt(0.98 * 0.02 / n)
        return _Number(
            name,
            right,
            [
                (right**2, "That is the variance. The standard deviation is its root."),
                (right * n, "That is the number of digits. Divide by all digits."),
                (math.sqrt(0.98 / n), "The variance of a yes or no is p times one minus p."),
                (math.sqrt(0.02 / n), "The variance of a yes or no is p times one minus p."),
                (0.98 * 0.02 / math.sqrt(n), "The root is over the whole variance."),
                (math.sqrt(0.98 * 0.02), "That is for a single digit."),
                (math.sqrt(0.98 * 0.02 / 450) / 100, "The root makes the gain smaller."),
            ],
            rtol=5e-3,
        )

    return [spread("few", 450), spread("many", 45_000)]


# --- page 14, the bug museum: what its programs and tests do is computed on the page ---

_MUSEUM_TESTS = [
    "gradient check",
    "small steps",
    "shapes",
    "zero loss",
    "overfit",
    "batch mean",
    "large numbers",
    "reference",
]
_MUSEUM_BUGS = [
    "sequential update",
    "hidden transpose",
    "silent broadcast",
    "sum for mean",
    "no bias gradient",
    "no zero_grad",
    "schedule restarts",
    "change in place",
    "softmax overflow",
    "dead relu",
    "float32 check",
]


@_exercise("14.1")
def _find_the_bug() -> list[_Part]:
    network = Network(["tanh", "identity"])
    rng = np.random.default_rng(0)
    params = init_params([4, 3, 1], rng)
    X, y = rng.normal(size=(6, 4)), rng.normal(size=6)

    def flat(grads: Any) -> Array:
        return ravel(grads)[0]

    def with_slope(slope: Callable[[Array, Array], Any]) -> Array:
        passed = network.forward(params, X)
        delta2 = mse_grad(y[:, np.newaxis], passed.output)
        delta1 = delta2 @ params[1]["W"].T * slope(passed.z[0], passed.a[1])
        first = {"W": X.T @ delta1, "b": delta1.sum(axis=0)}
        return flat([first, {"W": passed.a[1].T @ delta2, "b": delta2.sum(axis=0)}])

    right = with_slope(lambda z, a: 1 - a**2)
    mistakes = [
        (with_slope(lambda z, a: 1 - z**2), "The bug is still there. Go through it line by line."),
        (with_slope(lambda z, a: 1.0), "Now the slope of the activation is missing."),
        (with_slope(lambda z, a: 1 - np.tanh(a) ** 2), "That is tanh of tanh."),
        (with_slope(lambda z, a: 1 - a), "A square is missing."),
    ]

    def judge(grads: Callable[..., Any]) -> str | None:
        try:
            found = flat(grads([{k: v.copy() for k, v in p.items()} for p in params], X, y))
        except Exception as error:
            return f"The function raised {type(error).__name__}: {error}"
        number = _Number("gradient", right, mistakes, rtol=1e-6)
        return number.hint(found)

    return [_Judged("grads", judge)]


@_exercise("14.2")
def _how_far_the_loss_drops() -> list[_Part]:
    example = worked_example()
    g = example.grad(example.theta)
    share = float(g[:4] @ g[:4] / (g @ g))
    return [
        _Number(
            "forgotten",
            share,
            [
                (1 - share, "That is the part that is lost."),
                (4 / 6, "Weights count by the squares of their gradients, not by their number."),
                (share**0.5, "The drop goes with the square of the length."),
                (float(g[:4].sum() / g.sum()), "The drop goes with the squares of the gradients."),
            ],
        ),
        _Number(
            "twice",
            2.0,
            [
                (4.0, "One of the two factors in the product is right."),
                (1.0, "A longer step goes further."),
                (0.5, "A longer step goes further."),
            ],
            "The drop is a product of the step and the true gradient.",
        ),
    ]


def _some(
    name: str, right: Sequence[str], options: Sequence[str], missing: str, wrong: str
) -> _Words:
    others = [option for option in options if option not in right]
    return _Words(name, right, others, missing, wrong)


@_exercise("14.3")
def _half_a_bug() -> list[_Part]:
    return [
        _some(
            "found",
            ["gradient check", "small steps", "overfit", "reference"],
            _MUSEUM_TESTS,
            "Another one sees that loss and gradient do not fit, or that steps are too long.",
            "One of them looks at the loss alone, or at the shapes alone.",
        )
    ]


@_exercise("14.4")
def _ninth_test() -> list[_Part]:
    return [
        _some(
            "bugs",
            ["sequential update", "no zero_grad", "schedule restarts"],
            _MUSEUM_BUGS,
            "Another bug makes a step that is not the rate times the program's own gradient.",
            "In one of them, each step is the rate times the program's own gradient.",
        )
    ]


@_exercise("14.5")
def _smallest_kit() -> list[_Part]:
    return [
        _some(
            "kit",
            ["overfit", "large numbers", "reference"],
            _MUSEUM_TESTS,
            "Some bug is not caught. Look for a row with a single dot.",
            "It is not the smallest: one test catches nothing that the others do not.",
        ),
        _Number(
            "size",
            5,
            [
                (4, "Some bug is not caught. Look for rows where only the reference had a dot."),
                (6, "One test less is enough."),
                (3, "Without the reference, more is needed."),
            ],
            "Try all sets of the seven tests and the ninth.",
            rtol=1e-9,
        ),
    ]
