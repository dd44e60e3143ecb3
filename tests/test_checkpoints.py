"""Checkpoints: what is written comes back, what is damaged or another run's is refused."""

import os
import re
from typing import NamedTuple

import numpy as np
import pytest

from gdbp.checkpoints import (
    generator_state,
    load,
    pack,
    save,
    set_generator_state,
    unpack,
)

ABOUT = {"batch_size": 32, "loss": 0.5, "steps": [1.0, 2.0]}
ARRAYS = {"x": np.arange(4.0), "small": np.array([1, 2], np.float32), "t": np.array(3)}


class State(NamedTuple):
    t: int
    v: dict


@pytest.fixture
def path(tmp_path):
    save(tmp_path / "run.npz", ARRAYS, ABOUT)
    return tmp_path / "run.npz"


def test_arrays_come_back_as_they_were_and_numpy_can_read_the_file(path):
    with np.load(path, allow_pickle=False) as file:
        for found in (load(path, ABOUT), file):
            for name, array in ARRAYS.items():
                assert found[name].dtype == array.dtype
                assert found[name].tolist() == array.tolist()
    assert list(load(path, ABOUT)) == list(ARRAYS)


def test_the_same_run_makes_the_same_bytes(path, tmp_path):
    save(tmp_path / "again.npz", ARRAYS, ABOUT)
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_a_file_cut_off_at_any_length_is_refused(path):
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"'.*run\.npz' is truncated, damaged or not a"):
            load(path, ABOUT)


def test_a_changed_byte_is_never_read_as_another_number(path):
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 0x11
        path.write_bytes(changed)
        try:
            found = load(path, ABOUT)
        except ValueError:
            continue
        # some bytes of a zip file say nothing about its content
        assert {name: array.tolist() for name, array in found.items()} == {
            name: array.tolist() for name, array in ARRAYS.items()
        }


@pytest.mark.parametrize("write", [np.save, np.savez])
def test_another_file_of_numpy_is_no_checkpoint(write, tmp_path):
    with (tmp_path / "other").open("wb") as file:
        write(file, np.arange(3))
    with pytest.raises(ValueError, match="not a checkpoint"):
        load(tmp_path / "other", ABOUT)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.npz", ABOUT)


def test_python_objects_are_neither_written_nor_read(path, tmp_path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save(path, {"x": np.array([{}], dtype=object)}, ABOUT)
    assert path.read_bytes() == before  # the last checkpoint still stands there …
    assert os.listdir(tmp_path) == ["run.npz"]  # … and nothing else
    np.savez(path, x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load(path, ABOUT)


def test_another_version_is_refused(path, monkeypatch):
    monkeypatch.setattr("gdbp.checkpoints.FORMAT", 2)
    with pytest.raises(ValueError, match=r"has version 1, this gdbp reads 2$"):
        load(path, ABOUT)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({**ABOUT, "batch_size": 16}, "batch_size is 32, here it is 16"),
        ({**ABOUT, "loss": 0.5001}, "loss is 0.5, here it is 0.5001"),
        ({**ABOUT, "steps": [1.0]}, "steps is [1.0, 2.0], here it is [1.0]"),
        ({**ABOUT, "steps": [1.0, 3.0]}, "steps is [1.0, 2.0], here it is [1.0, 3.0]"),
        ({**ABOUT, "samples": 9}, "samples is None, here it is 9"),
        ({"batch_size": 32, "loss": 0.5}, "steps is [1.0, 2.0], here it is None"),
    ],
)
def test_a_fact_that_differs_is_named(path, other, told):
    with pytest.raises(ValueError, match=f"is of another run: its {re.escape(told)}$"):
        load(path, other)


def test_a_rounding_of_another_machine_makes_no_other_run(path):
    assert load(path, {**ABOUT, "loss": 0.5 * (1 + 1e-9)})


def test_pack_and_unpack_keep_nesting_types_and_numbers():
    value = State(3, {"a": [np.eye(2), np.float32(1.5)], "b": (np.ones(1), 2.5)})
    like = State(0, {"a": [np.zeros((2, 2)), np.float32(0)], "b": (np.zeros(1), 0.0)})
    found = unpack("s", like, pack("s", value))
    assert type(found) is State
    assert type(found.t) is int
    assert type(found.v["b"]) is tuple
    assert type(found.v["b"][1]) is float
    assert repr(found) == repr(State(3, {**value.v, "a": [np.eye(2), np.array(1.5, np.float32)]}))
    with pytest.raises(ValueError, match=re.escape("needs an array 's.1', and has none")):
        unpack("s", [0, 0], pack("s", [1]))


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_every_generator_of_numpy_goes_on_where_it_was(kind):
    make = getattr(np.random, kind)
    rng, other = np.random.Generator(make(0)), np.random.Generator(make(1))
    rng.random(3, np.float32)  # leaves half a word behind
    state = generator_state(rng)
    set_generator_state(other, state)
    assert other.random(3, np.float32).tolist() == rng.random(3, np.float32).tolist()
    assert other.random(700).tolist() == rng.random(700).tolist()


def test_the_state_of_another_generator_is_refused():
    state = generator_state(np.random.default_rng(0))
    with pytest.raises(ValueError, match="MT19937"):
        set_generator_state(np.random.Generator(np.random.MT19937(0)), state)
