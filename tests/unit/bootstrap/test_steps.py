"""Git servers that hang: every operation with them ends in --timeout."""

from __future__ import annotations

import io
from typing import Any

import pytest

from pyflux.bootstrap.steps import Bootstrap
from pyflux.env import Env
from pyflux.git import deadline
from pyflux.git.deadline import OutOfTime


class Hanging:
    branch, shown, fetched = "main", "https://git.example.com/fleet", False

    def refresh(self, sleep: Any) -> None:
        assert deadline.left(100) <= 3
        raise OutOfTime("context deadline exceeded")


def test_a_clone_ends_in_time() -> None:
    env = Env(stdout=io.StringIO(), stderr=io.StringIO())
    env.kube.timeout = 3.0
    nothing: Any = None
    work: Any = Hanging()
    with pytest.raises(OutOfTime) as caught:
        Bootstrap(env, nothing, work, nothing, nothing).clone()
    assert caught.value.message == "failed to clone repository: context deadline exceeded"
    assert "--timeout" in caught.value.hint
