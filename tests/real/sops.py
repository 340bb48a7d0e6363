"""Real SOPS with keys of its own, and a repository whose files it encrypted."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from pyflux.render.kustomize import kubectl
from pyflux.ui.yamlin import load_all
from tests.real.processes import ServerError, binary, missing

GPG_SECONDS = 60
CLEAR = "hunter2"
ONLY_DATA = ("--encrypted-regex", "^(data|stringData)$")
SECRET = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: plain\nstringData:\n  password: {CLEAR}\n  port: '5432'\n"
DATA = (
    f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: plain\ndata:\n  a: {base64.b64encode(CLEAR.encode()).decode()}\n"
)
PATCH = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: patched\ndata:\n  word: {CLEAR}\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: patched\ndata:\n  kept: '1'\n"
KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [secret.yaml, patched.yaml, ../base]
patches: [{path: patch.yaml}]
secretGenerator:
- {name: environment, envs: [app.env, more.txt]}
- {name: files, files: [config.yaml, settings.json, app.ini, blob.bin, renamed.yaml=other/odd]}
- {name: login, type: kubernetes.io/dockerconfigjson, files: [.dockerconfigjson=login.txt]}
- {name: clear, files: [clear.txt]}
"""
BASE = "secretGenerator: [{name: base, envs: [../shared/base.env], options: {disableNameSuffixHash: true}}]\n"
BLOB = bytes(range(256))
# the files of the repository in the clear; those with a format are encrypted
FILES: dict[str, tuple[str | bytes, str, tuple[str, ...]]] = {
    "app/kustomization.yaml": (KUSTOMIZATION, "", ()),
    "app/secret.yaml": (SECRET, "yaml", ONLY_DATA),
    "app/patched.yaml": (CONFIG, "", ()),
    "app/patch.yaml": (PATCH, "yaml", ("--encrypted-regex", "^word$")),
    "app/app.env": (f"USER=bob\nPASSWORD={CLEAR}\n", "dotenv", ()),
    "app/more.txt": (f"MORE={CLEAR}\n", "dotenv", ()),
    "app/config.yaml": (f"a:\n    b: {CLEAR}\n", "yaml", ()),
    "app/settings.json": (json.dumps({"a": CLEAR}, indent="\t") + "\n", "json", ()),
    "app/app.ini": (f"[x]\na = {CLEAR}\n", "ini", ()),
    "app/blob.bin": (BLOB, "binary", ()),
    "app/other/odd": (f"c: {CLEAR}\n", "yaml", ()),
    "app/login.txt": (json.dumps({"auths": {"example.com": {"auth": CLEAR}}}, indent="\t") + "\n", "json", ()),
    "app/clear.txt": ("not encrypted\n", "", ()),
    "base/kustomization.yaml": (BASE, "", ()),
    "shared/base.env": (f"BASE={CLEAR}\n", "dotenv", ()),
}


class Keys:
    """A new age key, and with `pgp` a new PGP key, in a folder. `environ` lets programs find them."""

    def __init__(self, folder: Path, *, pgp: bool = False) -> None:
        reason = missing("sops", "age-keygen")
        if reason:
            raise ServerError(reason)
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True)
        made = subprocess.run([binary("age-keygen")], capture_output=True, text=True, check=True)
        self.private = made.stdout
        """The key file with the age key."""
        self.recipient = next(line.split()[-1] for line in made.stdout.splitlines() if "public key" in line)
        (folder / "keys.txt").write_text(self.private)
        path = f"{binary('sops').parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self.environ = {
            "PATH": path,
            "HOME": str(folder),
            "GNUPGHOME": str(folder),
            "SOPS_AGE_KEY_FILE": str(folder / "keys.txt"),
        }
        if pgp:
            self._gpg("--passphrase", "", "--quick-gen-key", "pyflux tests", "default", "default", "never")

    @property
    def fingerprint(self) -> str:
        """The PGP key's."""
        lines = self._gpg("--with-colons", "--list-keys").splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))

    def armored(self) -> str:
        """The private PGP key as a text."""
        return self._gpg("--armor", "--export-secret-keys")

    def _gpg(self, *words: str) -> str:
        done = subprocess.run(
            ["gpg", "--batch", "--quiet", *words],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=GPG_SECONDS,
            check=True,
        )
        return done.stdout

    def encrypt(self, text: str | bytes, kind: str, *more: str, to: str = "age") -> str:
        """`text` of the format `kind` (yaml, json, dotenv, ini, binary) encrypted to the age or the PGP key."""
        recipient = ("--age", self.recipient) if to == "age" else ("--pgp", self.fingerprint)
        command = [binary("sops"), "encrypt", *recipient, *more, "--input-type", kind, "--output-type"]
        done = subprocess.run(
            [*command, "json" if kind == "binary" else kind, "/dev/stdin"],
            input=text.encode() if isinstance(text, str) else text,
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def close(self) -> None:
        """Ends the agent that gpg started."""
        if shutil.which("gpgconf") is not None:
            subprocess.run(["gpgconf", "--kill", "all"], env=self.environ, capture_output=True, check=False)


def encrypted(keys: Keys, to: str = "age") -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, (text, kind, more) in FILES.items():
        found[name] = keys.encrypt(text, kind, *more, to=to) if kind else str(text)
    return found


def in_the_clear(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    """What kustomize makes of the same repository in the clear: data by kind and name."""
    for name, (text, _, _) in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    command = [kubectl(), "kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder / "app")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return data_of(done.stdout)


def data_of(manifests: str) -> dict[tuple[str, str], dict[str, str]]:
    """The data of ConfigMaps and Secrets by kind and name, what a Secret says in `stringData` among it."""
    found = {}
    for obj in filter(None, load_all(manifests)):
        texts = {k: base64.b64encode(str(v).encode()).decode() for k, v in (obj.get("stringData") or {}).items()}
        found[obj["kind"], obj["metadata"]["name"]] = {**_unfolded(obj), **texts}
    return found


def _unfolded(obj: dict[str, Any]) -> dict[str, str]:
    """Its data; kustomize breaks base64 into lines."""
    lines: dict[str, str] = obj.get("data") or {}
    return {key: "".join(value.split()) if obj["kind"] == "Secret" else value for key, value in lines.items()}
