"""What the nginx container fills its template in with.

`python3 -m workbench.nginx_container TEMPLATE TARGET NAME=value …`.
Standard library only: the image has Debian's python3 and nothing else.
"""

import sys
from pathlib import Path

from workbench.nginx import TemplateError, render


def main(argv: list[str]) -> int:
    """Write TARGET; the exit status is 2 when a value is missing or an argument is no NAME=value."""
    template, target, *pairs = argv
    values = dict(pair.partition("=")[::2] for pair in pairs)
    if bad := [pair for pair in pairs if "=" not in pair]:
        print(f"{', '.join(bad)}: expected NAME=value", file=sys.stderr)
        return 2
    try:
        text = render(Path(template).read_text(), values)
    except TemplateError as error:
        print(f"{template}: {error}", file=sys.stderr)
        return 2
    Path(target).touch(mode=0o600)  # the ingest's holds the hook secret
    Path(target).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
