"""Fill in the templates of `nginx/`.  Pure: text in, text out."""

import re
from collections.abc import Mapping

_PLACE = re.compile(r"@([A-Z][A-Z0-9_]*)@")


def render(template: str, values: Mapping[str, str]) -> str:
    """`template` with every `@NAME@` replaced.

    Raises:
        KeyError: a place has no value.
    """
    return _PLACE.sub(lambda place: values[place[1]], template)
