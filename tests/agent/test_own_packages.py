"""Our packages' names are common words: another package of such a name is found at the start and reported in a line."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import ROOT, environment, spawn_kilosmith

NAMES = ("graphs", "tools", "prompts", "nas")
CONSOLE_SCRIPT = "from agent.__main__ import main\nmain()\n"
# What `pip install -e` installs: a finder that is asked after all folders on the path.
EDITABLE = f"""
import sys
from importlib.machinery import PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        folder = Path({str(ROOT)!r}) / name
        if (folder / "__init__.py").exists():
            return spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])

sys.meta_path.insert(sys.meta_path.index(PathFinder) + 1, Finder)
"""
PRINTED = f"kilosmith {version('kilosmith')}\n"


def run_script(text: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Run `kilosmith --version` through a script located elsewhere, started in `folder` with that PYTHONPATH."""
    script = folder.parent / "bin" / "kilosmith"
    script.parent.mkdir(exist_ok=True)
    script.write_text(text)
    command = [sys.executable, str(script), "--version"]
    given = environment() | {"PYTHONPATH": path}
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


def assert_told(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("kilosmith: ")
    for word in words:
        assert word in line
    assert result.stdout == ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's working directory."""
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file", ["{}/__init__.py", "{}.py"])
def test_a_package_in_the_working_directory_is_named(name: str, file: str, folder: Path) -> None:
    path = folder / file.format(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('a foreign package was executed')\n")
    in_the_way = path.parent if path.name == "__init__.py" else path
    assert_told(
        spawn_kilosmith("--version", cwd=folder),
        f"the package {name} must be kilosmith's own, beside {ROOT / 'agent'}",
        f"{in_the_way} is in the way; start in another folder, or rename it",
    )


def test_the_console_script_does_not_look_into_the_working_directory(folder: Path) -> None:
    for name in NAMES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise SystemExit(1)")
    result = run_script(CONSOLE_SCRIPT, folder, str(ROOT))
    assert (result.returncode, result.stdout, result.stderr) == (0, PRINTED, "")


def test_a_folder_of_data_is_harmless(folder: Path) -> None:
    for name in NAMES:
        (folder / name).mkdir()
        (folder / name / "notes.txt").write_text("mine")
    result = spawn_kilosmith("--version", cwd=folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, PRINTED, "")


def test_a_folder_of_data_that_hides_an_editable_install_is_named(folder: Path) -> None:
    (folder / "prompts").mkdir()
    text = f"{EDITABLE}\nsys.path.insert(0, {str(folder)!r})\n{CONSOLE_SCRIPT}"  # as `python -m agent` does
    assert_told(run_script(text, folder, ""), str(folder / "prompts"), "start in another folder, or rename it")
    (folder / "prompts").rmdir()
    result = run_script(text, folder, "")
    assert (result.returncode, result.stdout, result.stderr) == (0, PRINTED, "")


def test_a_package_on_pythonpath_is_named(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "tools").mkdir(parents=True)
    (other / "tools" / "__init__.py").write_text("")
    result = run_script(CONSOLE_SCRIPT, folder, f"{other}:{ROOT}")
    assert_told(result, f"{other / 'tools'} is in the way; take {other} off PYTHONPATH, or rename it")


def test_a_distribution_that_installed_such_a_package_is_named(folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    record = site / "toolbelt-1.0.dist-info"
    (site / "tools").mkdir(parents=True)
    (site / "tools" / "__init__.py").write_text("")
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: toolbelt\nVersion: 1.0\n")
    (record / "RECORD").write_text("tools/__init__.py,,\ntoolbelt-1.0.dist-info/RECORD,,\n")
    text = f"import sys\nsys.path.insert(1, {str(site)!r})\n{CONSOLE_SCRIPT}"
    assert_told(run_script(text, folder, str(ROOT)), f"{site / 'tools'} is in the way; uninstall toolbelt, or install")
