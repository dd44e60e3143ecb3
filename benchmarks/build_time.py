"""How long does one edition take: from nothing, with nothing changed, and next to an empty site?

Run it with `.venv/bin/python benchmarks/build_time.py` on a machine that does nothing else. Seconds
by the clock, then seconds of computing, which other work on the machine changes less.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
EMPTY = {"conf.py": 'html_theme = "furo"\n', "index.rst": "Empty\n=====\n"}


def seconds(*command: str) -> tuple[float, float]:
    """Return how long a command took, by the clock and of computing."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    clock, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Build a book of its own, twice, and an empty site."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        options = f"-W -n --keep-going -j {2 * cores} -D execute_pages_results={folder}/cells"
        book = ["make", "html", "EDITIONS=en", f"BUILD={folder}", f"SPHINX_OPTIONS={options}"]
        cold, cold_computing = seconds(*book)
        same, same_computing = seconds(*book)
        times = Path(folder, "execution-times.md").read_text()
        for name, text in EMPTY.items():
            Path(folder, "empty").mkdir(exist_ok=True)
            Path(folder, "empty", name).write_text(text)
        site = [sys.executable, "-m", "sphinx", "-b", "html", f"{folder}/empty", f"{folder}/site"]
        empty, empty_computing = seconds(*site)
    cells = sum(map(float, re.findall(r"\| ([\d.]+) \|$", times, flags=re.MULTILINE)))
    print(f"{cores} cores, load {os.getloadavg()[0]:.1f}; the cells: {cells:.0f} s of computing")
    print(f"from nothing    {cold:6.1f} s ({cold_computing:.1f} s of computing);", end=" ")
    print(f"1.3 x cells / cores + 15 s = {1.3 * cells / cores + 15:.1f} s")
    print(f"nothing changed {same:6.1f} s ({same_computing:.1f} s of computing);", end=" ")
    print(f"{same / cold:.0%} of the above; {same - empty:+.1f} s next to the empty site")
    print(f"an empty site   {empty:6.1f} s ({empty_computing:.1f} s of computing)")


if __name__ == "__main__":
    main()
