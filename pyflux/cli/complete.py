"""Completion for shells: `__complete` and `__completeNoDesc`, the protocol that cobra's scripts speak.

The words typed so far come in, the last one unfinished; out go the possible words, one a line with a description
after a tab, and then a line `:N` with what the shell is to do with them. This runs at every Tab, so it imports
little and asks the cluster for three seconds at most.
"""

from __future__ import annotations

import signal

from pyflux.catalog.resources import Resource
from pyflux.cli import main, pflag
from pyflux.cli.model import GENERIC, Flag
from pyflux.env import Call, Env
from pyflux.errors import EXIT_OK, PyfluxError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from pyflux.catalog.kinds import Kind
    from pyflux.cli.main import Found
    from pyflux.cli.model import Command

    Words = list[tuple[str, str]]

DEFAULT, ERROR, NO_FILES = 0, 1, 4
_NAMES = {
    DEFAULT: "ShellCompDirectiveDefault",
    ERROR: "ShellCompDirectiveError",
    NO_FILES: "ShellCompDirectiveNoFileComp",
}
_SECONDS = 3.0
_REPEATABLE = frozenset(("strings", "stringArray", "stringToString"))
_NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class _Late(Exception):
    """The time for an answer is over."""


class Line:
    """A command line so far: the command, its flags as far as they were given, what is being typed."""

    def __init__(self, found: Found, typed: str) -> None:
        self.found = found
        self.typed = typed
        self.flag: Flag | None = None
        """The flag whose value is being typed."""
        self.flags_ended = False
        self.args: list[str] = []

    def read(self) -> None:
        """Finds the flag that is being typed and reads the rest. Raises UsageError."""
        words = list(self.found.words)
        self.flags_ended = "--" in words
        if not self.flags_ended:
            self._find_flag(words)
        self.args = pflag.read_words(self.found.flags, words)

    def _find_flag(self, words: list[str]) -> None:
        flags, typed = self.found.flags, self.typed
        if typed.startswith("-") and "=" in typed:
            name, _, value = typed.partition("=")
            self.flag = flags.by_name.get(name[2:]) if name.startswith("--") else flags.by_short.get(name[-1])
            if self.flag is None:
                raise UsageError(f"flag '{name.lstrip('-')}' not found")
            self.typed = value
            return
        if typed.startswith("-") or not words or not words[-1].startswith("-") or "=" in words[-1]:
            return
        last = words[-1]
        flag = flags.by_name.get(last[2:]) if last.startswith("--") else flags.by_short.get(last[-1])
        if flag is not None and flag.type != "bool" and not _is_value(words[:-1], flags):
            self.flag = flag
            words.pop()


def _is_value(words: list[str], flags: pflag.Flags) -> bool:
    """True when the word after `words` is the value of a flag and no flag itself."""
    index = 0
    while index < len(words):
        word = words[index]
        if word.startswith("--"):
            flag = flags.by_name.get(word[2:])
        else:
            flag = flags.by_short.get(word[-1]) if word.startswith("-") and len(word) > 1 else None
        index += 2 if flag is not None and flag.type != "bool" and "=" not in word else 1
    return index > len(words)


def complete(env: Env, argv: list[str]) -> int:
    """Answers `__complete WORDS…`. Never raises for what a user can cause."""
    descriptions = argv[0] != "__completeNoDesc"
    words = argv[1:] or [""]
    try:
        found, directive = _answer(env, words)
    except PyfluxError as why:
        env.stderr.write(f"[Debug] [Error] {why.message}\n")
        found, directive = [], DEFAULT if isinstance(why, UsageError) else ERROR
    for word, description in found:
        first = description.split("\n")[0].strip()
        env.write(f"{word}\t{first}\n" if descriptions and first else f"{word}\n")
    env.write(f":{directive}\n")
    env.stderr.write(f"Completion ended with directive: {_NAMES.get(directive, str(directive))}\n")
    return EXIT_OK


