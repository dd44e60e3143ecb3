"""Many processes take the steps of one: in this process, and started by torchrun."""

import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from gdbp import parallel
from gdbp.backprop import Network, init_params
from gdbp.descent import fit
from gdbp.optimizers import sgd
from gdbp.parallel import (
    best_world_size,
    digits,
    main,
    mean_of_shards,
    process_group,
    shard,
    step_time,
    train,
)
from gdbp.torch_nets import dense_network

LAYERS = ["tanh", "identity"]
NETWORK = Network(LAYERS, "softmax_cross_entropy")
COSTS = {"compute": 1.0, "n_bytes": 4e6, "latency": 1e-4, "bandwidth": 1e9}


def rng(seed=0):
    return np.random.default_rng(seed)


def small(n=23):
    return rng(1).normal(size=(n, 4)), rng(2).integers(0, 3, n), init_params([4, 5, 3], rng(3))


# --- shards ---


@pytest.mark.parametrize("world_size", [1, 2, 3, 7, 30])
def test_shards_make_up_the_batch_and_are_even(world_size):
    batch = rng().permutation(23)
    shards = [shard(batch, rank, world_size) for rank in range(world_size)]
    assert np.concatenate(shards).tolist() == batch.tolist()
    sizes = [len(part) for part in shards]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("world_size", [1, 2, 3, 5, 23])
def test_the_weighted_mean_of_the_shards_gradients_is_the_batchs(world_size):
    X, y, params = small()
    parts = [shard(np.arange(23), rank, world_size) for rank in range(world_size)]
    grads = [NETWORK.grads(params, X[part], y[part]) for part in parts]
    found = mean_of_shards(grads, [len(part) for part in parts])
    for layer, expected in zip(found, NETWORK.grads(params, X, y), strict=True):
        for key in "Wb":
            np.testing.assert_allclose(layer[key], expected[key], rtol=1e-12, atol=1e-15)
    if world_size in (2, 3, 5):  # where the shards are uneven, the plain mean is another
        plain = mean_of_shards(grads, [1] * world_size)
        assert not np.allclose(plain[0]["W"], found[0]["W"], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: shard(np.arange(3), 2, 2), ValueError, "rank needs an integer >= 0 and <= 1"),
        (lambda: shard(np.arange(3), 0, 0), ValueError, "world_size needs an integer >= 1"),
        (lambda: mean_of_shards([], []), ValueError, "sizes needs one for each of 0 > 0 grads"),
        (lambda: mean_of_shards([np.ones(1)], [1, 2]), ValueError, "each of 1 > 0 grads, got 2"),
        (lambda: mean_of_shards([np.ones(1)], [0]), ValueError, r"sizes\[0\] needs an integer"),
        (
            lambda: mean_of_shards([np.ones(1), np.ones(2)], [1, 1]),
            ValueError,
            r"grads\[1\] needs the shape of grads\[0\]",
        ),
        (lambda: step_time(0, **COSTS), ValueError, "n needs numbers >= 1, got 0"),
        (lambda: step_time(1, **COSTS | {"latency": 0}), ValueError, "latency needs"),
        (lambda: best_world_size(**COSTS | {"compute": 0}), ValueError, "compute needs"),
    ],
)
def test_bad_input_is_told(call, error, told):
    with pytest.raises(error, match=told):
        call()


# --- the cost model ---


@pytest.mark.parametrize("compute", [1e-4, 1e-3, 8.3e-3, 1e-2, 0.1, 1.0])
@pytest.mark.parametrize("n_bytes", [0, 4e6])
def test_no_number_of_processes_is_faster_than_the_best(compute, n_bytes):
    costs = COSTS | {"compute": compute, "n_bytes": n_bytes}
    times = step_time(np.arange(1, 1000), **costs)
    assert best_world_size(**costs) == 1 + times.argmin()
    assert times[0] == compute


def test_a_gradient_that_takes_longer_to_pass_than_to_compute_stays_in_one_process():
    assert best_world_size(**COSTS | {"compute": 7e-3}) == 1


# --- training in this process ---


def train_small(world=1, n=23, **options):
    X, y, params = small(n)
    model = dense_network(params, LAYERS)
    arguments = {"lr": 0.3, "batch_size": 5, "n_epochs": 4, "rng": rng(4), **options}
    X, y = arguments.pop("X", X), arguments.pop("y", y)
    with process_group() as group:
        group = parallel.Group(group.rank, world, group.device) if world > 1 else group
        losses = train(group, model, X, y, **arguments)
    return losses, [p.detach().numpy() for p in model.parameters()]


def assert_same(found, expected):
    assert found[0].tobytes() == expected[0].tobytes()
    for a, b in zip(found[1], expected[1], strict=True):
        assert a.tobytes() == b.tobytes()


