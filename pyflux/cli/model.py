"""Commands are data: a tree of `Command` rows with `Flag` rows, read by the parser, Typer and the docs.

Each top-level command has a module in `pyflux.cli.commands` with one `COMMAND` row and its children.
`run` names the function to call, as "module:function", so that a row costs no import of what it runs;
that function takes `(env: Env, call: Call)`. A group's flags are taken by all commands below it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


GENERIC = "pyflux.cli.kinds:generic"
"""What runs a verb that is given kinds in place of a subcommand."""


class Flag:
    """One flag.

    `type` is pflag's word (string, bool, int, float32, duration, strings, stringArray, stringToString) or
    a name registered in `pyflux.cli.flagtypes`; `default` is the text the reference prints.
    """

    __slots__ = (
        "complete",
        "default",
        "deprecated",
        "extra",
        "help",
        "hidden",
        "name",
        "required",
        "short",
        "type",
    )

    def __init__(
        self,
        name: str,
        type: str,
        help: str,
        *,
        short: str = "",
        default: str = "",
        hidden: bool = False,
        deprecated: str = "",
        required: bool = False,
        complete: str = "",
        extra: bool = False,
    ) -> None:
        self.name = name
        self.type = type
        self.help = help
        self.short = short
        self.default = default
        self.hidden = hidden
        self.deprecated = deprecated
        self.required = required
        self.complete = complete
        """What completes its value: "namespace", "context", "file", or "a|b|c" for fixed words."""
        self.extra = extra
        """True for a flag that flux does not have."""


class Command:
    """One node of the tree. A node without `run` is a group: called alone, it shows its help."""

    __slots__ = (
        "aliases",
        "args",
        "children",
        "example",
        "extra",
        "flags",
        "help",
        "hidden",
        "hot",
        "kind",
        "long",
        "name",
        "run",
        "usage",
    )

    def __init__(
        self,
        name: str,
        help: str,
        *,
        run: str = "",
        aliases: Sequence[str] = (),
        flags: Sequence[Flag] = (),
        children: Sequence[Command] = (),
        args: tuple[int, int] | None = None,
        usage: str = "",
        long: str = "",
        example: str = "",
        hot: bool = False,
        hidden: bool = False,
        extra: bool = False,
        kind: str = "",
    ) -> None:
        self.name = name
        self.help = help
        self.run = run
        self.aliases = tuple(aliases)
        """Other names, without the name itself."""
        self.flags = tuple(flags)
        self.children = tuple(children)
        self.args = args
        """Least and greatest number of arguments (greatest -1: any); None leaves it to the command."""
        self.usage = usage
        """The words after the path in the usage line: "[name]"."""
        self.long = long
        self.example = example
        """Command lines that run as written, one a line, comments with #."""
        self.hot = hot
        """Run without importing Typer."""
        self.hidden = hidden
        self.extra = extra
        """True for a command that flux does not have."""
        self.kind = kind
        """The catalog kind the command is about, for `verbs` shared by kinds and for name completion."""

    def child(self, word: str) -> Command | None:
        """The child called `word`, by name or alias."""
        for command in self.children:
            if command.name == word or word in command.aliases:
                return command
        return None
