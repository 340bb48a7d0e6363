"""A whole repository rendered: `pyflux build all` cold, warm and after a change, beside flux's build and flux-local's.

python bench/render.py [--flux PATH] [--flux-local PATH] [--kustomizations 50] [--objects 20] [--large 1000]

flux-local runs `flux`, `kustomize` and `git`, which have to be on PATH. Ratios are to the faster of the two.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from bench import fleet  # noqa: E402
from bench.measure import Figure, in_turn, seconds, world  # noqa: E402

PROGRAM = str(Path(sys.executable).with_name("pyflux"))
BUILD = [PROGRAM, "build", "all", "--path", "clusters/main", "--offline"]
DIFF = [PROGRAM, "diff", "all", "--path", "clusters/main", "--offline", "--from", "HEAD"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flux", help="path of the reference CLI")
    parser.add_argument("--flux-local", help="path of flux-local")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kustomizations", type=int, default=50)
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument(
        "--large", type=int, default=1000, help="Kustomizations of the large repository; 0 leaves it out"
    )
    options = parser.parse_args()
    print(f"\nMedians of {options.runs} runs; memory is the peak of the process without the programs that it starts.\n")
    print("| repository | build | time | CPU | memory | time ratio to the reference |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure(
            folder / "fleet", options.kustomizations, options.objects, options.runs, options.flux, options.flux_local
        )
        if options.large:
            measure(folder / "large", options.large, options.objects, 1)


def measure(
    folder: Path, kustomizations: int, objects: int, runs: int, flux: str | None = None, flux_local: str | None = None
) -> None:
    """Prints the rows for one repository."""
    fleet.write(folder, kustomizations, objects)
    cache = folder.with_suffix(".cache")
    environ = {**world(), "PYFLUX_CACHE": str(cache)}
    title = f"{kustomizations} × {objects} objects"
    others: dict[str, list[str]] = {}
    if flux:
        command = [os.path.abspath(flux), "build", "kustomization", "root", "--path", "clusters/main"]
        command += ["--kustomization-file", "root.yaml", "--dry-run", "--recursive"]
        command += ["--local-sources", f"GitRepository/flux-system/{fleet.SOURCE}=."]
        others["flux `build kustomization --recursive --dry-run`"] = command
    if flux_local:
        others["flux-local `build ks`"] = [os.path.abspath(flux_local), "build", "ks", "--path", "clusters/main"]
    figures = in_turn(others, environ, runs=runs, warmup=0, cwd=str(folder))
    for name, figure in figures.items():
        show(title, name, figure, None)
    reference = min(figures.values(), key=lambda figure: figure.wall, default=None)

    def forget() -> None:
        shutil.rmtree(cache, ignore_errors=True)

    number = count()
    changed = folder / "apps" / "app-1" / "object-2.yaml"

    def change() -> None:
        changed.write_text(fleet.config_map("app-1-2", f"changed-{next(number)}"))

    steps: list[tuple[str, list[str], Callable[[], None]]] = [
        ("`build all`, cold", BUILD, forget),
        ("`build all`, warm", BUILD, lambda: None),
        ("`build all`, one object changed", BUILD, change),
        ("`diff all`, one object changed", DIFF, change),
    ]
    for what, command, before in steps:
        found = in_turn({"pyflux": command}, environ, runs=runs, warmup=0, before=before, cwd=str(folder))["pyflux"]
        show(title, f"pyflux {what}", found, reference, 1 if command is DIFF else 0)


def show(title: str, what: str, found: Figure, reference: Figure | None, expected: int = 0) -> None:
    """Prints a row; an exit code that is not the expected one is said."""
    ratio = f"{found.wall / reference.wall:.2f}" if reference is not None else ""
    failed = f" (exit code {found.code})" if found.code != expected else ""
    cells = [title, what + failed, seconds(found.wall), seconds(found.cpu), f"{found.memory:.0f} MiB", ratio]
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