def test_one_process_takes_the_steps_of_the_layers_by_hand():
    X, y, params = small()
    run = fit(
        NETWORK.loss, params, X, y, sgd(0.3), grad_fn=NETWORK.grads, batch_size=5, n_epochs=4,
        rng=rng(4),
    )  # fmt: skip
    losses, weights = train_small()
    np.testing.assert_allclose(losses, run.loss, rtol=1e-12)
    np.testing.assert_allclose(weights[0], run.last[0]["W"].T, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_run_goes_on_bit_for_bit_from_the_middle_of_an_epoch(momentum, tmp_path, monkeypatch):
    expected = train_small(momentum=momentum)
    options = {"momentum": momentum, "checkpoint": tmp_path / "run.npz", "checkpoint_every": 3}
    steps = []

    def interrupt(batch, rank, world_size):
        steps.append(batch)
        if len(steps) == 11:
            raise KeyboardInterrupt
        return shard(batch, rank, world_size)

    with monkeypatch.context() as patch:
        patch.setattr(parallel, "shard", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_small(**options)
    with np.load(tmp_path / "run.npz") as file:
        assert file["t"] == 6
    assert_same(train_small(**options), expected)
    assert_same(train_small(**options), expected)  # a finished run is read back


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"world": 24}, ValueError, "world_size needs a sample for each process: 24 > 23 samples"),
        ({"y": np.zeros(23)}, TypeError, "y needs integer labels"),
        ({"y": np.zeros(22, int)}, ValueError, r"y needs shape \(23,\)"),
        ({"lr": 0.0}, ValueError, "lr needs"),
        ({"momentum": 1.0}, ValueError, "momentum needs"),
        ({"batch_size": 24}, ValueError, "batch_size needs"),
        ({"n_epochs": 0}, ValueError, "n_epochs needs"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every needs"),
    ],
)
def test_wrong_arguments_of_train_are_told(options, error, told):
    with pytest.raises(error, match=told):
        train_small(**options)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    file = tmp_path / "run.npz"
    train_small(checkpoint=file)
    with pytest.raises(ValueError, match=r"of another run: its lr is 0\.3, here it is 0\.2"):
        train_small(checkpoint=file, lr=0.2)
    with pytest.raises(ValueError, match="checkpoint is 20 steps into a run, this one takes 5"):
        train_small(checkpoint=file, n_epochs=1)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="truncated"):
        train_small(checkpoint=file)


# --- the command line ---


def test_the_command_line_trains_on_the_digits(capsys):
    assert main(["--epochs", "1", "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"epoch   0 .*\nepoch   1 .*\ntest accuracy 0\.[89]\d\d\n", out)
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--epochs", "0"], "n_epochs needs an integer >= 1, got 0"),
        (["--checkpoint", "no/such/folder/run.npz", "--epochs", "1"], "No such file or directory"),
    ],
)
def test_bad_input_is_one_line(arguments, told, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"gdbp\.parallel: .*{told}.*\n", err)


def test_without_scikit_learn_one_line_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "gdbp.parallel: the digits come with scikit-learn: pip install scikit-learn\n"
    )


def test_a_port_in_use_is_one_line(capsys, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        places = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for name, value in places.items():
            monkeypatch.setenv(name, value)
        assert main([]) == 2
    assert capsys.readouterr().err == (
        f"gdbp.parallel: the processes cannot meet at 127.0.0.1:{port}: "
        "the port is in use, choose another\n"
    )


# --- two processes ---

KILLED_ONCE = """
import os, signal, sys
from gdbp import parallel

shard, calls = parallel.shard, []

def shard_or_die(batch, rank, world_size):
    calls.append(batch)
    # The call is of step 53 of 82: rank 0 saved step 50 before it joined the reduction of step 51.
    if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0" and rank == 1 and len(calls) == 55:
        os.kill(os.getpid(), signal.SIGKILL)
    return shard(batch, rank, world_size)

parallel.shard = shard_or_die
sys.exit(parallel.main())
"""


@contextmanager
def torchrun(*arguments):
    """Start torchrun, and leave no process behind, whatever happens."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", *arguments]
    # Else the restarted processes find the addresses of the dead ones, and may call there.
    fresh = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    environment = {**os.environ, **fresh, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()  # on which torchrun ends its workers; it may have ended itself
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="the loopback interface is named lo on Linux")
def test_two_processes_one_killed_have_the_result_of_one(tmp_path, capsys):
    # 1347 = 40 · 33 + 27: the shards of a batch are 17 and 16, those of the last 14 and 13.
    options = ["--epochs", "2", "--batch-size", "33", "--momentum", "0.5"]
    script, file = Path(tmp_path, "killed_once.py"), tmp_path / "run.npz"
    script.write_text(KILLED_ONCE, encoding="utf-8")
    saved = ["--checkpoint", str(file), "--checkpoint-every", "10"]
    launch = ["--nproc-per-node", "2", "--max-restarts", "1", str(script)]
    with torchrun(*launch, *options, *saved) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "Signal 9 (SIGKILL)" in err or "exitcode: -9" in err, "no worker was killed"

    assert main([*options, "--checkpoint", str(tmp_path / "one.npz")]) == 0
    losses = lambda text: [float(loss) for loss in re.findall(r"loss (\S+)", text)]  # noqa: E731
    np.testing.assert_allclose(losses(out), losses(capsys.readouterr().out), rtol=1e-11)
    with np.load(file) as two, np.load(tmp_path / "one.npz") as one:
        assert one["t"] == two["t"] == 82
        np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-12)
        for name in set(one) - {"about"}:
            if one[name].dtype.kind == "f":
                np.testing.assert_allclose(two[name], one[name], rtol=1e-10, atol=1e-12)


def test_digits_are_scaled_by_the_training_set_alone():
    X, y, X_test, y_test = digits(rng())
    assert np.abs(X.mean(axis=0)).max() < 1e-12
    assert X.std() == pytest.approx(1)
    assert not np.allclose(X_test.mean(axis=0), 0, atol=1e-3)
    assert (len(X), len(y), len(X_test), len(y_test)) == (1347, 1347, 450, 450)
    assert torch.tensor(y).dtype == torch.int64
