"""Fill in an nginx template: `@NAME@` becomes its value.  Pure.

nginx's own variables keep their dollar signs, which is why the mark is another.
"""

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"@([A-Z][A-Z0-9_]*)@")


class TemplateError(ValueError):
    """The template asks for a value that nobody gave; names all of them."""


def render(template: str, values: Mapping[str, str]) -> str:
    """The configuration; a value is taken as it is and not searched for tokens. Values that no token asks for are fine.

    Raises:
        TemplateError: a token has no value.
    """
    missing = sorted({name for name in _TOKEN.findall(template) if name not in values})
    if missing:
        raise TemplateError(f"no value for {', '.join(missing)}")
    return _TOKEN.sub(lambda token: values[token[1]], template)
