"""`python -m tests.conformance URL [--seconds N]`: exit status 1 when a point fails."""

import argparse
import asyncio
import sys

from tests.conformance.report import examine, score, table


def main(argv: list[str]) -> int:
    """Follow, judge, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance")
    parser.add_argument("url", help="address of a multivariant playlist, or of a media playlist")
    parser.add_argument("--seconds", type=float, default=40, help="how long to follow; the window slides after 30 s")
    arguments = parser.parse_args(argv)
    seen, verdicts = asyncio.run(examine(arguments.url, arguments.seconds))
    print(f"{seen.url}: {len(seen.tracks)} lists, {sum(len(track.files) for track in seen.tracks)} segments")  # noqa: T201  # a program
    print(table(verdicts))  # noqa: T201  # a program
    print(score(verdicts))  # noqa: T201  # a program
    return int(any(verdict.status == "FAIL" for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
