"""The worked example's step: the article's, in PyTorch, and ours, from one start and from many."""

import numpy as np
import torch
from side_by_side import Contestants, Goal, comparison
from torch import nn

from gdbp.backprop import Starts, worked_example
from gdbp.torch_nets import TwoLayerLinear

N_STARTS = 1_000


@comparison(
    "A step of the worked example",
    goals=[
        Goal("torch", "gdbp, one start", at_least=40),
        Goal("torch", "gdbp, 1,000 starts", at_least=8_000),
    ],
    per={"gdbp, 1,000 starts": N_STARTS},
)
def worked_example_step() -> Contestants:
    """Go forward and backward, with the loss known, and change all six weights."""
    example = worked_example()
    theta = example.theta.copy()
    starts = Starts(example, np.tile(example.theta, (N_STARTS, 1)))
    model = TwoLayerLinear(example.W_h, example.W_o, dtype=torch.float64)
    X, Y = torch.tensor(example.X), torch.tensor(example.Y)
    criterion, optimizer = nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=example.lr)

    def torch_step() -> float:
        optimizer.zero_grad()
        loss = criterion(model(X), Y)
        loss.backward()
        optimizer.step()
        return loss.item()

    contestants: Contestants = {
        "torch": torch_step,
        "gdbp, one start": lambda: example.step(theta, out=theta).loss,
        "gdbp, 1,000 starts": starts.step,
    }
    for _ in range(5):
        losses = [np.array(step()).flat[0] for step in contestants.values()]
        np.testing.assert_allclose(losses, losses[0], rtol=1e-12)
    weights = [model.hidden.weight.T, model.output.weight.T]
    trained = np.concatenate([weight.detach().numpy().ravel() for weight in weights])
    np.testing.assert_allclose(theta, trained, rtol=1e-12)
    np.testing.assert_allclose(starts.theta, theta[np.newaxis].repeat(N_STARTS, 0), rtol=1e-12)
    return contestants
