"""A whole GitOps repository, rendered from a checkout alone: its clusters, Kustomizations, HelmReleases."""
