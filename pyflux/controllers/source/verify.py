"""Signatures of commits and tags, checked with the programs `gpg` and `ssh-keygen` against the keys of a Secret."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from pyflux.controllers.source.gitauth import read_secret
from pyflux.controllers.source.outcome import VERIFIED, SourceFailed, SourceStalled
from pyflux.errors import KubeError, PyfluxError

if TYPE_CHECKING:
    from pyflux.git.source import Fetched
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_TIMEOUT = 30.0
_VALID = re.compile(r"^\[GNUPG:\] VALIDSIG ([0-9A-F]+)", re.M)
_GOOD_SSH = re.compile(r"with \S+ key (SHA256:\S+)")
_PRINCIPAL = "git"


class BadSignature(PyfluxError):
    """A signature that is missing, of an unknown kind, or by none of the keys."""


def mode_of(spec: Obj) -> str:
    """HEAD, Tag or TagAndHEAD; empty where nothing is to be verified."""
    mode = str((spec.get("verify") or {}).get("mode") or ("HEAD" if spec.get("verify") else ""))
    return "HEAD" if mode == "head" else mode


def due(obj: Obj) -> bool:
    """True when the artifact that is there was not verified in the way that the spec asks for."""
    mode, observed = mode_of(obj["spec"]), (obj.get("status") or {}).get("sourceVerificationMode")
    if not mode or mode == observed:
        return False
    return observed != "TagAndHEAD"


def verify(client: Client, obj: Obj, fetched: Fetched) -> str:
    """What was verified with which key, for the SourceVerified condition. Raises SourceFailed, SourceStalled."""
    spec, namespace = obj["spec"]["verify"], obj["metadata"]["namespace"]
    try:
        data = read_secret(client, spec["secretRef"]["name"], namespace)
    except KubeError as error:
        raise _failed("VerificationError", f"public keys secret error: {error}") from None
    keys = _Keys(data)
    mode, lines = mode_of(obj["spec"]), []
    if mode in ("Tag", "TagAndHEAD"):
        lines.append(_tag(keys, obj, fetched))
    if mode in ("HEAD", "TagAndHEAD"):
        commit = fetched.revision.commit
        try:
            key = keys.check(fetched.signature, fetched.payload)
        except BadSignature as error:
            text = f"signature verification of commit '{commit}' failed: {error}"
            raise _failed("InvalidCommitSignature", text) from None
        lines.append(f"\n\t- commit '{commit}' with key '{key}'")
    return "verified signature of" + "".join(lines)


def _failed(reason: str, text: str) -> SourceFailed:
    return SourceFailed(VERIFIED, reason, text, status="False")


def _tag(keys: _Keys, obj: Obj, fetched: Fetched) -> str:
    ref = obj["spec"].get("ref") or {}
    if not (ref.get("tag") or ref.get("semver") or str(ref.get("name") or "").startswith("refs/tags/")):
        text = "cannot verify tag object's signature if a tag reference is not specified"
        raise SourceStalled(VERIFIED, "InvalidVerificationMode", text, status="False")
    name = fetched.revision.name.removeprefix("refs/tags/")
    if not fetched.tag_signature:
        raise _failed("InvalidGitObject", f"cannot verify signature of tag '{name}' since it is not signed")
    try:
        key = keys.check(fetched.tag_signature, fetched.tag_payload)
    except BadSignature as error:
        raise _failed("InvalidTagSignature", f"signature verification of tag '{name}' failed: {error}") from None
    return f"\n\t- tag '{name}' with key '{key}'"


class _Keys:
    """The public keys of a Secret: `.sshpub` for SSH, all others for OpenPGP."""

    def __init__(self, data: dict[str, bytes]) -> None:
        self._ssh = [value for name, value in sorted(data.items()) if name.endswith(".sshpub")]
        self._pgp = [value for name, value in sorted(data.items()) if not name.endswith(".sshpub")]

    def check(self, signature: bytes, payload: bytes) -> str:
        """The key that signed. Raises BadSignature."""
        with tempfile.TemporaryDirectory(prefix="verify-") as folder:
            path = os.path.join(folder, "signature")
            with open(path, "wb") as file:
                file.write(signature)
            if signature.startswith(b"-----BEGIN SSH SIGNATURE-----"):
                return self._check_ssh(folder, path, payload)
            if signature.startswith(b"-----BEGIN PGP"):
                return self._check_pgp(folder, path, payload)
        raise BadSignature("unsupported signature type: unknown" if signature else "it is not signed")

    def _check_pgp(self, folder: str, path: str, payload: bytes) -> str:
        if not self._pgp:
            raise BadSignature("PGP signature detected but no PGP public keys found in secret (keys with .asc suffix)")
        for key in self._pgp:
            _run("gpg", ["--batch", "--quiet", "--import"], key, folder)
        output = _run("gpg", ["--batch", "--status-fd", "1", "--verify", path, "-"], payload, folder)
        found = _VALID.search(output)
        if found is None:
            raise BadSignature("unable to verify Git commit: unable to verify payload with any of the given key rings")
        return found[1][-16:]

    def _check_ssh(self, folder: str, path: str, payload: bytes) -> str:
        if not self._ssh:
            raise BadSignature(
                "SSH signature detected but no SSH public keys found in secret (keys with .sshpub suffix)"
            )
        allowed = os.path.join(folder, "allowed")
        with open(allowed, "wb") as file:
            for keys in self._ssh:
                for line in keys.splitlines():
                    if line.strip() and not line.startswith(b"#"):
                        file.write(b'%s namespaces="git" %s\n' % (_PRINCIPAL.encode(), line.strip()))
        command = ["-Y", "verify", "-n", "git", "-f", allowed, "-I", _PRINCIPAL, "-s", path]
        found = _GOOD_SSH.search(_run("ssh-keygen", command, payload, folder))
        if found is None:
            raise BadSignature(
                "unable to verify Git commit: unable to verify payload with any of the given public keys"
            )
        return found[1]


def _run(name: str, arguments: list[str], text: bytes, folder: str) -> str:
    """The program's output; empty when it fails. Raises BadSignature where it is missing."""
    program = shutil.which(name)
    if program is None:
        raise BadSignature(f"the program {name} is not installed on this machine")
    environ = {"HOME": folder, "GNUPGHOME": folder, "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [program, *arguments],
            input=text,
            env=environ,
            cwd=folder,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadSignature(f"{name} took longer than {_TIMEOUT:g}s") from None
    return "" if done.returncode else done.stdout.decode("utf-8", "replace")
