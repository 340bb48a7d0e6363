"""Runs cases on both servers by hand:  compare.py REAL TOKEN SANDBOX TOKEN [PATTERN]"""

from __future__ import annotations

import sys

from tests.real.fidelity.runner import Run, Server, differences, load_cases, requests_in


def main() -> int:
    """Prints what differs; the exit code says whether anything does."""
    real, sandbox = Server(*sys.argv[1:3]), Server(*sys.argv[3:5])
    pattern = sys.argv[5] if len(sys.argv) > 5 else ""
    cases = [c for c in load_cases() if pattern in c.name]
    bad = same = 0
    for number, case in enumerate(cases):
        one, other = Run(real, case, number).answers(), Run(sandbox, case, number).answers()
        lines = [line for line, _ in case.steps if not line.startswith(("SLEEP", "KEEP"))]
        for line, a, b in zip(lines, one, other, strict=True):
            found = differences(a, b)
            if found:
                bad += 1
                print(f"{case.name}: {line}")
                for text in found[:12]:
                    print("   ", text)
            else:
                same += 1
    print(f"{same}/{requests_in(cases)} requests answered the same, {bad} not")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
