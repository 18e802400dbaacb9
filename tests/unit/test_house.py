"""The house's own rules, checked: sizes, packages, and documents that agree with the code."""

import ast
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


def test_operations_lists_every_metric() -> None:
    """The table of docs/operations.md and the code agree."""
    paths = tracked("server/*.py", "media/*.py", "chat/*.py", "transcoder/*.py")
    made = re.compile(r'(?:Counter|Gauge|Histogram)\(\s*"(leams_[a-z_]+)"')
    ours = {name for path in paths for name in made.findall(path.read_text())}
    assert ours == set(re.findall(r"`(leams_[a-z_]+)`", (ROOT / "docs/operations.md").read_text()))


def contract(start: str) -> dict[str, list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found: dict[str, list[str]] = next(entry for entry in contracts if entry["name"].startswith(start))
    return found


def test_every_pure_module_is_in_the_contract() -> None:
    """A module that calls itself pure is listed, or its package is; and what is listed calls itself so."""
    listed = set(contract("pure modules")["source_modules"])
    said = set()
    for path in tracked("server/*.py", "media/*.py", "chat/*.py", "transcoder/*.py", "workbench/*.py", "clients/*.py"):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if re.search(r"\bPure\b", docstring) and module.rpartition(".")[0] not in listed:
            said.add(module)
    assert said == listed


def test_the_leaf_is_kept_from_every_other_module_of_the_server() -> None:
    """A module that is new in server/ is new in both contracts: the transcoder's and the leaf's."""
    ours = {f"server.{path.relative_to(ROOT).parts[1].removesuffix('.py')}" for path in tracked("server/*.py")}
    ours -= {"server.process", "server.__init__", "server.__main__"}
    for start in ("the transcoder imports", "server.process is a leaf"):
        assert ours - set(contract(start)["forbidden_modules"]) == set(), start


def test_no_function_is_longer_than_80_lines() -> None:
    """Most are far shorter."""
    long = {
        f"{path.name}: {node.name}": node.end_lineno - node.lineno + 1
        for path in tracked("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 80
    }
    assert long == {}


def test_every_test_says_what_it_proves() -> None:
    """In its docstring."""
    silent = [
        f"{path.name}: {node.name}"
        for path in tracked("tests/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_architecture_lists_every_door() -> None:
    """Each route of the code stands in docs/architecture.md, by its path."""
    text = re.sub(r"\{[a-z_]+\}", "{}", (ROOT / "docs/architecture.md").read_text()).replace("<public id>", "{}")
    text = text.replace("<rendition>", "{}")
    for path in tracked("server/*.py"):
        source = path.read_text()
        names = dict(re.findall(r'^(_[A-Z]+) = "(/api[^"]*)"', source, re.MULTILINE))
        for written in re.findall(r'Route\((?:f?"([^"]+)"|(_[A-Z]+)),', source):
            route = written[0] or names[written[1]]
            for name, value in names.items():
                route = route.replace(f"{{{name}}}", value)
            route = re.sub(r"\{+[a-z_]+(?::(?:int|uuid))?\}+", "{}", route)
            assert ":path" in route or route.removeprefix("/api/v1") in text, (path.name, route)


def test_no_machine_paths_are_committed() -> None:
    """Files speak of the project alone."""
    needle = re.compile(r"/(?:work|farm|home/[a-z]+)/[a-z]")
    found = [
        str(path)
        for path in tracked("*.py", "*.md", "*.ts", "*.tsx", "*.conf", "*.toml", "*.yml")
        if needle.search(path.read_text())
    ]
    assert [name for name in found if not name.endswith("test_house.py")] == []
