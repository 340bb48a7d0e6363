"""The reference CLI's command tree, where the file with it lies beside the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "flux-cli.json"


def commands() -> dict[str, dict[str, Any]]:
    """Path ("create source git", "" for the root) to the command's facts."""
    data = json.loads(FILE.read_text(encoding="utf-8"))
    return {command["path"]: command for command in data["commands"]}
