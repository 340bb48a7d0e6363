"""The version that the API server says it is."""

from __future__ import annotations

import platform
import sys

_MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.3",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "gc",
    "platform": f"{sys.platform}/{_MACHINE.get(platform.machine(), platform.machine())}",
}
