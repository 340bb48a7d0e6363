"""`python -m pyflux` and the `pyflux` program: the only place that exits."""

from __future__ import annotations

import gc
import io
import os
import sys


def main() -> None:
    from pyflux.cli.main import run

    ready_streams()
    # a long list of objects is built up and thrown away at the end: looking for garbage in it takes a fifth of the time
    gc.set_threshold(100_000, 20, 20)
    code = run(sys.argv[1:])
    if "atexit" not in sys.modules and "threading" not in sys.modules:
        # nobody waits for the end: taking the interpreter down piece by piece costs a tenth of a short command
        leave(code)
    sys.exit(code)


def ready_streams() -> None:
    """UTF-8 whatever the locale says, as programs in Go write it; a name that is none is printed as it was given.

    PYTHONUNBUFFERED, which many container images set, leaves streams without a buffer. What a full disk or a pipe does
    not take of one is lost without a word, so they get one back.
    """
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue
        if name != "stdin" and isinstance(stream.buffer, io.RawIOBase):
            at_once = name == "stderr" or stream.isatty()
            stream = io.TextIOWrapper(io.BufferedWriter(stream.detach()), encoding="utf-8", line_buffering=at_once)
            setattr(sys, name, stream)
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")


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
