"""Bootstrap: writes Flux's manifests to a Git repository, installs them, and has the cluster sync with it.

`plan` is what is wanted, `steps` does it in order; every step looks at what is there first, so a run that
was stopped anywhere is finished by the next one. `providers` knows the hosting services.
"""
