"""`pyflux sandbox`: an embedded Kubernetes API, its Git server and controllers."""

from pyflux.cli.model import Command, Flag

_NAME = Flag("name", "string", "which sandbox", default="pyflux", extra=True)


def _command(name: str, help: str, *, flags: tuple[Flag, ...] = (), run: str = "", example: str = "") -> Command:
    return Command(
        name,
        help,
        run=f"pyflux.verbs.sandbox:{run or name}",
        extra=True,
        args=(0, 0),
        flags=(_NAME, *flags),
        example=example,
    )


COMMAND = Command(
    "sandbox",
    "Run an embedded Kubernetes API for trying things out",
    extra=True,
    long=(
        "A sandbox is a Kubernetes API server, a Git server and pyflux's controllers in the background of this "
        "machine, without Docker and without root. No containers run in it: workloads are stored, and their "
        "status says that they are up."
    ),
    children=(
        _command(
            "start",
            "Start a sandbox and return when it is ready",
            flags=(
                Flag("foreground", "bool", "stay in the foreground until stopped", extra=True),
                Flag("no-controllers", "bool", "start the API and the Git server only", extra=True),
            ),
            example="""
# Start it and use it
pyflux sandbox start
eval "$(pyflux sandbox env)"
kubectl get namespaces

# A second one beside it
pyflux sandbox start --name staging
""",
        ),
        _command("stop", "Stop a sandbox; what is in it stays"),
        _command(
            "status",
            "Show whether a sandbox runs, and its addresses",
            flags=(
                Flag("all", "bool", "show every sandbox", extra=True),
                Flag("output", "string", "text or json", short="o", default="text", complete="text|json", extra=True),
            ),
        ),
        _command(
            "logs",
            "Print the log of a sandbox",
            flags=(
                Flag("follow", "bool", "go on printing as the log grows", short="f", extra=True),
                Flag("controllers", "bool", "print the log of the controllers instead", extra=True),
                Flag("tail", "int", "how many lines to print, -1 for all", default="-1", extra=True),
            ),
        ),
        _command("kubeconfig", "Print the kubeconfig of a sandbox"),
        _command(
            "env",
            "Print the shell commands that point kubectl, flux and pyflux at a sandbox",
            run="environment",
            example="""
eval "$(pyflux sandbox env)"
""",
        ),
        _command("delete", "Stop a sandbox and remove everything that is in it"),
        Command(
            "demo",
            "Play the whole GitOps day on a sandbox of its own",
            run="pyflux.verbs.demo:run",
            extra=True,
            args=(0, 0),
            flags=(
                Flag("dir", "string", "folder to write the repository to", default="demo", complete="file", extra=True),
                Flag("keep", "bool", "leave the sandbox running", extra=True),
            ),
            long="Bootstrap, sync, a commit that rolls out, drift that is repaired, suspend, resume. Each command is "
            "printed and really run.",
            example="""
# Watch it, then play on in ./demo/fleet
pyflux sandbox demo
""",
        ),
    ),
)
