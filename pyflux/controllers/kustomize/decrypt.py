"""SOPS: the keys of a Secret for the program `sops`, in a private folder for one build."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyflux.controllers.source.gitauth import read_secret
from pyflux.errors import KubeError, NotFound
from pyflux.render.overlay import BuildError
from pyflux.render.sops import Sops

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_TIMEOUT = 60.0


def is_encrypted_secret(obj: Obj) -> bool:
    """True for a Secret that SOPS encrypted and nobody decrypted."""
    return obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1" and "sops" in obj


class Decryptor(Sops):
    """Sops that knows whether a file was decrypted: what was built with it is not to be kept."""

    def __init__(self, environ: Mapping[str, str], folder: str) -> None:
        super().__init__(environ, cwd=folder, timeout=_TIMEOUT)
        self.decrypted_files = False

    def file(self, path: str, kind: str) -> bytes | None:
        clear = super().file(path, kind)
        self.decrypted_files = self.decrypted_files or clear is not None
        return clear


@contextmanager
def decryptor(client: Client, obj: Obj) -> Iterator[Decryptor | None]:
    """What decrypts a build; None without `spec.decryption`. Raises BuildError."""
    spec = obj["spec"].get("decryption")
    if not spec:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="sops-") as folder:
        keys = _Keys(folder)
        try:
            if spec.get("secretRef"):
                name, namespace = spec["secretRef"]["name"], obj["metadata"]["namespace"]
                keys.add(_read(client, name, namespace), f"{namespace}/{name}")
            yield Decryptor(keys.environ, folder)
        finally:
            keys.close()


def _read(client: Client, name: str, namespace: str) -> dict[str, bytes]:
    try:
        return read_secret(client, name, namespace)
    except NotFound as error:
        raise BuildError(error.message) from None
    except KubeError as error:
        raise BuildError(f"cannot get sops decryption Secret '{namespace}/{name}': {error}") from None


class _Keys:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._gpg = shutil.which("gpg")
        self._has_agent = False
        self.environ = {"HOME": folder, "PATH": os.environ.get("PATH", os.defpath), "GNUPGHOME": folder}

    def add(self, data: dict[str, bytes], secret: str) -> None:
        """Takes in the keys of the Secret called `secret`. Raises BuildError."""
        age: list[bytes] = []
        for name, value in sorted(data.items()):
            if name.endswith(".agekey"):
                age.append(value.strip())
            elif name.endswith(".asc"):
                try:
                    self._import_pgp(value)
                except BuildError as why:
                    what = f"failed to import '{name}' data from sops decryption Secret '{secret}'"
                    raise BuildError(f"{what}: {why.message}") from None
        if age:
            path = os.path.join(self._folder, "keys.txt")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(b"\n".join(age) + b"\n")
            self.environ["SOPS_AGE_KEY_FILE"] = path

    def _import_pgp(self, key: bytes) -> None:
        if self._gpg is None:
            raise BuildError("the program gpg is not installed on this machine")
        self._has_agent = True
        done = subprocess.run(
            [self._gpg, "--batch", "--import"],
            input=key,
            env=self.environ,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode:
            raise BuildError("gpg refused the key")

    def close(self) -> None:
        """Ends the agent that gpg left behind, which holds the keys."""
        program = shutil.which("gpgconf") if self._has_agent else None
        if program is not None:
            command = [program, "--kill", "gpg-agent"]
            subprocess.run(command, env=self.environ, capture_output=True, timeout=_TIMEOUT, check=False)
