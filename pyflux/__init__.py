"""GitOps with Flux from the command line."""

__version__ = "0.1.0"

FLUX_VERSION = "2.9.4"
"""The release of the flux CLI and its controllers that pyflux follows."""
