"""Fill in the templates of `nginx/`.  Pure: text in, text out."""

import re
from collections.abc import Mapping

_PLACE = re.compile(r"@([A-Z][A-Z0-9_]*)@")


def render(template: str, values: Mapping[str, str]) -> str:
    """`template` with every `@NAME@` replaced.

    Raises:
        KeyError: a place has no value, or a value no place: a setting that does nothing is a mistake.
    """
    places = set(_PLACE.findall(template))
    if places != set(values):
        raise KeyError(f"places and values differ: {sorted(places ^ set(values))}")
    return _PLACE.sub(lambda place: values[place[1]], template)
