"""What `./run` says when the machine does not let it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.machine import unprivileged_user
from workbench.provision import ProvisionError, make_state_folder, prepare
from workbench.up import HOOK_SECRET, kept_secret

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def foreign() -> Iterator[Path]:
    """A folder that everybody may enter, and only its owner write to."""
    folder = Path(tempfile.mkdtemp(prefix="leams-foreign-"))
    folder.chmod(0o555)
    yield folder
    shutil.rmtree(folder)


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """The line names the folder and the variable that moves it."""
    more = shutil.disk_usage(tmp_path).free + 1_000_000_000_000
    with pytest.raises(ProvisionError, match=r"^less than \d+ GB is free for .*: free some, or set LEAMS_VAR to .*$"):
        make_state_folder(tmp_path / "var", more)


def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ProvisionError, match=r"^Not a directory .*: set LEAMS_VAR to a folder elsewhere$"):
        prepare(ROOT, file / "var", for_tests=False)


def test_a_missing_right_is_one_line(foreign: Path) -> None:
    """Who may not write there reads which folder, and the variable."""
    done = subprocess.run(
        ["/usr/bin/python3", str(ROOT / "run"), "--no-demo"],
        env={"LEAMS_VAR": str(foreign / "var"), "PATH": "/usr/bin:/bin"},
        user=unprivileged_user(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"./run: no right to write {foreign / 'var'}: run as its owner, or set LEAMS_VAR\n"


def test_secrets_are_written_whole(tmp_path: Path) -> None:
    """Made once, read again as it was, and by its owner alone."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    secret = kept_secret(tmp_path, HOOK_SECRET)
    assert len(secret) > 30
    assert kept_secret(tmp_path, HOOK_SECRET) == secret
    assert [file.name for file in folder.iterdir()] == ["hook-secret"]
    assert (folder / "hook-secret").stat().st_mode & 0o777 == 0o600


def test_an_unknown_bench_lists_those_there_are() -> None:
    """Exit status 2 and the names, before anything is prepared."""
    done = subprocess.run(
        ["/usr/bin/python3", str(ROOT / "run"), "bench", "nothing"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    for name in ("chat_fanout", "hook_latency", "publish_to_play"):
        assert name in done.stderr
    assert "report" not in done.stderr
