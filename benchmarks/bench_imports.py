"""Comparisons of imports: the modules of gdbp that compute, and numpy alone.

Each call starts an interpreter. The first round writes the compiled modules, if there are none.
"""

import os
import subprocess
import sys
from functools import partial

from side_by_side import Contestants, Goal, comparison

NUMPY_MODULES = (
    "autodiff",
    "backprop",
    "calculus",
    "checkpoints",
    "descent",
    "drawing",
    "losses",
    "optimizers",
    "surfaces",
)

# Without compiled modules an import would mostly be a compilation, of numpy as well.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


def run(code: str) -> str:
    """Run a program in an interpreter of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return done.stdout


@comparison("Importing what computes", goals=[Goal("gdbp", "numpy", at_most=1.1)])
def imports() -> Contestants:
    """Start an interpreter that imports numpy, and one that imports gdbp's modules on top."""
    ours = "import " + ", ".join(f"gdbp.{name}" for name in NUMPY_MODULES)
    heavy = "{'torch', 'matplotlib', 'sklearn', 'tqdm'}"
    assert run(f"{ours}, sys; print({heavy} & set(sys.modules))") == "set()\n"
    programs = {"nothing": "pass", "numpy": "import numpy", "gdbp": ours}
    return {name: partial(run, program) for name, program in programs.items()}
