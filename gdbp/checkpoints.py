r"""Checkpoints: a run written down so that it outlives its process, whenever that ends.

A checkpoint is one file in numpy's own format, .npz: arrays, and facts about the run as JSON. It is
written aside, brought to the disk, and takes the place of the last one in a single step: at any
moment the file is whole. Nothing is pickled, so reading a file never runs code from it.

The functions import json, pathlib and zipfile late: few programs that import this module save.
"""

import math
import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from gdbp._checks import Array

FORMAT = 1
"""The version of the files' layout; a file of another version is refused."""

RTOL = 1e-6
"""How much a number among the facts may differ: another machine rounds differently."""

T = TypeVar("T")
_ABOUT = "about"


def save(
    path: str | os.PathLike[str], arrays: Mapping[str, ArrayLike], about: Mapping[str, Any]
) -> None:
    """Write a checkpoint in the place of the last one, so that one of the two always stands there.

    Args:
        path: The file; its folder has to exist. The new one is first written to `path` + ".part".
        arrays: What to keep, by name; "about" is taken.
        about: Facts that tell this run from another, by name: what JSON can hold; "format" and
            "arrays" are taken.

    Raises:
        OSError: The file cannot be written.
        ValueError: An array holds Python objects.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> path = Path(mkdtemp(), "run.npz")
        >>> save(path, {"theta": [1.0, 2.0]}, {"batch_size": 32})
        >>> np.load(path)["theta"]
        array([1., 2.])
    """
    import json
    import zipfile
    from pathlib import Path

    target = Path(path)
    aside = target.with_name(f"{target.name}.part")
    facts = json.dumps({"format": FORMAT, "arrays": list(arrays), **about})
    try:
        with aside.open("wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for name, array in {_ABOUT: facts, **arrays}.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave the new name and no content
        os.replace(aside, target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def load(path: str | os.PathLike[str], about: Mapping[str, Any]) -> dict[str, Array]:
    """Read a checkpoint, if it is whole and of this run.

    Args:
        path: The file.
        about: The facts of this run, as for `save`.

    Returns:
        The arrays, by name.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is truncated, damaged or no checkpoint, has another version, or a fact
            differs; numbers that are not integers may differ by 1e-6, relative to their size.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> path = Path(mkdtemp(), "run.npz")
        >>> save(path, {"theta": [1.0, 2.0]}, {"batch_size": 32})
        >>> load(path, {"batch_size": 32})
        {'theta': array([1., 2.])}
    """
    import json
    import zipfile

    with open(path, "rb") as file:
        try:
            arrays = _read(file)
            facts = json.loads(str(arrays.pop(_ABOUT)))
            version, names = facts.pop("format"), facts.pop("arrays")
            if names != list(arrays):
                raise ValueError("it does not hold the arrays that it names")
        except (zipfile.BadZipFile, *_DAMAGE) as error:
            raise ValueError(
                f"checkpoint {os.fspath(path)!r} is truncated, damaged or not a checkpoint: {error}"
            ) from error
    if version != FORMAT:
        raise ValueError(
            f"checkpoint {os.fspath(path)!r} has version {version}, this gdbp reads {FORMAT}"
        )
    needed = json.loads(json.dumps(dict(about)))  # as it comes back from the file
    for name in needed | facts:
        if not _same(facts.get(name), needed.get(name)):
            raise ValueError(
                f"checkpoint {os.fspath(path)!r} is of another run: its {name} is "
                f"{facts.get(name)}, here it is {needed.get(name)}"
            )
    return arrays


def pack(name: str, value: Any) -> dict[str, Array]:
    """Take a value apart into its arrays.

    Args:
        name: What the arrays' names start with.
        value: An array or a number, or dicts, lists and (named) tuples of them, such as parameters
            or an optimizer's state.

    Returns:
        The arrays in their order, named `name`.0, `name`.1, …

    Examples:
        >>> pack("params", [{"W": np.eye(1), "b": np.ones(2)}])
        {'params.0': array([[1.]]), 'params.1': array([1., 1.])}
    """
    leaves: list[Any] = []
    _map(leaves.append, value)
    return {f"{name}.{k}": np.asarray(leaf) for k, leaf in enumerate(leaves)}


def unpack(name: str, like: T, arrays: Mapping[str, Array]) -> T:
    """Put a value together again from the arrays that `pack` made of it.

    Args:
        name: What the arrays' names start with.
        like: A value with the same nesting.
        arrays: The arrays, by name.

    Returns:
        The value. A number where `like` has a number, arrays elsewhere.

    Raises:
        ValueError: An array is missing.

    Examples:
        >>> unpack("state", {"t": 0, "v": np.zeros(2)}, pack("state", {"t": 3, "v": np.ones(2)}))
        {'t': 3, 'v': array([1., 1.])}
    """
    numbers = iter(range(len(pack(name, like))))

    def leaf(old: Any) -> Any:
        key = f"{name}.{next(numbers)}"
        if key not in arrays:
            raise ValueError(f"the checkpoint needs an array {key!r}, and has none")
        return type(old)(arrays[key].item()) if isinstance(old, int | float) else arrays[key]

    return _map(leaf, like)  # type: ignore[no-any-return]  # what it is made of is like's


def generator_state(rng: "np.random.Generator") -> str:
    """Write down where a generator of random numbers is.

    Args:
        rng: The generator.

    Returns:
        Its state as JSON.

    Examples:
        >>> import json
        >>> json.loads(generator_state(np.random.default_rng(0)))["bit_generator"]
        'PCG64'
    """
    import json

    return json.dumps(rng.bit_generator.state, default=lambda array: array.tolist())


def set_generator_state(rng: "np.random.Generator", state: str) -> None:
    """Put a generator of random numbers back to where it was.

    Args:
        rng: The generator; it is changed.
        state: What `generator_state` returned.

    Raises:
        ValueError: The state is of another kind of generator.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> state, first = generator_state(rng), rng.random()
        >>> set_generator_state(rng, state)
        >>> rng.random() == first
        True
    """
    import json

    rng.bit_generator.state = json.loads(state, object_hook=_arrays_for_lists)


def _arrays_for_lists(state: dict[str, Any]) -> dict[str, Any]:
    """Give numpy's generators their words as arrays again; JSON made lists of them."""
    return {
        key: np.array(value, np.uint64) if isinstance(value, list) else value
        for key, value in state.items()
    }


# What else zipfile and numpy raise for a file that is cut off or has been changed.
_DAMAGE = (
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def _read(file: BinaryIO) -> dict[str, Array]:
    import zipfile

    arrays = {}
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                array = np.lib.format.read_array(member, allow_pickle=False)
            arrays[name.removesuffix(".npy")] = array
    return arrays


def _same(found: Any, needed: Any) -> bool:
    if isinstance(found, float) and isinstance(needed, float):
        return math.isclose(found, needed, rel_tol=RTOL)
    if isinstance(found, list) and isinstance(needed, list) and len(found) == len(needed):
        return all(map(_same, found, needed))
    return bool(found == needed)


def _map(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply `function` to each leaf of `value`; unlike `tree_map` it keeps the types of tuples."""
    if isinstance(value, dict):
        return {key: _map(function, branch) for key, branch in value.items()}
    if isinstance(value, list | tuple):
        branches = [_map(function, branch) for branch in value]
        return type(value)(*branches) if hasattr(value, "_fields") else type(value)(branches)
    return function(value)


def _sync_folder(folder: os.PathLike[str]) -> None:
    """Bring a folder's new entry to the disk, where a folder can be opened (not on Windows)."""
    if os.name != "posix":  # pragma: no cover
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
