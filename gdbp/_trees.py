"""Parameters as trees: an ndarray, or a dict or list of trees.

A network's parameters are many arrays. The optimizers and the training loops do not care how
they are nested; these few functions are all they need to walk them.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gdbp._checks import Array, float_array

Tree = Any
"""An ndarray, or a dict, list or tuple of trees. A list of plain numbers is one array."""


def tree_map(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Apply `function` to each leaf of `tree`, and to the leaves of `others` at the same place.

    Where it returns a numpy scalar, as arithmetic on a 0-d array does, the new leaf is a 0-d
    array: else a list of such leaves would become a list of numbers, which stands for one array.
    """
    if isinstance(tree, dict):
        return {key: tree_map(function, tree[key], *(o[key] for o in others)) for key in tree}
    if _is_list_of_trees(tree):
        return [tree_map(function, *branches) for branches in zip(tree, *others, strict=True)]
    leaf = function(tree, *others)
    return np.asarray(leaf) if isinstance(leaf, np.generic) else leaf


def tree_leaves(tree: Tree, name: str) -> Iterator[tuple[str, Any]]:
    """Yield each leaf with the name a reader would use for it, such as `params[0]['W']`."""
    if isinstance(tree, dict):
        branches: Any = tree.items()
    elif _is_list_of_trees(tree):
        branches = enumerate(tree)
    else:
        yield name, tree
        return
    for key, branch in branches:
        yield from tree_leaves(branch, f"{name}[{key!r}]")


def _is_list_of_trees(tree: Tree) -> bool:
    """Tell a list of arrays from numbers in nested lists, which stand for one array."""
    return isinstance(tree, list | tuple) and any(
        isinstance(branch, dict | np.ndarray) or _is_list_of_trees(branch) for branch in tree
    )


def float_tree(name: str, tree: Tree, *, finite: bool = True, copy: bool = True) -> Tree:
    """Return a copy of `tree` with floating-point leaves.

    Without `copy`, what needs no conversion is the caller's own.

    Raises:
        TypeError: A leaf does not hold real numbers.
        ValueError: `tree` has no leaf, or a leaf is ragged, empty or not finite.
    """
    if not (finite or copy) and _holds_floats(tree):
        return tree  # names are for messages: most of the time is spent on them
    leaves = [float_array(where, leaf, finite=finite) for where, leaf in tree_leaves(tree, name)]
    if not leaves:
        raise ValueError(f"{name} needs at least one array, got {tree!r}")
    remaining = iter(leaves)
    return tree_map(lambda _: np.array(next(remaining), copy=copy or None), tree)


def _holds_floats(tree: Tree) -> bool:
    """Tell whether each leaf is an array of floating-point numbers, none of them empty."""
    if isinstance(tree, np.ndarray):
        return tree.dtype.kind == "f" and tree.size > 0
    if not isinstance(tree, dict | list | tuple) or not tree:
        return False
    return all(map(_holds_floats, tree.values() if isinstance(tree, dict) else tree))


def leaves_like(name: str, tree: Tree, reference_name: str, reference: Tree) -> list[Any]:
    """Return the leaves of `tree` in the order of `reference`; all leaves of both are arrays.

    Raises:
        ValueError: The trees differ in their nesting, or in the shape of a leaf.
    """
    leaves: list[Any] = []
    if not _collect(tree, reference, leaves):
        same_structure(name, tree, reference_name, reference)
        raise ValueError(f"{name} needs the nesting of {reference_name}")
    return leaves


def float_leaves_like(name: str, tree: Tree, reference_name: str, reference: Tree) -> list[Any]:
    """Return the leaves as `leaves_like` does, converted to floating-point arrays where needed.

    Raises:
        TypeError: A leaf does not hold real numbers.
        ValueError: As for `leaves_like`, or a leaf is ragged or empty.
    """
    leaves: list[Any] = []
    if _collect(tree, reference, leaves) and {leaf.dtype.kind for leaf in leaves} == {"f"}:
        return leaves
    converted = float_tree(name, tree, finite=False, copy=False)
    return leaves_like(name, converted, reference_name, reference)


def _collect(tree: Tree, reference: Tree, leaves: list[Any]) -> bool:
    """Add the leaves of `tree` to `leaves`; tell whether it has the structure of `reference`."""
    if isinstance(reference, np.ndarray):
        leaves.append(tree)
        return isinstance(tree, np.ndarray) and tree.shape == reference.shape
    if isinstance(reference, dict):
        if not isinstance(tree, dict) or tree.keys() != reference.keys():
            return False
        pairs = [(tree[key], reference[key]) for key in reference]
    else:
        if not isinstance(tree, list | tuple) or len(tree) != len(reference):
            return False
        pairs = [*zip(tree, reference, strict=True)]
    # a loop, not all() of a generator: this is most of the price of a step on a few numbers
    for branch, reference_branch in pairs:  # noqa: SIM110
        if not _collect(branch, reference_branch, leaves):
            return False
    return True


def same_structure(name: str, tree: Tree, reference_name: str, reference: Tree) -> None:
    """Raise `ValueError` unless both trees have the same nesting and the same leaf shapes."""
    found, needed = _shapes(tree), _shapes(reference)
    for where in needed | found:
        if where not in found:
            raise ValueError(f"{name} needs an array at {name}{where}, as {reference_name} has")
        if where not in needed:
            raise ValueError(f"{name} has {name}{where}, and {reference_name} has no such array")
        if found[where] != needed[where]:
            raise ValueError(
                f"{name}{where} needs the shape of {reference_name}{where}, {needed[where]}, "
                f"got shape {found[where]}"
            )


def _shapes(tree: Tree) -> dict[str, tuple[int, ...]]:
    return {where: np.shape(leaf) for where, leaf in tree_leaves(tree, "")}


def ravel(tree: Tree) -> tuple[Array, Callable[[Array], Tree]]:
    """Return the leaves as one vector θ, and the function that puts such a vector back.

    Args:
        tree: A tree of floating-point arrays, P numbers in all.

    Returns:
        θ, shape (P,), and a function from such a vector to a tree like `tree`.
    """
    leaves = [np.asarray(leaf) for _, leaf in tree_leaves(tree, "tree")]
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1]

    def unravel(theta: Array) -> Tree:
        pieces = iter(np.split(theta, ends))
        return tree_map(lambda leaf: next(pieces).reshape(np.shape(leaf)), tree)

    return np.concatenate([leaf.ravel() for leaf in leaves]), unravel
