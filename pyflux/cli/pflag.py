"""Reads a command line by the rules of pflag and cobra, which scripts written for flux rely on.

`--flag=value` for every type (also `--prune=false`), `--flag value`, `-n apps`, `-napps`, `-n=apps`,
grouped short flags, flags before and after subcommands and arguments, `--` ends the flags.
"""

from __future__ import annotations

from pyflux.catalog.duration import parse_duration
from pyflux.cli.model import Command, Flag
from pyflux.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_MAX_FLOAT32 = (2 - 2**-23) * 2.0**127
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


class HelpWanted(Exception):
    """-h or --help was given."""


def _bool(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _int(text: str) -> int:
    """A Go integer literal of 64 bits: also 0x10, 0o17, 017 and 1_000."""
    digits = text.lstrip("+-")
    octal = digits[:1] == "0" and (digits[1:2].isdecimal() or digits[1:2] == "_")
    try:
        if text.strip() != text:
            raise ValueError(text)
        value = int(text.replace("0", "0o", 1) if octal else text, 0)
    except ValueError:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def _float(text: str) -> float:
    try:
        if text.strip() != text:
            raise ValueError(text)
        value = float.fromhex(text) if "x" in text.lower() else float(text)
    except (ValueError, OverflowError):
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from None
    if abs(value) > _MAX_FLOAT32 and "inf" not in text.lower():
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": value out of range')
    return value


def split_csv(text: str) -> list[str]:
    """One CSV record, as pflag reads a `strings` value; quotes may hold commas. Raises ValueError."""
    if '"' not in text and "\n" not in text:
        return text.split(",") if text else []
    from pyflux.cli.gocsv import read_record

    return read_record(text)


def _pairs(text: str) -> dict[str, str]:
    found = {}
    for pair in split_csv(text):
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair} must be formatted as key=value")
        found[key] = value
    return found


_SCALARS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "bool": _bool,
    "int": _int,
    "float32": _float,
    "duration": parse_duration,
}


