"""`pyflux test`: builds and checks a whole repository, and reports like a test runner."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError, SilentExit
from pyflux.render.fleet.check import FAILED, PASSED, SKIPPED, Case, check, junit
from pyflux.verbs.fleet.common import built

if TYPE_CHECKING:
    from pyflux.env import Call, Env

_MARKS = {PASSED: ".", FAILED: "F", SKIPPED: "s"}
_COLOURS = {PASSED: "32", FAILED: "31", SKIPPED: "33"}
_WIDTH = 72


def run(env: Env, call: Call) -> None:
    """Prints a summary; exit code 1 where something failed, also for what was skipped with `--strict`."""
    start = env.monotonic()
    with built(env, call, call.str("path") or ".") as clusters:
        cases = check(clusters)
    strict = call.bool("strict")
    if strict:
        for case in cases:
            case.outcome = FAILED if case.outcome == SKIPPED else case.outcome
    target = call.str("junit")
    if target:
        _write(target, junit(cases))
    _print(env, cases, verbose=env.verbose)
    counts = {outcome: sum(case.outcome == outcome for case in cases) for outcome in (FAILED, PASSED, SKIPPED)}
    shown = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count) or "nothing to test"
    line = f" {shown} in {env.monotonic() - start:.2f}s "
    env.write(_colour(env, f"{line:=^{_WIDTH}}", FAILED if counts[FAILED] else PASSED) + "\n")
    if counts[FAILED] or not cases:
        raise SilentExit("the tests failed")


def _colour(env: Env, text: str, outcome: str) -> str:
    return f"\033[{_COLOURS[outcome]}m{text}\033[0m" if env.fancy(env.stdout) else text


def _print(env: Env, cases: list[Case], *, verbose: bool) -> None:
    width = max((len(case.cluster) for case in cases), default=0)
    for cluster in dict.fromkeys(case.cluster for case in cases):
        mine = [case for case in cases if case.cluster == cluster]
        if verbose:
            for case in mine:
                env.write(f"{cluster:<{width}} {case.name} {_colour(env, case.outcome.upper(), case.outcome)}\n")
            continue
        marks = [_colour(env, _MARKS[case.outcome], case.outcome) for case in mine]
        for index in range(0, len(marks), _WIDTH):
            env.write(f"{cluster:<{width}} {''.join(marks[index : index + _WIDTH])}\n")
    for title, outcome in (("FAILURES", FAILED), ("SKIPPED", SKIPPED)):
        chosen = [case for case in cases if case.outcome == outcome]
        if chosen:
            env.write(f"\n{f' {title} ':=^{_WIDTH}}\n")
        for case in chosen:
            env.write(_colour(env, f"{case.name} ({case.cluster})", outcome) + "\n")
            for reason in case.reasons:
                env.write(f"    {reason}\n")
    env.write("\n")


def _write(target: str, text: str) -> None:
    """Writes a report whole or not at all. Raises PyfluxError."""
    folder = os.path.dirname(os.path.abspath(target))
    try:
        handle, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except OSError as error:
        raise PyfluxError(f"cannot write {target}: {error.strerror}") from None
