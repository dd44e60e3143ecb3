"""Gradient descent and backpropagation, written to be read.

The modules follow the pages of the book: `gdbp.calculus` (derivatives and gradients),
`gdbp.losses`, `gdbp.optimizers`, `gdbp.descent` (the training loops), `gdbp.backprop` (dense
layers by hand), `gdbp.surfaces` (a loss over a plane of parameters), `gdbp.plotting` (the
figures) and `gdbp.torch_nets` (the same networks in PyTorch). Importing `gdbp` imports none of
them: a page that needs no PyTorch does not pay for it.
"""

__version__ = "0.1.0"
