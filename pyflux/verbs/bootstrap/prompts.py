"""What bootstrap asks a person."""

from __future__ import annotations

from pyflux.env import Env
from pyflux.errors import PyfluxError


def read_secret(env: Env, question: str) -> str:
    """Asks without echo on a terminal; else takes the first line of stdin. Raises PyfluxError without input."""
    if env.stdin.isatty():
        import getpass

        return getpass.getpass(question, stream=env.stderr).strip()
    env.stderr.write(question)
    env.stderr.flush()
    text = env.stdin.readline()
    env.stderr.write("\n")
    if not text.strip():
        raise PyfluxError(f"nothing was entered for: {question.rstrip(': ')}")
    return text.rstrip("\r\n")


def token(env: Env, variable: str, question: str) -> str:
    """The token in the environment variable, or asked for. Raises PyfluxError."""
    found = env.environ.get(variable, "")
    if found:
        return found
    try:
        return read_secret(env, question)
    except PyfluxError as why:
        raise PyfluxError(f"could not read token: {why.message}", hint=f"set {variable}") from None
