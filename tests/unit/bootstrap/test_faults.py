"""Every API call failing in every way: one clear line, no secret, and a second run that finishes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.bootstrap.conftest import SERVICES, World
from tests.unit.bootstrap.services import TOKEN

# one that stays until the run ends, and one that is over with the next request
LASTING = [(kind, True) for kind in (401, 403, 404, 422, 429, 500)]
PASSING = [(kind, False) for kind in (429, 500, "timeout", "reset", "lost")]


def _state(world: World) -> dict[str, Any]:
    slug = f"{world.owner}/fleet"
    stored = world.service.repositories[slug]
    return {
        "repositories": sorted(world.service.repositories),
        "visibility": stored.visibility,
        "access": stored.access,
        "keys": len(stored.keys),
        "files": world.service.bare(slug).git("ls-tree", "-r", "--name-only", "main").splitlines(),
        "secret": sorted(world.cluster.secret()),
        "objects": sorted(world.cluster.objects),
    }


def _words(world: World) -> list[str]:
    flag = "--group" if world.command == "bitbucket-server" else "--team"
    return [f"{flag}=sre:admin", "--reconcile"]


@pytest.mark.parametrize("command", list(SERVICES))
@pytest.mark.parametrize(("kind", "lasting"), [*LASTING, *PASSING])
def test_each_call_failing(make_world: Callable[[str], World], command: str, kind: int | str, lasting: bool) -> None:
    whole = make_world(command)
    whole.good(*_words(whole))
    calls = len(whole.service.requests)
    expected = _state(whole)
    assert calls >= 6
    for index in range(calls):
        world = make_world(command)
        world.cluster.objects.clear()
        world.service.fault = lambda number, _m, _p, index=index: (  # type: ignore[misc]
            kind if (number >= index if lasting else number == index) else None
        )
        done = world.run(*_words(world))
        where = f"call {index} of {command} failing with {kind}:\n{done.text}"
        assert TOKEN not in done.text, where
        assert "Traceback" not in done.text, where
        if done.code:
            lines = [line for line in done.text.splitlines() if line.startswith("✗")]
            assert lines, where
            assert len(lines[-1]) < 700, where
        if kind in (401, 403) and done.code:
            assert f"({kind})" in done.text, where
        if not lasting and kind in (429, 500) and world.service.requests[index].method == "GET":
            assert done.code == 0, where
        world.service.fault = lambda _n, _m, _p: None
        world.good(*_words(world))
        assert _state(world) == expected, where
