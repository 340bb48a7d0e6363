"""`python -m pyflux` and the `pyflux` program: the only place that exits."""

from __future__ import annotations

import sys


def main() -> None:
    from pyflux.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
