"""The explorers: numbers against the package and closed forms, errors, and controls."""

import inspect
import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from gdbp import explore
from gdbp.autodiff import Value
from gdbp.backprop import worked_example
from gdbp.calculus import check_gradient
from gdbp.explore import Answer, Choice, Number, Slider, Text, controls

EXPLORERS: dict[str, Callable[..., Answer]] = {
    name: getattr(explore, name)
    for name in (
        "secant",
        "direction",
        "learning_rate",
        "valley",
        "batch_size",
        "race",
        "stability",
        "backward_pass",
        "by_hand",
        "loss_surface",
    )
}
every_explorer = pytest.mark.parametrize("name", EXPLORERS)


def numbers(answer: Answer) -> list[float | None]:
    return [value.number for value in answer.values]


# --- what all have --------------------------------------------------------------------------------


@every_explorer
def test_picture_says_what_it_shows(name: str) -> None:
    root = ElementTree.fromstring(EXPLORERS[name]().picture)
    said = root.get("aria-label") or root.findtext("{http://www.w3.org/2000/svg}title")
    assert len(said) > 30
    assert root.get("role") == "img"


@every_explorer
def test_the_same_arguments_give_the_same_answer(name: str) -> None:
    assert EXPLORERS[name]() == EXPLORERS[name]()


@every_explorer
def test_answer_can_be_sent_as_json(name: str) -> None:
    picture, values = json.loads(json.dumps(EXPLORERS[name](), allow_nan=False))
    assert picture.startswith("<svg")
    assert all(len(value) == 3 and value[1] for value in values)


@every_explorer
def test_defaults_are_what_the_controls_allow(name: str) -> None:
    arguments = inspect.signature(EXPLORERS[name]).parameters
    found = controls(EXPLORERS[name])
    assert list(found) == list(arguments)
    for key, control in found.items():
        default = arguments[key].default
        assert control.check(key, default) == default
        if isinstance(control, Slider):  # a browser would move a number between two steps
            steps = (default - control.minimum) / control.step
            assert steps == pytest.approx(round(steps), abs=1e-9)


@every_explorer
def test_every_end_of_every_slider_has_an_answer(name: str) -> None:
    for key, control in controls(EXPLORERS[name]).items():
        choices: tuple[Any, ...] = ()
        if isinstance(control, Slider):
            choices = (control.minimum, control.maximum)
        elif isinstance(control, Choice):
            choices = control.options
        for choice in choices:
            answer = EXPLORERS[name](**{key: choice})
            json.dumps(answer, allow_nan=False)
            ElementTree.fromstring(answer.picture)
            assert "nan" not in answer.picture + str(answer)


@every_explorer
def test_handles_name_arguments(name: str) -> None:
    picture = EXPLORERS[name]().picture
    moved = " ".join(re.findall(r'data-(?:moves|turns)="([^"]+)"', picture)).split()
    assert set(moved) <= set(controls(EXPLORERS[name]))
    assert moved or name in ("backward_pass", "batch_size", "by_hand", "valley")


def test_answer_in_a_notebook_and_as_text() -> None:
    answer = explore.by_hand()
    assert answer._repr_html_().startswith("<svg")
    assert "<td>loss L</td><td>4.41</td>" in answer._repr_html_()
    assert "\nloss L: 4.41\n" in str(answer)


