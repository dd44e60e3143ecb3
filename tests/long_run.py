"""A run to interrupt, small and with few imports: the tests start it in processes of its own."""

import numpy as np

from gdbp.descent import fit
from gdbp.optimizers import adam

X = np.random.default_rng(5).normal(size=(23, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.1 * np.random.default_rng(6).normal(size=23)


def mse_loss(params, X, y):
    return float(np.mean((X @ params["w"] + params["b"] - y) ** 2))


def long_fit(optimizer=None, n_epochs=6, loss_fn=mse_loss, data=(X, Y), **options):
    """Fit a line, 5 batches an epoch, along gradients with noise from the run's generator.

    Returns the trajectory, and what the generator draws next.
    """
    rng = np.random.default_rng(7)

    def noisy_grad(params, X, y):
        error = 2 * (X @ params["w"] + params["b"] - y) / len(y)
        return {"w": X.T @ error + 0.01 * rng.normal(size=3), "b": error.sum()}

    start = {"w": np.zeros(3), "b": np.array(0.0)}
    options = {"grad_fn": noisy_grad, "batch_size": 5, "rng": rng, **options}
    run = fit(loss_fn, start, *data, optimizer or adam(0.05), n_epochs=n_epochs, **options)
    return run, rng.random()
