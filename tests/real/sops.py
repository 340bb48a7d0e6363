"""Real SOPS with keys of its own: encrypts what tests put into a repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.real.processes import ServerError, binary, missing

GPG_SECONDS = 60


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