def _answer(env: Env, words: list[str]) -> tuple[Words, int]:
    from pyflux.cli.tree import ROOT

    line = Line(main.find(words[:-1]), words[-1])
    if line.found.chain == [ROOT]:
        index = pflag.next_word(line.found.flags, line.found.words)
        if index >= 0:
            return _plugin(env, line.found.words, index, words[-1])
    line.read()
    if line.found.flags.help or (line.found.flags.values.get("version") is True and line.found.chain == [ROOT]):
        return [], NO_FILES
    if line.flag is not None:
        return _values(env, line, line.flag)
    if line.typed.startswith("-") and not line.flags_ended:
        return _flag_names(line), NO_FILES
    return _arguments(env, line)


def _plugin(env: Env, words: list[str], index: int, typed: str) -> tuple[Words, int]:
    from pyflux.cli.plugins import complete_plugin

    rest = words[:index] + words[index + 1 :]
    answer = complete_plugin(env, words[index], [*rest, typed], _SECONDS)
    if answer is None:
        raise UsageError(f"unable to find a command for arguments: [{' '.join(words)}]")
    pairs = [line.partition("\t") for line in answer[0]]
    return [(word, description) for word, _, description in pairs], answer[1]


def _starting(words: Iterable[tuple[str, str]], typed: str) -> Words:
    return [pair for pair in words if pair[0].startswith(typed)]


# -- flags


def _flag_names(line: Line) -> Words:
    """Flags that can still be given: those from above, then the command's own, each by name."""
    chain, flags, typed = line.found.chain, line.found.flags, line.typed
    own = {flag.name for flag in chain[-1].flags}
    named = [flag for flag in flags.by_name.values() if not flag.hidden and not flag.deprecated]
    if "help" not in flags.by_name:
        help_flag = Flag("help", "bool", f"Help for {chain[-1].name}", short="h")
        named.append(help_flag)
        own.add("help")
    missing = [flag for flag in named if flag.required and flag.name not in flags.changed]
    wanted = missing or [flag for flag in named if flag.name not in flags.changed or flag.type in _REPEATABLE]
    found: Words = []
    for flag in sorted(wanted, key=lambda flag: (flag.name in own, flag.name)):
        found.append((f"--{flag.name}", flag.help))
        if flag.short:
            found.append((f"-{flag.short}", flag.help))
    offered = _starting(found, typed)
    if missing and not offered:
        return _flag_names_given(named, flags, own, typed)
    return offered


def _flag_names_given(named: list[Flag], flags: pflag.Flags, own: set[str], typed: str) -> Words:
    left = [flag for flag in named if flag.name not in flags.changed or flag.type in _REPEATABLE]
    pairs = [(f"--{flag.name}", flag.help) for flag in sorted(left, key=lambda flag: (flag.name in own, flag.name))]
    return _starting(pairs, typed)


def _values(env: Env, line: Line, flag: Flag) -> tuple[Words, int]:
    """What a flag's value can be."""
    from pyflux.cli.flagtypes import shown

    if flag.complete == "context":
        _apply_globals(env, line)
        return _starting(((name, "") for name in _contexts(env)), line.typed), NO_FILES
    if flag.complete == "namespace":
        _apply_globals(env, line)
        return _live(env, line.typed, _NAMESPACES), NO_FILES
    words = flag.complete if "|" in flag.complete else shown(flag.type)
    if "|" in words:
        return _starting(((word, "") for word in words.split("|")), line.typed), NO_FILES
    return [], DEFAULT


# -- arguments


def _arguments(env: Env, line: Line) -> tuple[Words, int]:
    row, found, directive = line.found.command, [], DEFAULT
    children = _children(env, line.found)
    if line.found.command.name == "help" and len(line.found.chain) == 2:
        return _help_words(env, line), NO_FILES
    if children and not line.args:
        found = _starting(children, line.typed)
        directive = NO_FILES
    for flag in line.found.flags.by_name.values():
        if flag.required and flag.name not in line.found.flags.changed:
            found += _starting([(f"--{flag.name}", flag.help)], line.typed)
    kind = _kind(row)
    if kind is not None:
        _apply_globals(env, line)
        return found + _live(env, line.typed, kind.resource), NO_FILES
    if row.run == GENERIC:
        return _kinds_or_names(env, line, found, directive)
    return found, directive


