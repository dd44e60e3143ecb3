"""Trees of parameters: walked, checked, flattened and put together again."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gdbp._trees import float_tree, leaves_like, ravel, same_structure, tree_leaves, tree_map

untimed = settings(deadline=None)
arrays = npst.arrays(
    np.float64, npst.array_shapes(min_dims=0, max_side=3), elements=st.floats(-1e3, 1e3)
)
trees = st.recursive(
    arrays,
    lambda branches: (
        st.lists(branches, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from("Wbc"), branches, min_size=1)
    ),
    max_leaves=6,
)
W, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0])


def assert_equal(tree, other):
    same_structure("tree", tree, "other", other)
    tree_map(np.testing.assert_array_equal, tree, other)


@untimed
@given(trees)
def test_ravel_and_back_is_the_same_tree(tree):
    theta, unravel = ravel(tree)
    assert theta.shape == (sum(leaf.size for _, leaf in tree_leaves(tree, "")),)
    assert_equal(unravel(theta), tree)
    assert_equal(unravel(2 * theta), tree_map(lambda leaf: 2 * leaf, tree))


def test_ravel_keeps_the_order_of_the_leaves_and_float32():
    theta, unravel = ravel([W.astype(np.float32), {"b": b.astype(np.float32)}])
    np.testing.assert_array_equal(theta, [1, 2, 3, 4, 5])
    assert theta.dtype == unravel(theta)[1]["b"].dtype == np.float32


@pytest.mark.parametrize(
    ("tree", "names"),
    [
        (W, ["p"]),
        ([1.0, 2.0], ["p"]),
        ([[1.0, 2.0], [3.0, 4.0]], ["p"]),
        ([], ["p"]),
        ({}, []),
        ([W, [3.0]], ["p[0]", "p[1]"]),
        ((W, b), ["p[0]", "p[1]"]),
        ([[W], [b, b]], ["p[0][0]", "p[1][0]", "p[1][1]"]),
        ([{"W": W, "b": b}, {"W": W}], ["p[0]['W']", "p[0]['b']", "p[1]['W']"]),
        ({"layer": [W, b]}, ["p['layer'][0]", "p['layer'][1]"]),
    ],
)
def test_leaves_are_named_as_a_reader_would_index_them(tree, names):
    leaves = dict(tree_leaves(tree, "p"))
    assert list(leaves) == names
    for name, leaf in leaves.items():
        assert eval(name, {"p": tree}) is leaf


def test_map_takes_the_leaves_at_the_same_place_of_every_tree():
    result = tree_map(
        lambda x, y, z: x + 10 * y + 100 * z,
        {"W": W, "b": [b, b]},
        {"b": [0 * b, b], "W": W},  # another order of the keys
        {"W": 0 * W, "b": [b, 0 * b]},
    )
    assert_equal(result, {"W": 11 * W, "b": [101 * b, 11 * b]})
    assert list(result) == ["W", "b"]


def test_map_returns_a_list_for_a_tuple():
    assert_equal(tree_map(np.negative, (W, b)), [-W, -b])


def test_a_list_of_scalars_stays_a_list_of_arrays():
    """Numpy turns `2 * array(1.0)` into a number, and a list of numbers is one array."""
    doubled = tree_map(lambda leaf: 2 * leaf, [np.array(1.0), np.array(2.0)])
    assert [name for name, _ in tree_leaves(doubled, "p")] == ["p[0]", "p[1]"]


def test_map_leaves_what_is_no_number_as_it_is():
    assert tree_map(np.shape, {"W": W, "b": b}) == {"W": (2, 2), "b": (1,)}


def test_map_refuses_lists_of_unequal_lengths():
    with pytest.raises(ValueError, match="longer"):
        tree_map(np.add, [W], [W, b])


def test_float_tree_copies_and_converts_integers():
    tree = {"W": W, "n": [1, 2]}
    copy = float_tree("params", tree)
    copy["W"] += 1
    assert W[0, 0] == 1
    assert copy["n"].dtype == np.float64
    np.testing.assert_array_equal(copy["n"], [1, 2])


def test_float_tree_without_a_copy_converts_only_what_it_must():
    tree = {"W": W, "n": [1, 2]}
    floats = float_tree("params", tree, copy=False)
    assert floats["W"] is W
    assert floats["n"].dtype == np.float64
    whole = ({"W": W}, [b])
    assert float_tree("params", whole, finite=False, copy=False) is whole
    for bad in ({}, [], [W, b[:0]]):
        with pytest.raises(ValueError, match=r"^p.* needs at least one"):
            float_tree("p", bad, finite=False, copy=False)


@untimed
@given(trees)
def test_a_tree_has_its_own_leaves(tree):
    leaves = leaves_like("tree", tree, "tree", tree)
    assert all(a is b for a, (_, b) in zip(leaves, tree_leaves(tree, ""), strict=True))


def test_leaves_come_in_the_order_of_the_reference():
    leaves = leaves_like("grads", {"b": (b, W), "W": W}, "params", {"W": W, "b": [b, W]})
    assert [leaf is W for leaf in leaves] == [True, False, True]


@pytest.mark.parametrize("tree", [{0: b}, {"W": W, "empty": {}}, [W, b], b, [W, W, W]])
def test_the_leaves_of_another_nesting_are_refused(tree):
    reference = [b] if isinstance(tree, dict) and 0 in tree else {"W": W}
    with pytest.raises(ValueError, match=r"^grads\b.*\bparams\b"):
        leaves_like("grads", tree, "params", reference)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_tree_keeps_the_floating_point_type(dtype):
    assert float_tree("params", [W.astype(dtype)])[0].dtype == dtype


def test_float_tree_lets_infinity_pass_on_request():
    assert float_tree("params", [np.inf], finite=False)[0] == np.inf


@pytest.mark.parametrize(
    ("tree", "error", "message"),
    [
        ({}, ValueError, "p needs at least one array, got {}"),
        ({"a": {}}, ValueError, "p needs at least one array, got {'a': {}}"),
        ([], ValueError, "p needs at least one number, got shape (0,)"),
        ([W, []], ValueError, "p[1] needs at least one number, got shape (0,)"),
        ({"b": None}, TypeError, "p['b'] needs real numbers, got dtype object"),
        ([W, "b"], TypeError, "p[1] needs real numbers, got dtype <U1"),
        ([W, 1j * b], TypeError, "p[1] needs real numbers, got dtype complex128"),
        ([[1.0], [1.0, 2.0]], ValueError, "p needs rows of equal length, got a ragged sequence"),
        (
            {"W": [W, b * np.inf]},
            ValueError,
            "p['W'][1] needs finite numbers, got inf at index (0,)",
        ),
    ],
)
def test_float_tree_names_the_bad_leaf(tree, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        float_tree("p", tree)


@untimed
@given(trees)
def test_a_tree_has_its_own_structure(tree):
    same_structure("grads", tree_map(np.zeros_like, tree), "params", tree)


def test_the_order_of_keys_and_list_against_tuple_do_not_matter():
    same_structure("grads", {"b": (b, b), "W": W}, "params", {"W": W, "b": [b, b]})


@pytest.mark.parametrize(
    ("grads", "params", "message"),
    [
        (W, b, "grads needs the shape of params, (1,), got shape (2, 2)"),
        (b[:, None], b, "grads needs the shape of params, (1,), got shape (1, 1)"),
        ([W, W], [W, b], "grads[1] needs the shape of params[1], (1,), got shape (2, 2)"),
        ({"W": W[:1]}, {"W": W}, "grads['W'] needs the shape of params['W'], (2, 2), got shape (1"),
        ([W], [W, b], "grads needs an array at grads[1], as params has"),
        ([W, b], [W], "grads has grads[1], and params has no such array"),
        ({"W": W}, {"W": W, "b": b}, "grads needs an array at grads['b'], as params has"),
        ({"W": W, "B": b}, {"W": W}, "grads has grads['B'], and params has no such array"),
        (W, [W], "grads needs an array at grads[0], as params has"),
    ],
)
def test_different_structures_are_told_apart_by_name(grads, params, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        same_structure("grads", grads, "params", params)
