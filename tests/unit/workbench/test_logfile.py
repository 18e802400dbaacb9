"""A log file keeps within its bound and never fails its writer."""

from pathlib import Path

from workbench.logfile import LogFile


def test_turns_over_when_full(tmp_path: Path) -> None:
    """The full file becomes `.1`, the newest lines stand in the new one."""
    path = tmp_path / "web.log"
    with LogFile(path, max_bytes=10) as log:
        for line in (b"first\n", b"second\n", b"third\n"):
            log.write(line)
    assert path.read_bytes() == b"third\n"
    assert path.with_name("web.log.1").read_bytes() == b"second\n"


def test_goes_on_where_it_was(tmp_path: Path) -> None:
    """A second run appends."""
    path = tmp_path / "web.log"
    for line in (b"a", b"b"):
        with LogFile(path) as log:
            log.write(line)
    assert path.read_bytes() == b"ab"


def test_full_disk_is_survived() -> None:
    """/dev/full answers ENOSPC to every write."""
    with LogFile(Path("/dev/full")) as log:
        log.write(b"lost")


def test_goes_on_in_the_full_file_when_there_is_no_next_one(tmp_path: Path) -> None:
    """A folder that takes no new file costs a line, never the writer."""
    path = tmp_path / "web.log"
    with LogFile(path, max_bytes=10) as log:
        log.write(b"first\n")
        path.with_name("web.log.1").mkdir()
        log.write(b"second\n")
        path.with_name("web.log.1").rmdir()
        log.write(b"third\n")
    assert path.read_bytes() == b"third\n"
    assert path.with_name("web.log.1").read_bytes() == b"first\n"
