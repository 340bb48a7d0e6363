"""Fixtures that tests in every folder can ask for."""

import signal

pytest_plugins = ["tests.real.fixtures"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell turns SIGINT off for what it runs in the background, and programs inherit that;
    # the tests that interrupt a program need it on
    signal.signal(signal.SIGINT, signal.default_int_handler)
