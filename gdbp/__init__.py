"""Gradient descent and backpropagation, written to be read.

The modules follow the pages of the book: `gdbp.calculus` (derivatives and gradients),
`gdbp.losses`, `gdbp.optimizers` (from a gradient to a step), `gdbp.descent` (the training loops),
`gdbp.autodiff` (an array that remembers) and `gdbp.drawing` (its graph), `gdbp.backprop` (dense
layers by hand), `gdbp.torch_nets` (the same networks in PyTorch), `gdbp.surfaces` (a loss over a
plane of parameters), `gdbp.parallel` (many processes) and `gdbp.checkpoints` (runs to go on from),
`gdbp.exercises` (checks with hints) and `gdbp.plotting` (the figures).
Importing `gdbp` imports none of them: a page that needs no PyTorch does not pay for it.
"""

__version__ = "0.1.0"
