"""From argv to a verb: finds the command's row, reads its flags, runs its function, maps errors to exits.

Hot commands run from here with nothing else imported, all others through the Typer tree (`pyflux.cli.app`), which is
built from the same rows. Help is plain text straight from the rows, and Typer's with Rich on a terminal.
"""

from __future__ import annotations

import errno
import sys

from pyflux.cli import pflag
from pyflux.cli.model import Command
from pyflux.env import Call, Env
from pyflux.errors import (
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_NO_READER,
    EXIT_OK,
    PyfluxError,
    SilentExit,
    UsageError,
    WarningExit,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Found:
    """The command that a command line names, with the flags it may use and the words left to read."""

    __slots__ = ("args", "chain", "flags", "words")

    def __init__(self, chain: list[Command], flags: pflag.Flags, words: list[str]) -> None:
        self.chain = chain
        self.flags = flags
        self.words = words
        self.args: list[str] = []
        """What is left of the words when the flags are read."""

    @property
    def command(self) -> Command:
        return self.chain[-1]

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(command.name for command in self.chain[1:])

    def read(self) -> None:
        """Reads the flags; once. Raises UsageError, HelpWanted: also for a group, which shows its help."""
        self.args = pflag.parse_words(self.flags, self.words)
        if not self.command.run:
            raise pflag.HelpWanted


def find(argv: list[str]) -> Found:
    """Walks the tree along the words of `argv`, loading one top-level module on the way."""
    from pyflux.cli.tree import ROOT, ROOT_FLAGS, load

    flags = pflag.Flags()
    flags.add(ROOT_FLAGS)
    chain, words = [ROOT], list(argv)
    while True:
        index = pflag.next_word(flags, words)
        if index < 0:
            break
        here = chain[-1]
        child = load(words[index]) if here is ROOT else here.child(words[index])
        if child is None:
            break
        del words[index]
        chain.append(child)
        flags.add(child.flags)
    if len(chain) > 1:
        # --version belongs to the root alone
        flags.by_name.pop("version", None) if not any(f.name == "version" for c in chain[1:] for f in c.flags) else None
        if flags.by_short.get("v") is not None and flags.by_short["v"].name not in flags.by_name:
            del flags.by_short["v"]
    return Found(chain, flags, words)


def resolve(target: str) -> Callable[[Env, Call], None]:
    """The function that "module:function" names."""
    module, _, name = target.partition(":")
    __import__(module)
    function: Callable[[Env, Call], None] = getattr(sys.modules[module], name)
    return function


def execute(env: Env, found: Found) -> None:
    """Runs the command whose flags have been read. Raises HelpWanted, PyfluxError."""
    command = found.command
    pflag.check_args(command, " ".join(("flux", *found.path)), found.args)
    for name in found.flags.changed:
        deprecated = found.flags.by_name[name].deprecated
        if deprecated:
            env.log.plain(f"Flag --{name} has been deprecated, {deprecated}")
    call = Call(found.path, found.args, found.flags.values, found.flags.changed)
    from pyflux.cli.globals import apply

    apply(env, call, found.flags.shadowed)
    pflag.check_required(found.flags)
    resolve(command.run)(env, call)


def dispatch(env: Env, argv: list[str]) -> int:
    """Runs one command line; the exit code. Raises PyfluxError."""
    from pyflux.cli.tree import ROOT

    if argv[:1] == ["__complete"] or argv[:1] == ["__completeNoDesc"]:
        from pyflux.cli.complete import complete

        return complete(env, argv)
    found = find(argv)
    if found.chain == [ROOT]:
        return _root(env, found, argv)
    try:
        found.read()
        if found.command.hot:
            execute(env, found)
        else:
            from pyflux.cli.app import run_with_typer

            run_with_typer(env, found)
    except pflag.HelpWanted:
        show_help(env, found.chain)
    return EXIT_OK


def show_help(env: Env, chain: list[Command]) -> None:
    """Prints the help page of the last row of `chain`."""
    from pyflux.cli import help_text

    page = help_text.page(env, chain)
    if not env.fancy(env.stdout):
        env.write(help_text.plain(page))
        return
    from pyflux.cli.app import help_with_typer

    help_with_typer(env, page)


def _root(env: Env, found: Found, argv: list[str]) -> int:
    index = pflag.next_word(found.flags, found.words)
    if index >= 0:
        from pyflux.cli.plugins import run_plugin
        from pyflux.cli.tree import suggestions

        word = found.words[index]
        code = run_plugin(env, word, found.words[:index], found.words[index + 1 :])
        if code is not None:
            return code
        near = suggestions(word)
        more = "\n\nDid you mean this?\n" + "".join(f"\t{name}\n" for name in near) if near else ""
        raise UsageError(f'unknown command "{word}" for "flux"{more}')
    try:
        found.read()
    except pflag.HelpWanted:
        if found.flags.values["version"] and not found.flags.help:
            from pyflux import FLUX_VERSION, __version__

            env.write(f"flux version {FLUX_VERSION} (pyflux {__version__})\n")
        else:
            show_help(env, found.chain)
    return EXIT_OK


def report(env: Env, error: PyfluxError) -> int:
    """Says what failed, on stderr, and returns the exit code."""
    if not isinstance(error, SilentExit):
        if isinstance(error, WarningExit):
            env.log.warning(error.message)
        else:
            env.log.failure(error.message)
        if error.hint:
            env.log.plain(f"  {error.hint}")
    return error.exit_code


def run(argv: list[str], env: Env | None = None) -> int:
    """The whole program but the exit: never raises for anything a user can cause."""
    world = env if env is not None else Env()
    try:
        code = dispatch(world, argv)
        world.stdout.flush()
        return code
    except PyfluxError as error:
        _flush(world)
        return report(world, error)
    except KeyboardInterrupt:
        _flush(world)
        world.log.failure("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader of our output went away, as `head` does; nothing more can be said to it
        _discard_stdout()
        return EXIT_NO_READER
    except OSError as error:
        # a full disk under our output, a file that may not be read: the system's word for it is the cause
        where = "" if _flush(world) else "stdout: "
        where = f"{error.filename}: " if error.filename else where
        world.log.failure(f"{where}{error.strerror or error}")
        if not where and error.errno in _NO_SPACE and "tempfile" in sys.modules:
            folder = sys.modules["tempfile"].gettempdir()
            world.log.plain(f"  temporary files are in {folder}; TMPDIR names another folder for them")
        return EXIT_FAILURE


def _flush(world: Env) -> bool:
    """Writes out what there is for stdout; whether that could be done."""
    try:
        world.stdout.flush()
    except (OSError, ValueError):
        _discard_stdout()
        return False
    return True


def _discard_stdout() -> None:
    import os

    null: Any = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
