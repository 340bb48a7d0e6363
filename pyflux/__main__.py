"""`python -m pyflux` and the `pyflux` program: the only place that exits."""

from __future__ import annotations

import gc
import io
import os
import sys


def main() -> None:
    from pyflux.cli.main import run

    for stream in (sys.stdout, sys.stderr):
        # a name that is no UTF-8 is printed as the bytes it was given as
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")
    # a long list of objects is built up and thrown away at the end: looking for garbage in it takes a fifth of the time
    gc.set_threshold(100_000, 20, 20)
    code = run(sys.argv[1:])
    if "atexit" not in sys.modules and "threading" not in sys.modules:
        # nobody waits for the end: taking the interpreter down piece by piece costs a tenth of a short command
        leave(code)
    sys.exit(code)


def leave(code: int) -> None:
    """Ends the process at once, with all output written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # the reader went away; `run` has said what there was to say
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    main()
