"""The house's own rules, checked: sizes, packages, and documents that agree with the code."""

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("server", "media", "chat", "transcoder", "clients")


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for line in listing.stdout.splitlines() if (path := ROOT / line).exists()]


def test_no_file_is_longer_than_600_lines() -> None:
    """A file that grows past it wants to be two."""
    long = {
        path.name: count
        for path in tracked("*.py", "*.ts", "*.tsx", "*.css", "*.lua")
        if (count := len(path.read_text().splitlines())) > 600
    }
    assert long == {}


def test_our_packages_belong_to_this_distribution_alone() -> None:
    """The wheel holds exactly our top-level names, and no other installed distribution owns one of them.

    An editable install lists no files, so the wheel's list is read where it is declared.
    """
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert tuple(wheel["packages"]) == PACKAGES
    owners = importlib.metadata.packages_distributions()
    assert {name for package in PACKAGES for name in owners.get(package, [])} <= {"leams"}


def test_every_package_init_holds_at_most_a_docstring() -> None:
    """Importing a package runs nothing."""
    for path in tracked("*/__init__.py", "*/*/__init__.py"):
        assert re.fullmatch(r'(""".*?"""\n)?', path.read_text(), re.DOTALL), path


def test_architecture_lists_the_variables_that_the_code_reads() -> None:
    """The table of environment variables and the two settings files agree."""
    table = set(re.findall(r"`((?:LEAMS_[A-Z_]+|MEDIA_STORE|FFMPEG))`", (ROOT / "docs/architecture.md").read_text()))
    read: set[str] = set()
    for settings in ("server/settings.py", "transcoder/settings.py"):
        read |= set(re.findall(r'"(LEAMS_[A-Z_]+|MEDIA_STORE|FFMPEG)"', (ROOT / settings).read_text()))
    assert read - table == set(), "read but not documented"
    assert table - read == set(), "documented but not read"


def test_no_machine_paths_are_committed() -> None:
    """Files speak of the project alone."""
    needle = re.compile(r"/(?:work|farm|home/[a-z]+)/[a-z]")
    found = [
        str(path)
        for path in tracked("*.py", "*.md", "*.ts", "*.tsx", "*.conf", "*.toml", "*.yml")
        if needle.search(path.read_text())
    ]
    assert [name for name in found if not name.endswith("test_house.py")] == []
