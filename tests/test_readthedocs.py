"""Read the Docs' configuration: its schema, and its steps as far as they go without a network.

`make readthedocs` (tools/readthedocs.py) does all of them, downloads included.
"""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import edition
import pytest
import readthedocs
import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / ".readthedocs.yaml"
CONFIG = yaml.safe_load(FILE.read_text())
INSTALL = [shlex.split(step) for step in CONFIG["build"]["jobs"]["install"]]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_schema() -> None:
    schema = ["--builtin-schema", "vendor.readthedocs"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(FILE)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_torch_is_for_the_cpu_and_pinned_as_everywhere() -> None:
    (step,) = [step for step in INSTALL if any(word.startswith("torch==") for word in step)]
    assert "https://download.pytorch.org/whl/cpu" in step
    assert step[-1] in (ROOT / "constraints.txt").read_text().splitlines()
    assert step == INSTALL[0], "before the package, which would pull the one with CUDA"


def test_package_is_installed_with_what_exists() -> None:
    (step,) = [step for step in INSTALL if "-c" in step]
    assert (ROOT / step[step.index("-c") + 1]).is_file()
    (extra,) = re.findall(r"^\.\[(\w+)\]$", step[-1])
    assert extra in PYPROJECT["project"]["optional-dependencies"]


def test_npm_has_its_files() -> None:
    (step,) = [step for step in INSTALL if step[0] == "npm"]
    folder = ROOT / step[step.index("--prefix") + 1]
    assert (folder / "package.json").is_file()
    assert "resolved" not in (folder / "package-lock.json").read_text()


def test_sphinx_fails_on_warnings() -> None:
    assert (ROOT / CONFIG["sphinx"]["configuration"]).is_file()
    assert CONFIG["sphinx"]["fail_on_warning"] is True


def test_python_is_supported() -> None:
    version = tuple(map(int, CONFIG["build"]["tools"]["python"].split(".")))
    least = PYPROJECT["project"]["requires-python"].removeprefix(">=").split(".")
    assert version >= tuple(map(int, least))


@pytest.mark.parametrize("step", INSTALL, ids=" ".join)
def test_pip_understands_its_steps(step: list[str]) -> None:
    if step[0] == "npm":
        pytest.skip("npm ci needs the registry")
    options = [*step[4:-1], "--dry-run", "--no-deps", "--no-index", "--quiet", "pip"]
    command = [sys.executable, "-m", "pip", "install", *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_only_the_index_of_torch_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readthedocs, "can_reach", lambda url: True)
    assert readthedocs.install_steps() == CONFIG["build"]["jobs"]["install"]
    monkeypatch.setattr(readthedocs, "can_reach", lambda url: False)
    first, *rest = readthedocs.install_steps()
    assert first == "python -m pip install torch==2.13.0"
    assert rest == CONFIG["build"]["jobs"]["install"][1:]


@pytest.mark.parametrize(("language", "code"), [("en", "en"), ("zh-cn", "zh_CN")])
def test_sphinx_is_called_for_each_format(
    language: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "python -m sphinx -T -W --keep-going -b {} -d _build/doctrees "
    command += f"-D language={code} . {{}}"
    html = command.format("html", "$READTHEDOCS_OUTPUT/html")
    monkeypatch.setitem(readthedocs.CONFIG, "formats", [])
    assert readthedocs.sphinx_steps(language) == [html]
    monkeypatch.setitem(readthedocs.CONFIG, "formats", ["epub"])
    assert readthedocs.sphinx_steps(language) == [
        html,
        command.format("epub", "$READTHEDOCS_OUTPUT/epub"),
    ]


def test_only_the_switch_to_the_other_edition_may_differ(tmp_path: Path) -> None:
    switch = '<a class="edition-switch" href="{}" lang="en">English</a><a href="{}">more</a>'
    for folder, links in {
        "here": ("../en/a.html", "b"),
        "there": ("https://x.org/en/", "c"),
    }.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.html").write_text(switch.format(*links))
    here, there = (readthedocs.without_switch(tmp_path / name) for name in ("here", "there"))
    assert here["a.html"].replace(b'"b"', b'"c"') == there["a.html"]
    assert here != there


@pytest.mark.parametrize("language", ["en", "zh-cn"])
def test_the_editions_agree_on_their_addresses(language: str) -> None:
    variables = readthedocs.environment(ROOT, ROOT, language)
    code = edition.known_language(variables["READTHEDOCS_LANGUAGE"])
    assert code == readthedocs.LANGUAGES[language]
    address = edition.address(PYPROJECT["project"]["urls"]["Homepage"], code, of="en")
    assert variables["READTHEDOCS_CANONICAL_URL"] == address
