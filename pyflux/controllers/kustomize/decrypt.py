"""SOPS: decrypts objects of a build with the `sops` program and the keys of a Secret.

The keys live in a private folder for one build. Values never appear in messages or argument lists.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyflux.controllers.source.gitauth import read_secret
from pyflux.errors import KubeError
from pyflux.render.overlay import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_TIMEOUT = 60.0
_DISABLED = "kustomize.toolkit.fluxcd.io/decrypt"
_FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".env": "dotenv", ".ini": "ini"}


def is_encrypted(obj: Obj) -> bool:
    """True for an object with SOPS metadata."""
    return isinstance(obj.get("sops"), dict)


def is_encrypted_secret(obj: Obj) -> bool:
    """True for a Secret that SOPS encrypted and nobody decrypted."""
    return obj.get("kind") == "Secret" and is_encrypted(obj)


def opted_out(obj: Obj) -> bool:
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(_DISABLED) or "").lower() == "disabled"


@contextmanager
def decryptor(client: Client, obj: Obj) -> Iterator[Callable[[Obj], Obj | None] | None]:
    """A function for `pyflux.render.manifests.post_build`; None without `spec.decryption`. Raises BuildError."""
    spec = obj["spec"].get("decryption")
    if not spec:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="sops-") as folder:
        keys = _Keys(folder)
        if spec.get("secretRef"):
            name, namespace = spec["secretRef"]["name"], obj["metadata"]["namespace"]
            try:
                data = read_secret(client, name, namespace)
            except KubeError as error:
                raise BuildError(f"cannot get decryption Secret '{namespace}/{name}': {error}") from None
            keys.add(data)
        yield keys.decrypt_object


class _Keys:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._environ = {"HOME": folder, "PATH": os.environ.get("PATH", os.defpath), "GNUPGHOME": folder}
        self._age: list[bytes] = []
        self._has_pgp = False

    def add(self, data: dict[str, bytes]) -> None:
        for name, value in sorted(data.items()):
            if name.endswith(".agekey"):
                self._age.append(value.strip())
            elif name.endswith(".asc"):
                self._import_pgp(name, value)
        if self._age:
            path = os.path.join(self._folder, "keys.txt")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(b"\n".join(self._age) + b"\n")
            self._environ["SOPS_AGE_KEY_FILE"] = path

    def _import_pgp(self, name: str, key: bytes) -> None:
        program = shutil.which("gpg")
        if program is None:
            raise BuildError("failed to import the PGP key: the program gpg is not installed on this machine")
        done = subprocess.run(
            [program, "--batch", "--import"],
            input=key,
            env=self._environ,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode:
            raise BuildError(f"failed to import '{name}' data: gpg refused the key")

    def decrypt_object(self, obj: Obj) -> Obj | None:
        """The object in the clear; None for one that is not encrypted. Raises BuildError."""
        if is_encrypted(obj):
            if opted_out(obj):
                return None
            clear = json.loads(self._run(json.dumps(obj).encode(), "json", "json"))
            clear.pop("sops", None)
            return dict(clear)
        if obj.get("kind") == "Secret" and isinstance(obj.get("data"), dict):
            return self._decrypt_values(obj)
        return None

    def _decrypt_values(self, obj: Obj) -> Obj | None:
        """A Secret that a generator made of encrypted files: each value is a file."""
        changed = False
        data = dict(obj["data"])
        for key, value in data.items():
            try:
                raw = base64.b64decode(str(value), validate=True)
            except ValueError:
                continue
            if b"sops" not in raw or (b"ENC[" not in raw and b'"sops"' not in raw):
                continue
            kind = _FORMATS.get(os.path.splitext(key)[1], "binary" if raw.lstrip().startswith(b"{") else "yaml")
            data[key] = base64.b64encode(self._run(raw, kind, kind)).decode()
            changed = True
        return {**obj, "data": data} if changed else None

    def _run(self, text: bytes, kind: str, out: str) -> bytes:
        program = shutil.which("sops")
        if program is None:
            raise BuildError(
                "the manifest is encrypted with SOPS and the program sops is not installed on this machine",
                hint="install sops from its release page and start the controllers again",
            )
        # kustomize has reordered and perhaps extended the object, so its MAC cannot match any more
        command = [program, "decrypt", "--ignore-mac", "--input-type", kind, "--output-type", out, "/dev/stdin"]
        try:
            done = subprocess.run(
                command,
                input=text,
                env=self._environ,
                cwd=self._folder,
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BuildError(f"sops took longer than {_TIMEOUT:g}s") from None
        if done.returncode:
            lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
            why = lines[0] if lines else f"exit code {done.returncode}"
            raise BuildError(f"failed to decrypt with sops: {why}")
        return done.stdout
