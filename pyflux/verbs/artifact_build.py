"""`pyflux build artifact`."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.oci import archive
from pyflux.verbs import artifact

if TYPE_CHECKING:
    from pyflux.env import Call, Env


def run(env: Env, call: Call) -> None:
    """Writes the archive of --path to --output; a failure leaves what was there."""
    output = call.str("output")
    with artifact.local_path(env, call) as path:
        env.log.action(f"building artifact from {path}")
        folder = os.path.dirname(os.path.abspath(output))
        try:
            # beside the output, so that it can be put in place at once
            file = tempfile.NamedTemporaryFile(dir=folder, prefix=".pyflux-artifact-", delete=False)  # noqa: SIM115
        except OSError as why:
            raise PyfluxError(f"building artifact failed, error: {output}: {why.strerror}") from why
        try:
            with file:
                archive.pack(path, file, _but(artifact.excluded(call), path, file.name))
            os.chmod(file.name, 0o640)
            os.replace(file.name, output)
        except BaseException as why:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file.name)
            if isinstance(why, OSError):
                raise PyfluxError(f"building artifact failed, error: {output}: {why.strerror}") from why
            if isinstance(why, PyfluxError):
                raise PyfluxError(f"building artifact failed, error: {why.message}", hint=why.hint) from why
            raise
    env.log.success(f"artifact created at {output}")


def _but(excluded: artifact.Excluded, root: str, file: str) -> artifact.Excluded:
    """`excluded`, and the file that is being written where it lies in the folder itself."""
    below = os.path.relpath(os.path.realpath(file), os.path.realpath(root))
    return lambda path, is_dir: path == below or excluded(path, is_dir)
