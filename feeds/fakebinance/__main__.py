"""``python -m feeds.fakebinance``: the exchange double without Django."""

import argparse
import sys

from feeds.fakebinance import cli


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m feeds.fakebinance", description="The exchange double.")
    cli.add_arguments(parser)
    options = parser.parse_args()
    try:
        cli.run(options, lambda line: print(line, flush=True))
    except (ValueError, OSError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
