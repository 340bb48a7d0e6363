"""SOPS: decrypts objects and files with the program `sops`, in the form and the words of kustomize-controller.

The keys are in the environment that the program gets. Values never appear in messages or argument lists.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from pyflux.render.overlay import BuildError
from pyflux.render.sopsmask import is_ciphertext

if TYPE_CHECKING:
    from collections.abc import Mapping

    Obj = dict[str, Any]

MAX_FILE = 5 << 20
"""Bytes of an encrypted file; kustomize-controller takes no larger ones."""

_DISABLED = "kustomize.toolkit.fluxcd.io/decrypt"
_BINARY = "binary"
_EXTENSIONS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".env": "dotenv", ".ini": "ini"}
_JSON_MARK = b'"mac": "ENC['
# in the order in which an unknown text is tried; what SOPS calls binary is JSON with the bytes in it
_MARKS = {"dotenv": b"sops_mac=ENC[", "json": _JSON_MARK, _BINARY: _JSON_MARK, "ini": b"[sops]", "yaml": b"mac: ENC["}
_NAMES = {"ini": "INI", "json": "JSON", "yaml": "YAML"}
_RECIPIENT = re.compile(r"^ +(\S.*): FAILED$", re.M)
_CAUSE = re.compile(r"^ +- \| (.+?)(?:\. Did not find keys|\n\n|\n +-|\Z)", re.M | re.S)
_SECRET = re.compile(r"(?<=Input string ).*(?= does not match)|(?<=input line: ).*|(?<=delimiter not found: ).*", re.S)
_NOISE = ("[", "time=")


class NoProgram(BuildError):
    """The program `sops` is not there."""


def is_encrypted(obj: Obj) -> bool:
    """True for an object that SOPS encrypted and nobody decrypted."""
    metadata = obj.get("sops")
    return isinstance(metadata, dict) and bool(metadata.get("mac"))


def is_encrypted_text(text: bytes, kind: str) -> bool:
    """True for a file of the format `kind` that SOPS encrypted."""
    return _MARKS[kind] in text


def opted_out(obj: Obj) -> bool:
    """True for an object whose annotation says that it is not to be decrypted."""
    metadata = obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and str(annotations.get(_DISABLED) or "").lower() == "disabled"


def format_of(name: str) -> str:
    """SOPS' format for a file's name or a Secret's key: yaml, json, dotenv, ini or binary."""
    if name.endswith(".dockerconfigjson"):
        return "json"
    return _EXTENSIONS.get(os.path.splitext(name)[1], _BINARY)


def program(environ: Mapping[str, str]) -> str:
    """The path of the program. Raises NoProgram."""
    found = shutil.which("sops", path=environ.get("PATH", os.defpath))
    if found is None:
        raise NoProgram("the program sops is not on PATH", hint="Install sops from its release page.")
    return found