# --- controls -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("control", "value", "error", "message"),
    [
        (Slider("l", 0.0, 1.0, 0.1), 1.5, ValueError, "^a needs a number from 0 to 1, got 1.5"),
        (Slider("l", 0.0, 1.0, 0.1), "1", TypeError, "^a needs a real number, got '1'"),
        (Slider("l", 0.0, 1.0, 0.1), float("nan"), ValueError, "^a needs a finite number"),
        (Slider("l", 1, 9, 1), 2.5, TypeError, "^a needs an integer, got 2.5"),
        (Slider("l", 1, 9, 1), 10, ValueError, "^a needs an integer >= 1 and <= 9, got 10"),
        (Number("l", 1), None, TypeError, "^a needs a real number, got None"),
        (Number("l", 1), 1e7, ValueError, "^a needs a number from -1e6 to 1e6, got 10000000.0"),
        (Choice("l", ("b", "c")), "d", ValueError, "^a needs one of 'b', 'c', got 'd'"),
        (Text("l", 3), "long", ValueError, "^a needs at most 3 characters, got 4"),
        (Text("l", 3), 3, TypeError, "^a needs a text, got 3"),
    ],
)
def test_bad_argument(
    control: explore.Control, value: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        control.check("a", value)


def test_a_whole_number_may_come_as_a_float() -> None:
    assert explore.race(n_steps=20.0) == explore.race(n_steps=20)  # JSON knows one kind of number


def test_error_names_the_argument_of_the_explorer() -> None:
    with pytest.raises(ValueError, match=r"^lr needs a number from"):
        explore.valley(lr=7.0)
    with pytest.raises(TypeError, match="unexpected keyword"):
        explore.valley(rate=0.1)  # type: ignore[call-arg]


# --- page 2 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("h", [-1.5, -0.5, 0.05, 0.25, 1.0])
def test_secant_of_a_cube(h: float) -> None:
    slope, derivative, error, by_step = numbers(explore.secant(x0=0.5, h=h))
    assert derivative == pytest.approx(0.75)
    assert slope == pytest.approx(0.75 + 1.5 * h + h**2)
    assert error == pytest.approx(1.5 * h + h**2)
    assert by_step == pytest.approx(1.5 + h)


@pytest.mark.parametrize(
    ("function", "derivative"),
    [("x²", -1.0), ("sin x", np.cos(0.5)), ("eˣ", np.exp(-0.5)), ("|x|", -1.0)],
)
def test_secant_of_others(function: str, derivative: float) -> None:
    assert numbers(explore.secant(function, x0=-0.5))[1] == pytest.approx(derivative, rel=1e-12)


@pytest.mark.parametrize(("h", "slope"), [(0.5, 1.0), (-0.5, -1.0)])
def test_no_tangent_at_the_kink(h: float, slope: float) -> None:
    answer = explore.secant("|x|", x0=0.0, h=h)
    assert numbers(answer) == [slope, None]
    assert answer.values[1].text == "does not exist"
    assert "tangent</text>" not in answer.picture


def test_one_point_has_no_secant() -> None:
    with pytest.raises(ValueError, match=r"^h needs to be other than 0"):
        explore.secant(h=0.0)


# --- page 3 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [0, 53, 143, 270])
def test_direction_on_the_bowl(angle: int) -> None:
    slope, f_x, f_y, length = numbers(explore.direction(angle=angle))
    assert (f_x, f_y, length) == pytest.approx((3, 4, 5))
    turned = np.radians(angle)
    assert slope == pytest.approx(3 * np.cos(turned) + 4 * np.sin(turned), abs=1e-8)


@pytest.mark.parametrize(
    ("function", "gradient"),
    [
        ("x² − y²", (2.0, -4.0)),
        ("x y + x", (3.0, 1.0)),
        ("sin x + cos y", (np.cos(1), -np.sin(2))),
    ],
)
def test_gradient_elsewhere(function: str, gradient: tuple[float, float]) -> None:
    answer = explore.direction(function, x=1.0, y=2.0)
    assert numbers(answer)[1:3] == pytest.approx(gradient, abs=1e-8)


# --- page 5 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.1, 0.5, 0.9, 1.05])
def test_learning_rate_has_a_closed_form(lr: float) -> None:
    factor, theta, loss = numbers(explore.learning_rate(lr=lr, start=1.5, n_steps=12))
    assert factor == pytest.approx(1 - 2 * lr, abs=1e-12)
    assert theta == pytest.approx(1.5 * (1 - 2 * lr) ** 12, abs=1e-12)
    assert loss == pytest.approx(theta**2)


@pytest.mark.parametrize(("lr", "kappa"), [(0.1, 9), (0.2, 9), (0.25, 9), (0.5, 1)])
def test_valley_has_a_closed_form(lr: float, kappa: int) -> None:
    flat, steep, limit, best, loss = numbers(explore.valley(lr=lr, kappa=kappa, n_steps=10))
    assert (flat, steep) == pytest.approx((1 - lr, 1 - lr * kappa))
    assert (limit, best) == pytest.approx((2 / kappa, 2 / (1 + kappa)))
    assert loss == pytest.approx(((9 * flat**10) ** 2 + kappa * (steep**10) ** 2) / 2)


# --- page 6 ---------------------------------------------------------------------------------------


def test_batches() -> None:
    steps, end, mean = numbers(explore.batch_size("32", n_epochs=3))
    assert steps == 12
    assert 0 < end < 1
    assert 0 < mean < 1


def test_one_batch_is_descent_and_needs_no_seed() -> None:
    first, other = (explore.batch_size("128", lr=0.3, n_epochs=3, seed=seed) for seed in (0, 1))
    assert numbers(first) == pytest.approx(numbers(other), rel=1e-9)
    assert numbers(explore.batch_size("4", seed=0)) != numbers(explore.batch_size("4", seed=1))


def test_small_batches_jitter_higher() -> None:
    def floor(size: str) -> float:
        means = [numbers(explore.batch_size(size, lr=0.1, n_epochs=3, seed=s))[2] for s in range(5)]
        return float(np.mean(means))

    assert floor("1") > 3 * floor("16")


# --- page 7 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("surface", list(explore._COURSES))
def test_gradient_of_each_course(surface: str) -> None:
    course = explore._COURSES[surface]
    for point in ([-2.0, 1.0], [0.3, -1.2]):
        assert check_gradient(course.f, course.grad, np.array(point)).ok


@pytest.mark.parametrize("surface", list(explore._COURSES))
def test_every_runner_descends_at_its_rate(surface: str) -> None:
    course = explore._COURSES[surface]
    start = float(course.f(np.array([-2.0, 1.0])))
    ends = numbers(explore.race(surface))
    assert len(ends) == 6
    assert all(end is not None and end < 0.5 * start for end in ends)


def test_first_step_of_the_race() -> None:
    (descent, *_) = numbers(explore.race("bowl", x=1.0, y=0.5, n_steps=1))
    assert descent == pytest.approx((0.9**2 + 4 * 0.3**2) / 2)


def test_what_the_caption_of_the_race_says() -> None:
    on_the_ridge = numbers(explore.race("saddle", y=0.0))
    assert min(on_the_ridge) >= 0.25
    threefold = numbers(explore.race("ravine", rate=3.0))
    assert min(threefold[0], threefold[2]) > 1e6
    assert max(threefold[3:]) < 10


def test_diverged_race() -> None:
    answer = explore.race("curved valley", x=2.5, y=-2.5, rate=3.0, n_steps=60)
    assert answer.values[0].text == "diverged"
    assert answer.values[0].number is None


def test_stability_agrees_with_the_roots() -> None:
    for lr, momentum in [(0.5, 0.0), (2.5, 0.5), (3.02, 0.5), (0.1, 0.9), (1.0, 0.98)]:
        roots = np.roots([1, -(1 + momentum - lr), momentum])
        radius, limit, _ = numbers(explore.stability(lr, momentum))
        assert radius == pytest.approx(np.abs(roots).max(), rel=1e-7)
        assert limit == pytest.approx(2 * (1 + momentum))
        assert (radius > 1) == (lr > limit)


def test_distance_of_a_run_without_momentum() -> None:
    assert numbers(explore.stability(0.5, 0.0, n_steps=20))[2] == pytest.approx(0.5**20)


# --- page 8 ---------------------------------------------------------------------------------------


def test_backward_pass_is_the_engines() -> None:
    w, x = Value(0.5), Value(-1.5)
    loss = ((w * x).tanh() + w.sigmoid() / 2 - (-x).exp()) ** 2 + (2 - x).log() + x.relu()
    loss.backward()
    text = "(tanh(w * x) + sigmoid(w) / 2 - exp(-x)) ** 2 + log(2 - x) + relu(x)"
    result, _, by_w, by_x = explore.backward_pass(text, "w = 0.5, x = -1.5", 24).values
    assert result.number == pytest.approx(loss.data.item(), rel=1e-12)
    assert (by_w.label, by_x.label) == ("∂/∂w", "∂/∂x")
    assert by_w.number == pytest.approx(w.grad.item(), rel=1e-12)
    assert by_x.number == pytest.approx(x.grad.item(), rel=1e-12)


def test_backward_pass_step_by_step() -> None:
    at = [explore.backward_pass("w * x + w", "w = 2, x = 3", step=k) for k in range(6)]
    assert [answer.values[1].text for answer in at] == [f"{min(k, 4)} of 4" for k in range(6)]
    assert [len(answer.values) for answer in at] == [2, 2, 2, 3, 4, 4]
    assert 'class="node current"' not in at[0].picture
    assert 'class="node current"' in at[1].picture
    assert at[4] == at[5]


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        ("w +", "w = 1", "^expression needs to be one of Python, got 'w \\+'"),
        ("", "w = 1", "^expression needs to be one of Python"),
        ("w * v", "w = 1", "^values needs a number for v"),
        ("2 + 3", "w = 1", "^expression needs a name that has a value"),
        ("exp(2) * w", "w = 1", r"^expression needs a name inside of exp\(…\)"),
        ("w.data", "w = 1", "^expression needs names, numbers, .* got 'w.data'"),
        ("__import__('os')", "w = 1", "^expression needs names, numbers"),
        ("(lambda: w)()", "w = 1", "^expression needs names, numbers"),
        ("exp(w, 2)", "w = 1", "^expression needs names, numbers"),
        ("w @ w", "w = 1", "^expression needs names, numbers"),
        ("w if w else 2", "w = 1", "^expression needs names, numbers"),
        ("True * w", "w = 1", "^expression needs names, numbers"),
        ("w + 'a'", "w = 1", "^expression needs names, numbers"),
        ("w / 0", "w = 1", "^expression needs a finite and real result"),
        (
            "w + 1 / 0",
            "w = 1",
            "^expression needs a finite and real result, but float division by zero",
        ),
        ("log(-w)", "w = 1", "^expression needs a finite and real result"),
        ("w + 9 ** 999", "w = 1", "^expression needs a finite and real result"),
        ("w" + " * w" * 25, "w = 1", "^expression needs at most 24 nodes to be drawn, got 26"),
        ("w", "w", "^values needs a finite number for w, got ''"),
        ("w\0", "w = 1", "^expression needs to be one of Python"),
        ("w", "2 = 3", "^values needs the form \"w = 2, x = 3\", got '2 = 3'"),
        ("w", "exp = 3", '^values needs the form "w = 2, x = 3"'),
        ("w", "w = a", "^values needs a finite number for w, got 'a'"),
        ("w", "w = inf", "^values needs a finite number for w, got 'inf'"),
        ("w + (-8) ** 0.5", "w = 1", "^expression needs a finite and real result"),
    ],
)
def test_expression_that_is_none(expression: str, values: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explore.backward_pass(expression, values)


# --- page 10 --------------------------------------------------------------------------------------


def test_by_hand_prints_what_the_page_prints() -> None:
    texts = {value.label: value.text for value in explore.by_hand().values}
    assert texts["prediction ŷ"] == "2.9"
    assert [texts[f"∂L/∂w{k}"] for k in "₁₂₃₄₅₆"] == ["2.1", "4.2", "4.2", "8.4", "4.2", "3.99"]
    new = [texts[f"new w{k}"] for k in "₁₂₃₄₅₆"]
    assert new == ["0.979", "0.458", "0.458", "0.616", "0.958", "1.9601"]


def test_by_hand_is_the_network() -> None:
    weights = {f"w{k}": 0.3 * k - 1 for k in range(1, 7)}
    answer = explore.by_hand(**weights)
    example = worked_example(**weights)
    grad = example.grad(example.theta)
    assert numbers(answer)[5:11] == pytest.approx(list(grad))
    assert numbers(answer)[11:17] == pytest.approx(list(example.theta - 0.01 * grad))
    assert numbers(answer)[17] == pytest.approx(float(example.loss(example.theta - 0.01 * grad)))


def test_sequential_update_takes_each_gradient_anew() -> None:
    example = worked_example()
    theta = example.theta.copy()
    for k in (4, 5, 0, 1, 2, 3):
        theta[k] -= 0.1 * example.grad(theta)[k]
    assert numbers(explore.by_hand(lr=0.1))[-1] == pytest.approx(float(example.loss(theta)))


def test_what_the_caption_by_hand_says() -> None:
    assert numbers(explore.by_hand(y=2.9))[5:11] == pytest.approx([0] * 6, abs=1e-12)
    answer = explore.by_hand(lr=0.2)
    assert answer.values[17].number > answer.values[3].number


# --- page 12 --------------------------------------------------------------------------------------


def test_surface_has_the_path_of_the_page() -> None:
    w1, w5, loss, before, after = numbers(explore.loss_surface(lr=0.02, n_steps=150))
    assert (w1 + 1) * w5 == pytest.approx(-2.2, abs=0.01)
    assert loss == pytest.approx((1.1 + (w1 + 1) * w5 / 2) ** 2)
    assert (before, after) == pytest.approx((3, (w1 + 1) ** 2 - w5**2))
    assert after == pytest.approx(3, abs=0.1)


def test_what_the_caption_of_the_surface_says() -> None:
    onto = numbers(explore.loss_surface(w1=0.0, w5=1.0, n_steps=150))
    beside = numbers(explore.loss_surface(w1=0.05, w5=1.0, n_steps=150))
    assert onto[2] == pytest.approx(1.21, abs=1e-3)
    assert beside[2] < 1e-6
    far = explore.loss_surface(w1=2.5, w5=2.0, lr=0.4, n_steps=150)
    assert far.values[-1].text == "diverged"


def test_turning_changes_the_picture_and_no_number() -> None:
    one, other = explore.loss_surface(), explore.loss_surface(azimuth=30, elevation=50)
    assert one.values == other.values
    assert one.picture != other.picture


def test_near_facets_hide_far_ones() -> None:
    view = explore._View(np.radians(-52), np.radians(32))
    eye = np.cos(view.elevation) * np.array([np.cos(view.azimuth), np.sin(view.azimuth)])
    _, _, near = view.project(*eye, np.sin(view.elevation))
    _, _, far = view.project(*-eye, -np.sin(view.elevation))
    assert near > far
