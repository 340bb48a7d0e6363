"""`pyflux bootstrap`: flags into a plan, then the steps of `pyflux.bootstrap`."""
