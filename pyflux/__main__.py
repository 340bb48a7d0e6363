"""`python -m pyflux` and the `pyflux` program: the only place that exits."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    from pyflux.cli.main import run

    # a long list of objects is built up and thrown away at the end: looking for garbage in it takes a fifth of the time
    gc.set_threshold(100_000, 20, 20)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
