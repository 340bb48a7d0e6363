"""The official Flux controllers as plain processes beside the cluster instead of pods in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.real.processes import Server, binary, free_port, listening

# What each controller watches: it gives up when one of these is not served.
_SOURCES = ("source.toolkit.fluxcd.io/v1", ("gitrepositories", "ocirepositories", "buckets"))
NEEDS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "source-controller": (_SOURCES, (_SOURCES[0], ("helmrepositories", "helmcharts"))),
    "kustomize-controller": (_SOURCES, ("kustomize.toolkit.fluxcd.io/v1", ("kustomizations",))),
    "helm-controller": (
        _SOURCES,
        (_SOURCES[0], ("helmcharts",)),
        ("helm.toolkit.fluxcd.io/v2", ("helmreleases",)),
    ),
    "notification-controller": (
        ("notification.toolkit.fluxcd.io/v1", ("receivers",)),
        ("notification.toolkit.fluxcd.io/v1beta3", ("alerts", "providers")),
    ),
}
DEFAULT = ("source-controller", "kustomize-controller")


@dataclass
class Controllers:
    """A set of running controllers; `folder` holds their storage, temporary files and logs."""

    kubeconfig: Path
    folder: Path
    namespace: str = "flux-system"
    servers: dict[str, Server] = field(default_factory=dict)
    # Addresses by what listens there: "storage", "events" and "receiver", each host:port.
    addresses: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, *, extra_args: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Server:
        """Start one controller; returns when its health endpoint listens. ServerError when it does not."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        health = free_port()
        flags = [
            "--watch-all-namespaces=true",
            "--log-encoding=console",
            f"--metrics-addr=127.0.0.1:{free_port()}",
            f"--health-addr=127.0.0.1:{health}",
            "--requeue-dependency=1s",
        ]
        if name == "notification-controller":
            flags = [flag for flag in flags if not flag.startswith("--requeue-dependency")]
            self.addresses["events"] = f"127.0.0.1:{free_port()}"
            self.addresses["receiver"] = f"127.0.0.1:{free_port()}"
            flags += [f"--events-addr={self.addresses['events']}"]
            flags += [f"--receiverAddr={self.addresses['receiver']}"]
        else:
            events = self.addresses.get("events")
            flags.append(f"--events-addr={f'http://{events}/' if events else ''}")
        if name == "source-controller":
            storage = self.addresses.setdefault("storage", f"127.0.0.1:{free_port()}")
            (folder / "storage").mkdir(exist_ok=True)
            flags += [f"--storage-path={folder / 'storage'}"]
            flags += [f"--storage-addr={storage}", f"--storage-adv-addr={storage}"]
        server = Server(
            name,
            [binary(name), *flags, *extra_args],
            self.folder / f"{name}.log",
            env={**self._environment(folder), **(env or {})},
        )
        self.servers[name] = server
        server.wait_until(lambda: listening(health), 30)
        return server

    def _environment(self, folder: Path) -> dict[str, str]:
        """What a controller finds around it: no proxy, no home of the user, temporary files in its folder."""
        scratch = folder / "tmp"
        scratch.mkdir(exist_ok=True)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "TMPDIR": str(scratch),
            "TUF_ROOT": str(folder / ".sigstore"),
            "KUBECONFIG": str(self.kubeconfig),
            "RUNTIME_NAMESPACE": self.namespace,
        }

    def stop(self, *names: str) -> None:
        """End the named controllers, or all of them."""
        for name in names or tuple(reversed(self.servers)):
            self.servers.pop(name).stop()
