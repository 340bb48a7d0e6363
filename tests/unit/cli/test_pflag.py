"""The flag parser follows pflag and cobra, which scripts rely on."""

from __future__ import annotations

import pytest

from pyflux.cli import pflag
from pyflux.cli.model import Command, Flag
from pyflux.errors import UsageError

FLAGS = (
    Flag("namespace", "string", "", short="n", default="flux-system"),
    Flag("all-namespaces", "bool", "", short="A"),
    Flag("watch", "bool", "", short="w"),
    Flag("network-policy", "bool", "", default="true"),
    Flag("timeout", "duration", "", default="5m0s"),
    Flag("label", "strings", ""),
    Flag("components", "strings", "", default="[a,b]"),
    Flag("as-group", "stringArray", ""),
    Flag("local-sources", "stringToString", "", default="[]"),
    Flag("tail", "int", "", default="-1"),
    Flag("qps", "float32", "", default="50"),
    Flag("log-level", "debug|info|error", "", default="info"),
)


def read(*words: str) -> tuple[pflag.Flags, list[str]]:
    flags = pflag.Flags()
    flags.add(FLAGS)
    return flags, pflag.parse_words(flags, list(words))


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ([], "namespace", "flux-system"),
        (["-n", "apps"], "namespace", "apps"),
        (["-napps"], "namespace", "apps"),
        (["-n=apps"], "namespace", "apps"),
        (["--namespace=apps"], "namespace", "apps"),
        (["--namespace", "apps"], "namespace", "apps"),
        (["--namespace="], "namespace", ""),
        (["-Awn", "apps"], "watch", True),
        (["-Awn", "apps"], "namespace", "apps"),
        (["--network-policy=false"], "network-policy", False),
        (["--network-policy"], "network-policy", True),
        (["--watch=T"], "watch", True),
        ([], "timeout", 300_000_000_000),
        (["--timeout=1m30s"], "timeout", 90_000_000_000),
        (["--label=a=1,b=2", "--label", "c=3"], "label", ["a=1", "b=2", "c=3"]),
        (['--label="a,b",c'], "label", ["a,b", "c"]),
        ([], "components", ["a", "b"]),
        (["--components=x"], "components", ["x"]),
        (["--as-group=a,b", "--as-group=c"], "as-group", ["a,b", "c"]),
        (["--local-sources=a=b,c=d"], "local-sources", {"a": "b", "c": "d"}),
        (["--tail=10"], "tail", 10),
        (["--tail=0x1F"], "tail", 31),
        (["--tail=-017"], "tail", -15),
        (["--tail=1_000"], "tail", 1000),
        (["--qps=1e3"], "qps", 1000.0),
        (["--qps=1_0"], "qps", 10.0),
        (["--qps=0x1p4"], "qps", 16.0),
        (["--tail=0_17"], "tail", 15),
        (["-n="], "namespace", "="),
        (["--log-level", "debug"], "log-level", "debug"),
    ],
)
def test_values(words: list[str], name: str, value: object) -> None:
    flags, args = read(*words)
    assert flags.values[name] == value
    assert args == []


def test_flags_and_arguments_mix_and_a_double_dash_ends_flags() -> None:
    flags, args = read("one", "-A", "two", "--", "--three", "-n")
    assert args == ["one", "two", "--three", "-n"]
    assert flags.changed == {"all-namespaces"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["-Axy"], "unknown shorthand flag: 'x' in -xy"),
        (["-An"], "flag needs an argument: 'n' in -n"),
        (["--namespace"], "flag needs an argument: --namespace"),
        (["-n"], "flag needs an argument: 'n' in -n"),
        (["--=x"], "bad flag syntax: --=x"),
        (
            ["--timeout=abc"],
            'invalid argument "abc" for "--timeout" flag: time: invalid duration "abc"',
        ),
        (["--timeout=10"], 'invalid argument "10" for "--timeout" flag: time: missing unit in duration "10"'),
        (
            ["-A=x"],
            'invalid argument "x" for "-A, --all-namespaces" flag: strconv.ParseBool: parsing "x": invalid syntax',
        ),
        (["-A="], "unknown shorthand flag: '=' in -="),
        (["--tail= 1"], 'invalid argument " 1" for "--tail" flag: strconv.ParseInt: parsing " 1": invalid syntax'),
        (["--tail=08"], 'invalid argument "08" for "--tail" flag: strconv.ParseInt: parsing "08": invalid syntax'),
        (
            ["--tail=9223372036854775808"],
            'invalid argument "9223372036854775808" for "--tail" flag: '
            'strconv.ParseInt: parsing "9223372036854775808": value out of range',
        ),
        (
            ["--qps=1__0"],
            'invalid argument "1__0" for "--qps" flag: strconv.ParseFloat: parsing "1__0": invalid syntax',
        ),
        (
            ["--qps=1e39"],
            'invalid argument "1e39" for "--qps" flag: strconv.ParseFloat: parsing "1e39": value out of range',
        ),
        (
            ["--help=x"],
            'invalid argument "x" for "-h, --help" flag: strconv.ParseBool: parsing "x": invalid syntax',
        ),
        (["--local-sources=a"], 'invalid argument "a" for "--local-sources" flag: a must be formatted as key=value'),
    ],
)
def test_refusals_in_the_reference_words(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(*words)
    assert caught.value.message == message


@pytest.mark.parametrize("word", ["-h", "--help", "-Ah", "--help=true"])
def test_help_is_not_an_error(word: str) -> None:
    with pytest.raises(pflag.HelpWanted):
        read(word)


def test_required_flags() -> None:
    flags = pflag.Flags()
    flags.add((Flag("path", "string", "", required=True), Flag("source", "string", "", required=True)))
    with pytest.raises(UsageError, match=r'required flag\(s\) "path", "source" not set'):
        pflag.check_required(flags)


def test_help_that_is_refused_is_not_shown() -> None:
    assert read("--help=false", "one")[1] == ["one"]


def test_a_wrong_flag_counts_more_than_help() -> None:
    with pytest.raises(UsageError, match="unknown flag: --nope"):
        read("--help", "--nope")


def test_the_next_word_skips_values_of_known_flags() -> None:
    flags = pflag.Flags()
    flags.add(FLAGS)
    assert pflag.next_word(flags, ["-n", "apps", "-A", "get"]) == 3
    assert pflag.next_word(flags, ["--namespace=apps", "get"]) == 1
    assert pflag.next_word(flags, ["--", "get"]) == -1


@pytest.mark.parametrize(
    ("bounds", "args", "message"),
    [
        ((0, 0), ["x"], 'unknown command "x" for "flux check"'),
        ((1, 1), [], "accepts 1 arg(s), received 0"),
        ((1, -1), [], "requires at least 1 arg(s), only received 0"),
        ((0, 1), ["a", "b"], "accepts at most 1 arg(s), received 2"),
    ],
)
def test_argument_counts(bounds: tuple[int, int], args: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        pflag.check_args(Command("check", "", args=bounds), "flux check", args)
    assert caught.value.message == message
