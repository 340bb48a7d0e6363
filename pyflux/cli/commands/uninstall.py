"""`pyflux uninstall`."""

from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "uninstall",
    "Remove Flux from a cluster",
    long=(
        "Deletes the controllers, the finalizers of all Flux objects, the Flux CRDs with all their objects, and the "
        "namespace. What Flux applied to the cluster stays."
    ),
    example="""
# remove everything, the namespace too
pyflux uninstall

# keep the namespace, ask nothing
pyflux uninstall --keep-namespace --silent

# only show what would be deleted
pyflux uninstall --dry-run
""",
    run="pyflux.verbs.uninstall:run",
    hot=True,
    args=(0, 0),
    flags=(
        Flag("keep-namespace", "bool", "Do not delete the namespace"),
        Flag("dry-run", "bool", "Only show what would be deleted"),
        Flag("silent", "bool", "Do not ask", short="s"),
    ),
)
