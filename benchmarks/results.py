"""Keep what a benchmark found in results/<name>.json, next to what it was found on.

A time says little without the machine. The file is replaced as a whole: who stops a benchmark keeps
the results of the last one.
"""

import json
import os
import platform
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from threadpoolctl import threadpool_info

RESULTS = Path(__file__).parent / "results"


def write(name: str, data: Mapping[str, Any]) -> Path:
    """Write the results of one benchmark, and the machine that it ran on.

    Args:
        name: The name of the file, without `.json`.
        data: What was found, by name, as JSON knows it. The machine is added as "machine".

    Returns:
        The file.

    Raises:
        TypeError: `data` holds something that JSON does not know, such as an array.
        ValueError: `data` holds a NaN or an infinity.
    """
    found = {"machine": machine(), **data}
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RESULTS, prefix=".") as folder:
        new = Path(folder, f"{name}.json")
        new.write_text(text, encoding="utf-8")
        new.replace(RESULTS / new.name)
    return RESULTS / f"{name}.json"


def machine() -> dict[str, Any]:
    """Return what a time depends on, as far as the system tells.

    Returns:
        The processor, its cores, its caches in bytes by level, the memory in bytes, the system, the
        versions of what computes, the BLAS libraries, numpy's own first, and the number of
        processes that wanted a core in the last minute.
    """
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    libraries.sort(key=lambda library: "numpy" not in library["filepath"])  # scipy has another
    return {
        "cpu": _cpu(),
        "cores": psutil.cpu_count(logical=False) or os.cpu_count(),
        "caches": _caches(),
        "memory": psutil.virtual_memory().total,
        "system": _system(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "torch": version("torch"),
        "blas": [
            f"{library['internal_api']} {library['version']} ({library.get('architecture', '')})"
            for library in libraries
        ],
        "load": round(os.getloadavg()[0], 1),
    }


def _cpu() -> str:
    """Return the processor's name: Linux has it in a file, other systems tell Python."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor() or platform.machine()])[0]


def _caches() -> dict[str, int]:
    """Return the sizes of the first core's caches for data; Linux alone has them in files."""
    caches = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        if (folder / "type").read_text().strip() != "Instruction":
            kibibytes = (folder / "size").read_text().strip().removesuffix("K")
            caches[f"L{(folder / 'level').read_text().strip()}"] = 1024 * int(kibibytes)
    return caches


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:  # it is no Linux
        return platform.platform()
