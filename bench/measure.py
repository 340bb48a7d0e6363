"""Times whole processes: wall seconds and peak memory of each run, two commands in turn so that drift cancels out."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """One finished process: wall seconds, seconds of processor time, peak memory in MiB (of it alone), exit code."""

    wall: float
    cpu: float
    memory: float
    code: int


class Figure(NamedTuple):
    """Medians over the counted runs."""

    wall: float
    cpu: float
    memory: float
    code: int


def world() -> dict[str, str]:
    """The environment of what is measured: pyflux's modules compiled, as those of an installed package are."""
    root = Path(__file__).resolve().parent.parent
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(root / "pyflux")], check=True)
    environ = {**os.environ, "NO_COLOR": "1"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return environ


# A peak counts from before the exec, when the process was still a copy of its parent: so the parent is a small one.
_RUNNER = """
import os, sys, time
null = os.open(os.devnull, os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
start = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=actions)
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - start
print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status))
"""


def once(command: Sequence[str], env: Mapping[str, str], cwd: str | None = None) -> Run:
    """Runs a command with its output thrown away."""
    words = [sys.executable, "-I", "-S", "-c", _RUNNER, *command]
    done = subprocess.run(words, env=dict(env), cwd=cwd, stdout=subprocess.PIPE, text=True, check=True)
    wall, cpu, memory, code = done.stdout.split()
    return Run(float(wall), float(cpu), float(memory), int(code))


def in_turn(
    commands: Mapping[str, Sequence[str]],
    env: Mapping[str, str],
    *,
    runs: int = 7,
    warmup: int = 1,
    before: Callable[[], None] | None = None,
    cwd: str | None = None,
) -> dict[str, Figure]:
    """Medians per command, the commands run in turn (A B A B …); `before` runs ahead of each, uncounted."""
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for index in range(warmup + runs):
        for name, command in commands.items():
            if before is not None:
                before()
            run = once(command, env, cwd)
            if index >= warmup:
                found[name].append(run)
    return {
        name: Figure(
            statistics.median(run.wall for run in taken),
            statistics.median(run.cpu for run in taken),
            statistics.median(run.memory for run in taken),
            max(run.code for run in taken),
        )
        for name, taken in found.items()
    }


def row(title: str, figures: Mapping[str, Figure]) -> str:
    """A Markdown row: pyflux, and with a reference its figures and the ratios pyflux/reference."""
    mine = figures["pyflux"]
    cells = [title, seconds(mine.wall), seconds(mine.cpu), f"{mine.memory:.0f} MiB"]
    reference = figures.get("flux")
    if reference is not None:
        cells += [
            seconds(reference.wall),
            seconds(reference.cpu),
            f"{reference.memory:.0f} MiB",
            f"{mine.wall / reference.wall:.2f}",
            f"{mine.cpu / reference.cpu:.2f}",
            f"{mine.memory / reference.memory:.2f}",
        ]
    failed = [name for name, figure in figures.items() if figure.code]
    if failed:
        cells[0] += f" (exit code not 0: {', '.join(failed)})"
    return "| " + " | ".join(cells) + " |"


def header(with_reference: bool) -> str:
    names = ["", "pyflux", "CPU", "memory"]
    if with_reference:
        names += ["flux", "CPU", "memory", "time ratio", "CPU ratio", "memory ratio"]
    return "| " + " | ".join(names) + " |\n|" + "---|" * len(names)


def seconds(value: float) -> str:
    """A duration as people read it."""
    return f"{value * 1000:.0f} ms" if value < 10 else f"{value:.1f} s"
