"""`envsubst`: variables of the environment in text from stdin, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.env import Call, Env


def lines(stream: Any) -> Iterator[str]:
    """Lines without their breaks; bytes that are not UTF-8 come through as they are."""
    raw = getattr(stream, "buffer", None)
    for line in stream if raw is None else raw:
        text = line if isinstance(line, str) else line.decode("utf-8", "surrogateescape")
        text = text.removesuffix("\n")
        yield text.removesuffix("\r")


def run(env: Env, call: Call) -> None:
    from pyflux.render.substitute import substitute

    raw = getattr(env.stdout, "buffer", None)
    for line in lines(env.stdin):
        text = substitute(line, env.environ, strict=call.bool("strict")) + "\n"
        if raw is None:
            env.write(text)
        else:
            raw.write(text.encode("utf-8", "surrogateescape"))
            # a line is of use to the next program as soon as it is there
            raw.flush()