class Sops:
    """Runs the program with an environment that holds or names the keys."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        cwd: str | None = None,
        timeout: float = 60.0,
        seen: set[str] | None = None,
    ) -> None:
        """`seen` is told every value that was decrypted, for those who have to hide them."""
        self._environ = dict(environ)
        self._seen = seen
        self._cwd = cwd
        self._timeout = timeout

    def object(self, obj: Obj) -> Obj | None:
        """The object in the clear; None for one that is not encrypted, or is not to be decrypted. Raises BuildError."""
        if opted_out(obj):
            return None
        if is_encrypted(obj):
            try:
                clear = json.loads(self.decrypt(json.dumps(obj).encode(), "json", "json"))
            except BuildError as why:
                raise _about(why, f"failed to decrypt and format '{_name(obj)}' {obj.get('kind')} data") from None
            self._tell(obj, clear)
            clear.pop("sops", None)
            return dict(clear)
        if obj.get("kind") == "Secret" and isinstance(obj.get("data"), dict):
            return self._values(obj)
        return None

    def _values(self, obj: Obj) -> Obj | None:
        """A Secret whose values are encrypted files."""
        clear: dict[str, str] = {}
        for key, value in obj["data"].items():
            try:
                raw = base64.b64decode(str(value), validate=True)
            except ValueError:
                continue
            kind = next((kind for kind, mark in _MARKS.items() if mark in raw), None)
            if kind is None:
                continue
            try:
                clear[key] = base64.b64encode(self.decrypt(raw, kind, format_of(key))).decode()
            except BuildError as why:
                raise _about(why, f"failed to decrypt and format '{_name(obj)}' Secret field '{key}'") from None
        return {**obj, "data": {**obj["data"], **clear}} if clear else None

    def file(self, path: str, kind: str) -> bytes | None:
        """The content of a file in the clear; None for one that is not encrypted in the format `kind`.

        Raises BuildError, OSError.
        """
        size = os.path.getsize(path)
        if size > MAX_FILE:
            raise BuildError(f"cannot decrypt file with size ({size} bytes) exceeding limit ({MAX_FILE})")
        with open(path, "rb") as file:
            text = file.read()
        if not is_encrypted_text(text, kind):
            return None
        clear = self.decrypt(text, kind, kind)
        if self._seen is not None and kind in ("yaml", "json"):
            self._tell(_documents(text), _documents(clear))
        return clear

    def _tell(self, encrypted: Any, clear: Any) -> None:
        """Adds what is ciphertext in one of two values to what was seen of the other."""
        if self._seen is None:
            return
        if isinstance(encrypted, dict) and isinstance(clear, dict):
            for key in encrypted.keys() & clear.keys():
                self._tell(encrypted[key], clear[key])
        elif isinstance(encrypted, list) and isinstance(clear, list):
            for one, other in zip(encrypted, clear, strict=False):
                self._tell(one, other)
        elif is_ciphertext(str(encrypted)) and not isinstance(clear, (dict, list)):
            self._seen.add(str(clear))

    def decrypt(self, text: bytes, kind: str, out: str) -> bytes:
        """A text of format `kind` in the clear, in format `out`. Raises BuildError."""
        # kustomize has reordered and perhaps extended what it read, so the checksum cannot match any more
        command = [
            program(self._environ),
            "decrypt",
            "--ignore-mac",
            "--input-type",
            kind,
            "--output-type",
            out,
            "/dev/stdin",
        ]
        try:
            done = subprocess.run(
                command,
                input=text,
                env=self._environ,
                cwd=self._cwd,
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BuildError(f"sops took longer than {self._timeout:g}s") from None
        except OSError as why:
            raise BuildError(f"sops does not run: {why.strerror}") from None
        if done.returncode:
            raise BuildError(_explain(done, kind, out))
        return done.stdout


def _documents(text: bytes) -> list[Any]:
    from pyflux.ui.yamlin import YamlError, load_all

    try:
        return load_all(text, strict=False)
    except YamlError:
        return []


def _name(obj: Obj) -> str:
    metadata = obj.get("metadata") or {}
    return f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"


def _about(why: BuildError, what: str) -> BuildError:
    if isinstance(why, NoProgram):
        return why
    return type(why)(f"{what}: {why.message}", hint=why.hint)


def _explain(done: subprocess.CompletedProcess[bytes], kind: str, out: str) -> str:
    """What sops said in one line: whose keys were missing, and nothing of what it read."""
    said, code = done.stderr.decode("utf-8", "replace").strip(), done.returncode
    name, out = _NAMES.get(kind, kind), _NAMES.get(out, out)
    if "Failed to get the data key" in said:
        recipients = [name for name in _RECIPIENT.findall(said) if not name.startswith("Group ")]
        causes = dict.fromkeys(" ".join(cause.replace("|", " ").split()) for cause in _CAUSE.findall(said))
        why = f": {'; '.join(causes)}" if causes else ""
        return f"cannot get sops data key: no key for {', '.join(recipients) or 'any recipient'}{why}"
    lines = [line for line in _SECRET.sub("<redacted>", said).splitlines() if line and not line.startswith(_NOISE)]
    line = " ".join(lines[0].split()) if lines else f"sops ended with exit code {code}"
    if line.startswith("Error decrypting tree: "):
        return f"error decrypting sops tree: {line.removeprefix('Error decrypting tree: ')}"
    if line.startswith("Error dumping file: "):
        return f"failed to emit encrypted {name} file as decrypted {out}: {line.removeprefix('Error dumping file: ')}"
    return f"failed to load encrypted {name} data: {line}"
