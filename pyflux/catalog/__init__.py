"""Facts about Flux and Kubernetes as data. Standard library only; nothing here talks to anything."""
