"""Git: fetching commits, committing and pushing, signing, SSH keys and host keys.

dulwich and asyncssh are imported here and nowhere else, and only by the functions that need them:
importing a module of this room is cheap. Start with `pyflux.git.source` (what a source reconciler needs)
and `pyflux.git.workcopy` (what bootstrap needs).
"""
