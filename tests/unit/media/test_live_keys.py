import re
from pathlib import Path

import pytest

import media.live

SCRIPTS = sorted((Path(media.live.__file__).parent / "lua").glob("*.lua"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_declare_their_keys(path: Path) -> None:
    """Every key or channel that a script touches is one of its KEYS: Redis Cluster demands it."""
    text = path.read_text()
    calls = re.findall(r"redis\.call\('([A-Z]+)'(?:, ([^,)]+))?", text)
    assert calls
    for verb, key in calls:
        assert verb == "TIME" or re.fullmatch(r"KEYS\[\d\]", key), (verb, key)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_explain_their_arguments(path: Path) -> None:
    """A script's head names its KEYS and ARGV; nothing is used that isn't named."""
    text = path.read_text()
    for kind in ("KEYS", "ARGV"):
        named = re.search(rf"^-- {kind}: (.*)$", text, re.MULTILINE)
        assert named
        highest = max((int(number) for number in re.findall(rf"{kind}\[(\d)\]", text)), default=0)
        assert len(re.findall(r"(?:^|\s)(\d)[ …]", named[1])) >= highest
