"""pyflux's own Flux controllers: clients of any Kubernetes API, in one light process.

`pyflux.controllers.manager.Manager` runs them. `source` makes artifacts of Git and Helm repositories and
registries, `kustomize` applies them, `helm` releases charts.
They follow the Flux API's own words for conditions, reasons, messages, revisions and events.
"""
