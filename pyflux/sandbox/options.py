"""What a request asks for beside its object."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Options:
    """What a request asks for beside its object."""

    manager: str = ""
    agent: str = ""
    dry_run: bool = False
    field_validation: str = "Warn"
    force: bool = False
    user: str = "system:admin"
    warnings: list[str] = field(default_factory=list)

    @property
    def manager_or_agent(self) -> str:
        """The field manager: named, or the first part of the User-Agent."""
        return self.manager or "".join(c for c in self.agent.split("/")[0] if c.isprintable())[:128]
