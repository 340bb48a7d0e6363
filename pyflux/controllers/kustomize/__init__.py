"""Kustomizations: artifacts are built, applied, pruned and watched until they are healthy."""
