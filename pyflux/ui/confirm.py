"""A question with a yes or no for an answer."""

from __future__ import annotations

from pyflux.env import Env


def confirm(env: Env, question: str) -> bool:
    """Asks on stderr and reads one line of stdin; only `y` or `yes` is a yes. No input is a no."""
    env.stderr.write(f"? {question}? [y/N] ")
    env.stderr.flush()
    answer = env.stdin.readline()
    if not env.stdin.isatty():
        # a person ends the line with the return key; keep piped answers from running into the next message
        env.stderr.write(f"{answer.strip()}\n")
    return answer.strip().lower() in ("y", "yes")
