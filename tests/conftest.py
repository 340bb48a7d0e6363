"""Fixtures that tests in every folder can ask for."""

import signal

import pytest

pytest_plugins = ["tests.real.fixtures"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell turns SIGINT off for what it runs in the background, and programs inherit that;
    # the tests that interrupt a program need it on
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What workers run side by side: a pair of servers with all of its journeys, and other tests by their files."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        pair = callspec.params.get("pair") if callspec is not None else None
        item.add_marker(pytest.mark.xdist_group(str(pair or item.location[0])))
