"""The losses and their gradients, against torch."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gdbp.calculus import check_gradient
from gdbp.losses import mse, mse_grad, softmax_cross_entropy, softmax_cross_entropy_grad

untimed = settings(deadline=None)
MSE, CROSS_ENTROPY = (mse, mse_grad), (softmax_cross_entropy, softmax_cross_entropy_grad)


def torch_loss_and_grad(criterion, prediction, target):
    """Return torch's loss and the gradient with respect to the prediction."""
    x = torch.tensor(prediction, requires_grad=True)
    loss = criterion(x, torch.tensor(target))
    loss.backward()
    return loss.item(), x.grad.numpy()


def pairs(dtype, width):
    """Draw targets and predictions of one shape, scalars included."""
    elements = st.floats(-1000, 1000, width=width)
    shapes = npst.array_shapes(min_dims=0, max_dims=4, max_side=4)
    return shapes.flatmap(lambda s: st.tuples(*[npst.arrays(dtype, s, elements=elements)] * 2))


@st.composite
def classifications(draw, dtype=np.float64, largest=50):
    """Draw logits (n, n_classes) and labels (n,)."""
    n, n_classes = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    elements = st.floats(-largest, largest, width=np.finfo(dtype).bits)
    logits = draw(npst.arrays(dtype, (n, n_classes), elements=elements))
    return logits, draw(npst.arrays(np.int64, n, elements=st.integers(0, n_classes - 1)))


# atol: numbers below `tiny` have fewer digits.
@untimed
@given(pairs(np.float64, 64))
def test_mse_and_its_gradient_agree_with_torch(pair):
    y, y_hat = pair
    loss, grad = torch_loss_and_grad(torch.nn.MSELoss(), y_hat, y)
    tiny = np.finfo(np.float64).tiny
    np.testing.assert_allclose(mse(y, y_hat), loss, rtol=1e-12, atol=tiny)
    np.testing.assert_allclose(mse_grad(y, y_hat), grad, rtol=1e-12, atol=tiny)


@untimed
@given(pairs(np.float32, 32))
def test_mse_agrees_with_torch_in_float32_and_stays_there(pair):
    y, y_hat = pair
    loss, grad = torch_loss_and_grad(torch.nn.MSELoss(), y_hat, y)
    found, tiny = mse_grad(y, y_hat), np.finfo(np.float32).tiny
    assert found.dtype == np.float32
    # At most 4^4 squares are summed, in another order: a few roundings of 6e-8 each.
    np.testing.assert_allclose(mse(y, y_hat), loss, rtol=1e-6, atol=tiny)
    np.testing.assert_allclose(found, grad, rtol=1e-6, atol=tiny)


# atol below: log(1 + s) and p - 1 cancel where a class is certain, so that their error is
# absolute: a few ε, whatever the result.
@untimed
@given(classifications())
def test_cross_entropy_and_its_gradient_agree_with_torch(case):
    logits, labels = case
    loss, grad = torch_loss_and_grad(torch.nn.CrossEntropyLoss(), logits, labels)
    np.testing.assert_allclose(softmax_cross_entropy(logits, labels), loss, rtol=1e-12, atol=1e-15)
    found = softmax_cross_entropy_grad(logits, labels)
    np.testing.assert_allclose(found, grad, rtol=1e-12, atol=1e-15)


@untimed
@given(classifications(np.float32))
def test_cross_entropy_agrees_with_torch_in_float32_and_stays_there(case):
    logits, labels = case
    loss, grad = torch_loss_and_grad(torch.nn.CrossEntropyLoss(), logits, labels)
    # A logit up to 100 below the largest has an error of ε·100, relative in the exponential.
    np.testing.assert_allclose(softmax_cross_entropy(logits, labels), loss, rtol=1e-5, atol=1e-6)
    found = softmax_cross_entropy_grad(logits, labels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, grad, rtol=3e-5, atol=1e-6)


@untimed
@given(classifications(largest=700), st.floats(-1e6, 1e6))
def test_cross_entropy_ignores_a_shift_of_the_logits(case, shift):
    logits, labels = case
    # The shift rounds each logit by up to ε·1e6.
    np.testing.assert_allclose(
        softmax_cross_entropy(logits + shift, labels),
        softmax_cross_entropy(logits, labels),
        rtol=1e-9,
        atol=1e-9,
    )


@untimed
@given(classifications())
def test_rows_of_the_cross_entropy_gradient_sum_to_zero(case):
    rows = softmax_cross_entropy_grad(*case).sum(axis=1)
    np.testing.assert_allclose(rows, 0, atol=1e-15)


@untimed
@given(classifications(largest=3), pairs(np.float64, 64))
def test_gradients_agree_with_differences(case, pair):
    logits, labels = case
    assert check_gradient(
        lambda z: softmax_cross_entropy(z, labels),
        lambda z: softmax_cross_entropy_grad(z, labels),
        logits,
    ).ok
    y, y_hat = pair
    assert check_gradient(lambda p: mse(y, p), lambda p: mse_grad(y, p), y_hat).ok


