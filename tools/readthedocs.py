"""Build the book as Read the Docs does: does it come out the same? `make readthedocs` asks.

Takes the default steps from its documentation and ours from .readthedocs.yaml: a shallow clone of
the last commit, a virtual environment, the install job, and Sphinx in the folder of conf.py, with
the variables that Read the Docs sets. Debian's packages have to be there. Compares the result with
the edition of `make html`, but for the link to the other edition, which is on another site there.
Says how long it took and how much memory (at most 5 minutes and 2 GB are meant; a build may take
15).

`--language zh-cn` builds the Chinese edition, as the project of that language does.

https://docs.readthedocs.com/platform/stable/builds.html
https://docs.readthedocs.com/platform/stable/reference/environment-variables.html
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import yaml
from reproducible import compare, files

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "docs/_build/html"
# Read the Docs' code of a language, and Sphinx's, which it calls Sphinx with
LANGUAGES = {"en": "en", "zh-cn": "zh_CN"}
CONFIG = yaml.safe_load((ROOT / ".readthedocs.yaml").read_text())
LATEXMK = "latexmk -r latexmkrc -pdf -f -dvi- -ps- -jobname=gdbp -interaction=nonstopmode -silent"
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]


class PeakMemory(threading.Thread):
    """The most memory of all processes below this one, what they share counted in each."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0

    def run(self) -> None:
        """Look five times a second."""
        while True:
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.bytes = max(self.bytes, total)
            time.sleep(0.2)


def git(*arguments: str) -> str:
    """Return what git says about this repository."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def environment(checkout: Path, virtualenv: Path, language: str) -> dict[str, str]:
    """Return this environment with the variables of a build."""
    return os.environ | {
        "PATH": f"{virtualenv / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "GDBP_CACHE": str(checkout.parent / "cache"),  # a new machine has fetched nothing yet
        "NO_COLOR": "1",
        "READTHEDOCS": "True",
        "READTHEDOCS_CANONICAL_URL": URLS["Homepage"].replace("/en/", f"/{language}/"),
        "READTHEDOCS_GIT_CLONE_URL": f"{URLS['Repository']}.git",
        "READTHEDOCS_GIT_COMMIT_HASH": git("rev-parse", "HEAD"),
        "READTHEDOCS_GIT_IDENTIFIER": "main",
        "READTHEDOCS_LANGUAGE": language,
        "READTHEDOCS_OUTPUT": f"{checkout}/_readthedocs/",
        "READTHEDOCS_PRODUCTION_DOMAIN": "readthedocs.org",
        "READTHEDOCS_PROJECT": "gdbp" if language == "en" else f"gdbp-{language}",
        "READTHEDOCS_REPOSITORY_PATH": str(checkout),
        "READTHEDOCS_VERSION": "latest",
        "READTHEDOCS_VERSION_NAME": "latest",
        "READTHEDOCS_VERSION_TYPE": "branch",
        "READTHEDOCS_VIRTUALENV_PATH": str(virtualenv),
    }


def can_reach(url: str) -> bool:
    """Tell whether a server answers."""
    try:
        socket.create_connection((urlsplit(url).hostname, 443), timeout=5).close()
    except OSError:
        return False
    return True


def install_steps() -> list[str]:
    """Return the install job; PyTorch comes from the usual index where its own is out of reach."""
    steps = []
    for step in CONFIG["build"]["jobs"]["install"]:
        index = re.search(r" --index-url (\S+)", step)
        if index and not can_reach(index[1]):
            print(f"not as on Read the Docs: {index[1]} is out of reach, so the usual index serves")
            step = step.replace(index[0], "")
        steps.append(step)
    return steps


def sphinx_steps(language: str) -> list[str]:
    """Return the commands for HTML and for the formats that the configuration names."""
    strict = " -W --keep-going" if CONFIG["sphinx"]["fail_on_warning"] else ""
    builders = {"html": "html", "pdf": "latex", "epub": "epub"}
    options = f"-d _build/doctrees -D language={LANGUAGES[language]}"
    command = f"python -m sphinx -T{strict} -b %s {options} . "
    formats = ["html", *(name for name in ("pdf", "epub") if name in CONFIG.get("formats", []))]
    return [f"{command % builders[name]}$READTHEDOCS_OUTPUT/{name}" for name in formats]


def python() -> str:
    """Return the Python that the configuration names, or this one if it is not installed."""
    version = CONFIG["build"]["tools"]["python"]
    for name in (f"python{version}", sys.executable):
        command = [name, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if shutil.which(name):
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.stdout.strip() == version:
                return name
    print(f"not as on Read the Docs: Python {version} is not installed, so {sys.version_info[:2]}")
    return sys.executable


def build(folder: Path, language: str) -> Path:
    """Do all steps; return the finished site."""
    checkout, virtualenv = folder / "checkouts/latest", folder / "envs/latest"
    variables = environment(checkout, virtualenv, language)
    configuration = checkout / CONFIG["sphinx"]["configuration"]

    def step(command: str, cwd: Path) -> None:
        print(f"$ {command}", flush=True)
        start = time.perf_counter()
        subprocess.run(command, shell=True, cwd=cwd, env=variables, check=True)
        print(f"  ({time.perf_counter() - start:.0f} s)", flush=True)

    step(f"git clone --quiet --depth 1 file://{ROOT} {checkout}", folder)
    step(f"{python()} -m venv {virtualenv}", checkout)
    for command in install_steps():
        step(command, checkout)
    for command in sphinx_steps(language):
        step(command, configuration.parent)
        if command.endswith("/pdf"):
            step(LATEXMK, checkout / "_readthedocs/pdf")
    return checkout / "_readthedocs/html"


def without_switch(book: Path) -> dict[str, bytes]:
    """Return the files of an edition, without the links to the other one."""
    link = re.compile(rb'(<a class="edition-switch") href="[^"]*"')
    return {
        name: link.sub(rb"\1", content) if name.endswith(".html") else content
        for name, content in files(book).items()
    }


def main() -> None:
    """Build, measure and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    language = parser.parse_args().language
    book = BOOK / LANGUAGES[language]
    if git("status", "--porcelain"):
        print("there are changes that are in no commit: the clone will not have them")
    with tempfile.TemporaryDirectory() as folder:
        memory, start = PeakMemory(), time.perf_counter()
        memory.start()
        site = build(Path(folder), language)
        minutes = (time.perf_counter() - start) / 60
        differing = compare(without_switch(book), without_switch(site))
    print(f"{minutes:.1f} minutes, at most {memory.bytes / 1e9:.2f} GB of memory")
    if differing:
        sys.exit("\n".join([*differing, f"{len(differing)} files differ from {book}"]))
    print("the same book as that of make html")


if __name__ == "__main__":
    main()
