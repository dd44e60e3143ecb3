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


def float_tree(name: str, tree: Tree, *, finite: bool = True) -> Tree:
    """Return a copy of `tree` with floating-point leaves.

    Raises:
        TypeError: A leaf does not hold real numbers.
        ValueError: `tree` has no leaf, or a leaf is ragged, empty or not finite.
    """
    leaves = [float_array(where, leaf, finite=finite) for where, leaf in tree_leaves(tree, name)]
    if not leaves:
        raise ValueError(f"{name} needs at least one array, got {tree!r}")
    remaining = iter(leaves)
    return tree_map(lambda _: np.array(next(remaining)), tree)


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
