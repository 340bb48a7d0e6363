"""Verbs over a whole repository, from a checkout alone: build, diff, test, get and graph."""
