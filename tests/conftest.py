"""Fixtures that tests in every folder can ask for."""

pytest_plugins = ["tests.real.fixtures"]
