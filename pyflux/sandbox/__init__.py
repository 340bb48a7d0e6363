"""The sandbox: an embedded Kubernetes API server, a workload stand-in, a Git server and their lifecycle.

Nothing here is imported by the hot commands; see docs/sandbox.md for what it is and what it is not.
"""
