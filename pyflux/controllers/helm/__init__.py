"""HelmReleases: charts released by Helm's own SDK, in helm-controller's words.

The SDK runs in child processes (`work.py` talks to `child.py`): it blocks, keeps a Go runtime, and takes the name under
which fields are managed from its process. All else, such as reading what Helm stored, goes through the kube client.
"""