def _kinds_or_names(env: Env, line: Line, found: Words, directive: int) -> tuple[Words, int]:
    """What comes next in `get ks/app`, `get ks,hr` and `get ks,hr app`."""
    from pyflux.catalog.kinds import KINDS, by_word
    from pyflux.verbs.targets import kinds_named

    verb = line.found.path[0]
    if line.args and "/" not in line.args[0]:
        _apply_globals(env, line)
        names = [name for kind in kinds_named(line.args[0]) for name in _live(env, line.typed, kind.resource)]
        return list(dict.fromkeys(names)), NO_FILES
    word, slash, typed = line.typed.partition("/")
    kind = by_word(word)
    if slash and kind is not None:
        _apply_globals(env, line)
        return [(f"{word}/{name}", "") for name, _ in _live(env, typed, kind.resource)], NO_FILES
    listed, comma, _ = line.typed.rpartition(",")
    if comma and not slash:
        words = (
            (f"{listed},{kind.short[0] if kind.short else kind.name.lower()}", kind.name)
            for kind in KINDS
            if verb in kind.verbs
        )
        return _starting(words, line.typed), NO_FILES
    return found, directive


def _kind(row: Command) -> Kind | None:
    if not row.kind or row.name == "artifact":
        return None
    from pyflux.catalog.kinds import KINDS

    return next((kind for kind in KINDS if kind.name == row.kind), None)


def _children(env: Env, found: Found) -> Words:
    """The commands below, with their one-line help."""
    from pyflux.cli.tree import ROOT, TOP

    if found.command is ROOT:
        from pyflux.cli.plugins import plugin_names

        plugins = [(name, f"Runs the {name} plugin") for name in plugin_names(env)]
        return sorted([*TOP.items(), *plugins])
    return sorted((child.name, child.help) for child in found.command.children if not child.hidden)


def _help_words(env: Env, line: Line) -> Words:
    target = main.find(line.args)
    return _starting(_children(env, target), line.typed) if not target.words else []


# -- the cluster


def _apply_globals(env: Env, line: Line) -> None:
    from pyflux.cli.globals import apply

    flags = line.found.flags
    apply(env, Call(line.found.path, line.args, flags.values, flags.changed), flags.shadowed)
    env.kube.timeout = min(env.kube.timeout or _SECONDS, _SECONDS)


def _contexts(env: Env) -> list[str]:
    from pyflux.kube.kubeconfig import kubeconfig

    return sorted(kubeconfig(env).contexts)


def _live(env: Env, typed: str, resource: Resource) -> Words:
    """Names of the cluster's objects of a kind, in the API's order. Raises PyfluxError."""
    return _starting(((name, "") for name in _in_time(lambda: _names(env, resource))), typed)


def _names(env: Env, resource: Resource) -> list[str]:
    from pyflux.kube import connect
    from pyflux.kube.listing import loads

    client = connect(env)
    try:
        # names are all we need of the objects, which can be large
        path = resource.path(env.kube.namespace if resource.namespaced else "")
        answer = loads(client.raw("GET", path, accept=_METADATA).body)
    finally:
        client.close()
    return [str(item["metadata"]["name"]) for item in answer.get("items") or []]


def _in_time(ask: Callable[[], list[str]]) -> list[str]:
    """`ask`, given up after three seconds whatever it is waiting for. Raises PyfluxError."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise _Late

    try:
        before = signal.signal(signal.SIGALRM, late)
    except ValueError:
        return ask()  # not the main thread: the client's own time limit has to do
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        return ask()
    except _Late:
        raise PyfluxError("the cluster did not answer in time") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
