"""Signatures, checked by git, ssh-keygen and gpg."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyflux.git.auth import Auth
from pyflux.git.errors import KeyUnusable
from pyflux.git.signing import gpg_signer, ssh_signer
from pyflux.git.workcopy import Person, WorkCopy
from tests.real.gitrepos import BareRepository

needs_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")


def commit(url: str, signer: object) -> str:
    work = WorkCopy(url, "main", Auth())
    work.refresh()
    made = work.commit({"f": os.urandom(8)}, "Signed\n\n[ci skip]", Person("Flux", "f@x.y"), signer=signer)  # type: ignore[arg-type]
    work.push()
    work.close()
    return made


@needs_keygen
@pytest.mark.parametrize(("kind", "passphrase"), [("ed25519", ""), ("ecdsa", "secret word"), ("rsa", "")])
def test_ssh(url: str, repository: BareRepository, tmp_path: Path, kind: str, passphrase: str) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    (tmp_path / "allowed").write_text(f"f@x.y {path.with_suffix('.pub').read_text()}")
    made = commit(url, ssh_signer(path.read_bytes(), passphrase))
    repository.git("-c", f"gpg.ssh.allowedSignersFile={tmp_path}/allowed", "verify-commit", made)
    repository.git("fsck", "--strict")
    if passphrase:
        with pytest.raises(KeyUnusable, match="is encrypted"):
            ssh_signer(path.read_bytes())
        with pytest.raises(KeyUnusable, match="passphrase is wrong"):
            ssh_signer(path.read_bytes(), "wrong")


@needs_gpg
def test_gpg(url: str, repository: BareRepository, tmp_path: Path) -> None:
    pytest.importorskip("pysequoia", reason="the extra gpg is not installed")
    home = tmp_path / "g"
    home.mkdir(mode=0o700)
    env = {**os.environ, "GNUPGHOME": str(home)}

    def gpg(*args: str, passphrase: str = "") -> bytes:
        loopback = ["--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase]
        return subprocess.run(["gpg", *loopback, *args], env=env, check=True, capture_output=True).stdout

    gpg("--quick-gen-key", "One <f@x.y>", "rsa2048", "sign", passphrase="hunter2")
    gpg("--quick-gen-key", "Two <f@x.y>", "ed25519", "sign")
    ring = gpg("--export-secret-keys", passphrase="hunter2")
    listing = gpg("--list-keys", "--with-colons").decode()
    first, second = [line.split(":")[4] for line in listing.splitlines() if line.startswith("pub")]
    for key, passphrase in ((first, "hunter2"), ("0x" + second.lower(), ""), (second, "of no use")):
        made = commit(url, gpg_signer(ring, passphrase, key))
        repository.git("verify-commit", made, env={"GNUPGHOME": str(home)})
    for arguments, message in [
        ((ring, "wrong", first), "unable to decrypt GPG private key"),
        ((ring, "", "abc"), "invalid GPG key id length; expected 16, got 3"),
        ((ring, "", "0" * 16), "no GPG keyring matching key id '0000000000000000' found"),
        ((b"", "", ""), "empty GPG key ring"),
        ((b"garbage", "", ""), "unable to read GPG key ring"),
        ((gpg("--export"), "", ""), "keyring does not contain a private key"),
    ]:
        with pytest.raises(KeyUnusable, match=message):
            gpg_signer(*arguments)
    subprocess.run(["gpgconf", "--kill", "all"], env=env, check=False)