def _brackets(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def default_value(flag: Flag) -> Any:
    """The value a flag has when it is not given."""
    kind = flag.type
    if kind in ("strings", "stringArray"):
        return split_csv(_brackets(flag.default))
    if kind == "stringToString":
        return _pairs(_brackets(flag.default))
    if kind == "bool":
        return flag.default == "true"
    if kind in ("int", "duration"):
        return _SCALARS[kind](flag.default or "0")
    if kind == "float32":
        return float(flag.default or "0")
    return flag.default


def convert(flag: Flag, text: str) -> Any:
    """A flag's value from its text. Raises ValueError with the reason."""
    scalar = _SCALARS.get(flag.type)
    if scalar is not None:
        return scalar(text)
    if flag.type == "strings":
        return split_csv(text)
    if flag.type == "stringArray":
        return [text]
    if flag.type == "stringToString":
        return _pairs(text)
    from pyflux.cli.flagtypes import parse

    return parse(flag.type, text)


HELP = Flag("help", "bool", "Show help", short="h")
"""What every command takes."""


class Flags:
    """The flags one command line may use, and the values read so far."""

    def __init__(self) -> None:
        self.by_name: dict[str, Flag] = {}
        self.by_short: dict[str, Flag] = {}
        self.values: dict[str, Any] = {}
        self.changed: set[str] = set()
        self.shadowed: dict[str, Any] = {}
        """The defaults of flags that a command further down has replaced by its own of the same name."""
        self.help = False
        """Whether -h or --help was given."""

    def add(self, flags: Iterable[Flag]) -> None:
        for flag in flags:
            if flag.name in self.by_name:
                self.shadowed.setdefault(flag.name, self.values[flag.name])
            self.by_name[flag.name] = flag
            if flag.short:
                self.by_short[flag.short] = flag
            if flag.name not in self.changed:
                # a command's own flag replaces one of the same name further up, with its default
                self.values[flag.name] = default_value(flag)

    def set(self, flag: Flag, text: str, shown: str) -> None:
        try:
            value = convert(flag, text)
        except ValueError as why:
            from pyflux.catalog.gotext import quote

            names = f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"
            raise UsageError(f'invalid argument {quote(text)} for "{names}" flag: {why}') from None
        if flag is HELP:
            self.help = value
            return
        if flag.name in self.changed:
            if isinstance(value, list):
                value = self.values[flag.name] + value
            elif isinstance(value, dict):
                value = {**self.values[flag.name], **value}
        self.values[flag.name] = value
        self.changed.add(flag.name)

    def long(self, word: str, rest: list[str]) -> None:
        """Reads `--name…`; takes its value from `rest` where it stands apart."""
        name, equals, value = word[2:].partition("=")
        if not name or name.startswith("-"):
            raise UsageError(f"bad flag syntax: {word}")
        flag = self.by_name.get(name) or (HELP if name == HELP.name else None)
        if flag is None:
            raise UsageError(f"unknown flag: --{name}")
        if equals:
            self.set(flag, value, word)
        elif flag.type == "bool":
            self.set(flag, "true", word)
        elif rest:
            self.set(flag, rest.pop(0), word)
        else:
            raise UsageError(f"flag needs an argument: --{name}")

    def short(self, word: str, rest: list[str]) -> None:
        """Reads `-abc`, `-n value`, `-nvalue` or `-n=value`."""
        letters = word[1:]
        while letters:
            # messages name what is left of the group, as pflag's do
            group, letter, letters = f"-{letters}", letters[0], letters[1:]
            flag = self.by_short.get(letter) or (HELP if letter == HELP.short else None)
            if flag is None:
                raise UsageError(f"unknown shorthand flag: '{letter}' in {group}")
            # "-n=" has the value "=", as in pflag
            if letters.startswith("=") and len(letters) > 1:
                self.set(flag, letters[1:], word)
                return
            if flag.type == "bool":
                self.set(flag, "true", word)
            elif letters:
                self.set(flag, letters, word)
                return
            elif rest:
                self.set(flag, rest.pop(0), word)
            else:
                raise UsageError(f"flag needs an argument: '{letter}' in {group}")


def next_word(flags: Flags, words: list[str]) -> int:
    """Index of the first word that is neither a flag nor a flag's value; -1 where there is none.

    Only the flags known so far can tell whether they take a value, as in cobra's search for subcommands.
    """
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return -1
        if word.startswith("--"):
            flag = flags.by_name.get(word[2:])
            takes = "=" not in word and flag is not None and flag.type != "bool"
        elif word.startswith("-") and len(word) > 1:
            flag = flags.by_short.get(word[1]) if len(word) == 2 else None
            takes = flag is not None and flag.type != "bool"
        else:
            return index
        index += 2 if takes else 1
    return -1


def read_words(flags: Flags, words: list[str]) -> list[str]:
    """Reads every flag of `words` into `flags`; returns the arguments. Raises UsageError."""
    rest = list(words)
    args: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            return args + rest
        if word.startswith("--"):
            flags.long(word, rest)
        elif word.startswith("-") and len(word) > 1:
            flags.short(word, rest)
        else:
            args.append(word)
    return args


def parse_words(flags: Flags, words: list[str]) -> list[str]:
    """The same, but raises HelpWanted where that is asked for."""
    args = read_words(flags, words)
    if flags.help:
        raise HelpWanted
    return args


def check_required(flags: Flags) -> None:
    """Raises UsageError where a flag that must be given is not."""
    missing = [f'"{flag.name}"' for flag in flags.by_name.values() if flag.required and flag.name not in flags.changed]
    if missing:
        raise UsageError(f"required flag(s) {', '.join(sorted(missing))} not set")


def check_args(command: Command, path: str, args: list[str]) -> None:
    """Raises UsageError, in cobra's words, when the number of arguments is not the command's."""
    if command.args is None:
        return
    least, most = command.args
    count = len(args)
    if most == 0 and count:
        raise UsageError(f'unknown command "{args[0]}" for "{path}"')
    if least == most and count != least:
        raise UsageError(f"accepts {least} arg(s), received {count}")
    if count < least:
        raise UsageError(f"requires at least {least} arg(s), only received {count}")
    if most >= 0 and count > most:
        raise UsageError(f"accepts at most {most} arg(s), received {count}")
