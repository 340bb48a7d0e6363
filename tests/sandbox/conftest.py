"""Sandboxes for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.sandbox.running import Sandbox

NUMBERS = count()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for tests that do not disturb each other."""
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox for one test, not started yet."""
    made = Sandbox(tmp_path)
    yield made
    made.__exit__()


@pytest.fixture
def namespace(sandbox: Sandbox, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own."""
    words = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[5:40].strip("-")
    name = f"{words}-{next(NUMBERS)}"
    sandbox.kubectl("create", "namespace", name)
    return name