def test_losses_by_hand():
    assert mse([1, 2], [1, 4]) == 2
    np.testing.assert_array_equal(mse_grad([1, 2], [1, 4]), [0, 2])
    assert softmax_cross_entropy(np.zeros((2, 4)), [3, 0]) == np.log(4)
    np.testing.assert_array_equal(
        softmax_cross_entropy_grad(np.zeros((1, 4)), [3]), [[0.25, 0.25, 0.25, -0.75]]
    )


def test_losses_are_python_floats():
    assert type(mse(np.float32([1]), np.float32([2]))) is float
    assert type(softmax_cross_entropy(np.zeros((1, 2), np.float32), [0])) is float


@pytest.mark.parametrize("largest", [1e3, 1e8, 1e300])
def test_cross_entropy_of_huge_logits_is_finite(largest):
    logits = [[largest, 0.0], [-largest, 0.0]]
    assert str(softmax_cross_entropy(logits, [0, 1])) == "0.0"  # not -0.0
    assert softmax_cross_entropy(logits, [1, 1]) == largest / 2
    np.testing.assert_array_equal(softmax_cross_entropy_grad(logits, [1, 1]), [[0.5, -0.5], [0, 0]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_labels_may_be_of_any_integer_type(dtype):
    assert softmax_cross_entropy([[0.0, 5.0]], np.array([1], dtype)) < 0.01


def test_the_arguments_are_left_as_they_were():
    z, y = np.array([[1.0, 2.0]]), np.array([0])
    softmax_cross_entropy_grad(z, y)
    mse_grad(z, z)
    np.testing.assert_array_equal(z, [[1, 2]])


@pytest.mark.parametrize("loss", MSE)
@pytest.mark.parametrize(
    ("y", "y_hat", "error", "message"),
    [
        ([1, 2], [[1], [2]], ValueError, "y_hat needs the shape of y, (2,), got shape (2, 1)"),
        ([[1], [2]], [1, 2], ValueError, "y_hat needs the shape of y, (2, 1), got shape (2,)"),
        (1.0, [1.0], ValueError, "y_hat needs the shape of y, (), got shape (1,)"),
        ([], [], ValueError, "y needs at least one number, got shape (0,)"),
        (np.ones((2, 0)), [1], ValueError, "y needs at least one number, got shape (2, 0)"),
        ([np.nan], [1], ValueError, "y needs finite numbers, got nan at index (0,)"),
        ([1], [np.inf], ValueError, "y_hat needs finite numbers, got inf at index (0,)"),
        ([[1], [1, 2]], [1], ValueError, "y needs rows of equal length, got a ragged sequence"),
        ([1], [[1], [1, 2]], ValueError, "y_hat needs rows of equal length, got a ragged sequ"),
        ([1j], [1], TypeError, "y needs real numbers, got dtype complex128"),
        ([1], [None], TypeError, "y_hat needs real numbers, got dtype object"),
        ([1], ["1"], TypeError, "y_hat needs real numbers, got dtype <U1"),
    ],
)
def test_mse_names_bad_input(loss, y, y_hat, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        loss(y, y_hat)


@pytest.mark.parametrize("loss", CROSS_ENTROPY)
@pytest.mark.parametrize(
    ("logits", "labels", "error", "message"),
    [
        ([1, 2], [0], ValueError, "logits needs 2 axes, got shape (2,)"),
        ([[]], [0], ValueError, "logits needs at least one number, got shape (1, 0)"),
        ([[1, np.nan]], [0], ValueError, "logits needs finite numbers, got nan at index (0, 1)"),
        ([[1], [1, 2]], [0], ValueError, "logits needs rows of equal length, got a ragged sequ"),
        ([[1j, 1]], [0], TypeError, "logits needs real numbers, got dtype complex128"),
        ([["a", "b"]], [0], TypeError, "logits needs real numbers, got dtype <U1"),
        ([[1, 2]], [2], ValueError, "labels needs classes from 0 to 1, got 2 to 2"),
        ([[1, 2]] * 2, [0, -1], ValueError, "labels needs classes from 0 to 1, got -1 to 0"),
        ([[1, 2]], [0.0], TypeError, "labels needs integers, got dtype float64"),
        ([[1, 2]], [True], TypeError, "labels needs integers, got dtype bool"),
        ([[1, 2]], ["0"], TypeError, "labels needs integers, got dtype <U1"),
        ([[1, 2]], [None], TypeError, "labels needs integers, got dtype object"),
        ([[1, 2]], 0, ValueError, "labels needs shape (1,), a label a row, got shape ()"),
        ([[1, 2]], [], ValueError, "labels needs shape (1,), a label a row, got shape (0,)"),
        ([[1, 2]], [0, 1], ValueError, "labels needs shape (1,), a label a row, got shape (2,)"),
        ([[1, 2]], [[0]], ValueError, "labels needs shape (1,), a label a row, got shape (1, 1)"),
        ([[1, 2]], [[0], [0, 1]], ValueError, "labels needs rows of equal length, got a ragged"),
    ],
)
def test_cross_entropy_names_bad_input(loss, logits, labels, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        loss(logits, labels)
