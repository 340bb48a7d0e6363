"""Bare Git repositories for tests, written with Git's own plumbing: no clone, no work tree, no user config."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Tests",
    "GIT_AUTHOR_EMAIL": "tests@example.com",
    "GIT_COMMITTER_NAME": "Tests",
    "GIT_COMMITTER_EMAIL": "tests@example.com",
}


def git_environment() -> dict[str, str]:
    """An environment in which Git sees no configuration but the repository's and never asks anything."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        **_IDENTITY,
    }


@dataclass(frozen=True)
class BareRepository:
    """A bare repository on disk."""

    path: Path

    @classmethod
    def create(cls, path: Path, branch: str = "main") -> BareRepository:
        """Create an empty one that accepts pushes over HTTP and fetches of single commits."""
        path.mkdir(parents=True)
        repository = cls(path)
        repository.git("init", "-q", "--bare", f"--initial-branch={branch}")
        for key in ("http.receivepack", "uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"):
            repository.git("config", key, "true")
        return repository

    def git(self, *arguments: str, stdin: str | bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run git in the repository; its output without the last newline. CalledProcessError on failure."""
        result = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env={**git_environment(), **(env or {})},
            timeout=60,
            check=False,
        )
        if result.returncode:
            raise AssertionError(f"git {' '.join(arguments)}: {result.stderr.decode(errors='replace')}")
        return result.stdout.decode().rstrip("\n")

    def head(self, ref: str = "refs/heads/main") -> str | None:
        """The commit a ref points at, or None."""
        return self.git("for-each-ref", "--format=%(objectname)", ref) or None

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "Change", *, branch: str = "main") -> str:
        """Commit on top of a branch: files to write by path, None to delete one. The new commit's id."""
        parent = self.head(f"refs/heads/{branch}")
        with tempfile.TemporaryDirectory() as scratch:
            env = {"GIT_INDEX_FILE": os.path.join(scratch, "index")}
            if parent:
                self.git("read-tree", parent, env=env)
            entries = ""
            for path, content in files.items():
                if content is None:
                    entries += f"0 {'0' * 40}\t{path}\n"
                else:
                    blob = self.git("hash-object", "-w", "--stdin", stdin=content)
                    entries += f"100644 {blob}\t{path}\n"
            self.git("update-index", "--index-info", stdin=entries, env=env)
            tree = self.git("write-tree", env=env)
        parents = ["-p", parent] if parent else []
        commit = self.git("commit-tree", tree, *parents, "-m", message)
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def read(self, path: str, ref: str = "main") -> str | None:
        """The text of a file at a ref, or None when it is not there."""
        if path not in self.git("ls-tree", "-r", "--name-only", ref).splitlines():
            return None
        return self.git("show", f"{ref}:{path}")
