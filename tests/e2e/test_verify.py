"""Journeys with signed commits: only what a known key signed becomes an artifact."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.pairs import condition, wait_until
from tests.e2e.world import SOURCE, World, config_map


@pytest.fixture
def key(tmp_path: Path) -> Path:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def sign(world: World, key: Path) -> str:
    """A signed commit of the same files on top of main; its id."""
    git = world.repository.git
    head, tree = git("rev-parse", "main"), git("rev-parse", "main^{tree}")
    options = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    commit = git(*options, "commit-tree", tree, "-p", head, "-S", "-m", "Signed")
    git("update-ref", "refs/heads/main", commit)
    return commit


def test_only_signed_commits_are_taken(world: World, key: Path) -> None:
    public = key.with_suffix(".pub").read_text()
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(key.with_suffix(".pub"))], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    world.pair.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "keys", "namespace": world.namespace},
            "stringData": {"me.sshpub": public},
        }
    )
    world.commit({"web.yaml": config_map("web", world.namespace, a="b")})
    world.add_source(verify={"mode": "HEAD", "secretRef": {"name": "keys"}})

    def until(status: str) -> dict[str, object]:
        def test() -> dict[str, object]:
            found = condition(world.pair.source(SOURCE, world.namespace), "SourceVerified")
            return found if found.get("status") == status else {}

        found: dict[str, object] = wait_until(f"SourceVerified is {status}", test, 60)
        return found

    refused = until("False")
    assert refused["reason"] == "InvalidCommitSignature"
    assert str(refused["message"]).startswith("signature verification of commit '")
    obj = world.pair.source(SOURCE, world.namespace)
    assert condition(obj, "Ready")["reason"] == "InvalidCommitSignature"
    assert "artifact" not in obj["status"]

    commit = sign(world, key)
    world.flux("reconcile", "source", "git", SOURCE)
    accepted = until("True")
    assert accepted["message"] == f"verified signature of\n\t- commit '{commit}' with key '{fingerprint}'"
    obj = world.pair.source(SOURCE, world.namespace)
    assert obj["status"]["sourceVerificationMode"] == "HEAD"
    assert obj["status"]["artifact"]["revision"] == f"main@sha1:{commit}"
