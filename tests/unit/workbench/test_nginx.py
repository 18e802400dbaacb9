import re
from pathlib import Path

import pytest

from workbench.nginx import TemplateError, render

TEMPLATES = sorted((Path(__file__).parents[3] / "nginx").glob("*.conf"))


def test_tokens_become_their_values_and_nginx_variables_stay() -> None:
    """Only @NAME@ is replaced; $variables, mail-like words and regular expressions are left alone."""
    template = "listen @LISTEN@; set $x $host@b@c; # @lower@ a@B"
    assert render(template, {"LISTEN": "127.0.0.1:80"}) == "listen 127.0.0.1:80; set $x $host@b@c; # @lower@ a@B"


def test_a_value_is_not_a_template() -> None:
    """A token inside of a value is not replaced: no setting can pull in another."""
    assert render("@A@", {"A": "@B@", "B": "secret"}) == "@B@"


def test_missing_values_are_all_named() -> None:
    """A forgotten value stops the start with every missing name, instead of an nginx error about `@`."""
    with pytest.raises(TemplateError, match="no value for A, C_D"):
        render("@A@ @B@ @C_D@ @A@", {"B": ""})


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_template_names_its_tokens_in_one_way(path: Path) -> None:
    """A template filled with any value for each of its tokens has no `@` token left."""
    text = path.read_text()
    values = dict.fromkeys(re.findall(r"@([A-Z0-9_]+)@", text), "v")
    assert values
    assert not re.search(r"@[A-Z0-9_]+@", render(text, values))
