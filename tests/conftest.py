"""Fixtures that tests in every folder can ask for."""

import re
import signal
from typing import Any

import pytest

pytest_plugins = ["tests.real.fixtures"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell turns SIGINT off for what it runs in the background, and programs inherit that;
    # the tests that interrupt a program need it on
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What workers run side by side: a pair of servers with all of its journeys, and other tests by their files."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, rest = nodeid.partition("::")
            journey = re.search(r"\[(?:.*-)?(embedded-ours|real-ours|real-official)(?:-.*)?\]$", rest)
            return journey[1] if journey and file.startswith("tests/e2e/") else file

    return Groups(config, log)
