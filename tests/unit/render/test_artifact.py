"""Archives: the same files give the same bytes, and nothing gets out of the folder on the way back."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from pyflux.render import ignore
from pyflux.render.artifact import ArtifactError, digest_of, pack, unpack


def fill(root: Path) -> None:
    (root / "b").mkdir(parents=True)
    (root / "b" / "c.yaml").write_text("c")
    (root / "a.sh").write_text("a")
    (root / "a.sh").chmod(0o755)
    (root / "picture.jpg").write_text("p")
    (root / "link").symlink_to("a.sh")


def test_packing_is_reproducible(tmp_path: Path) -> None:
    digests = set()
    for number in range(2):
        root = tmp_path / str(number)
        fill(root)
        os.utime(root / "a.sh", (number, number))
        packed = pack(str(root), str(tmp_path / f"{number}.tar.gz"), ignore.for_source(str(root)))
        assert packed.digest == digest_of(str(tmp_path / f"{number}.tar.gz"))
        assert packed.size == (tmp_path / f"{number}.tar.gz").stat().st_size
        digests.add(packed.digest)
    assert len(digests) == 1


def test_there_and_back(tmp_path: Path) -> None:
    root, target = tmp_path / "root", tmp_path / "out"
    fill(root)
    pack(str(root), str(tmp_path / "x.tar.gz"), ignore.for_source(str(root)))
    with (tmp_path / "x.tar.gz").open("rb") as file:
        unpack(file, str(target))
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*")) == ["a.sh", "b", "b/c.yaml"]
    assert (target / "a.sh").stat().st_mode & 0o777 == 0o700
    assert (target / "b" / "c.yaml").stat().st_mode & 0o777 == 0o600


def archive(*entries: tarfile.TarInfo, data: bytes = b"x") -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for entry in entries:
            entry.size = len(data) if entry.isreg() else 0
            tar.addfile(entry, io.BytesIO(data) if entry.isreg() else None)
    out.seek(0)
    return out


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "bad",
    [
        entry("../out"),
        entry("a/../../out"),
        entry("/etc/x"),
        entry("a\\b"),
        entry("link", tarfile.SYMTYPE, "/etc"),
        entry("hard", tarfile.LNKTYPE, "a"),
        entry("pipe", tarfile.FIFOTYPE),
        entry("dev", tarfile.CHRTYPE),
    ],
)
def test_nothing_leaves_the_folder(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    with pytest.raises(ArtifactError):
        unpack(archive(entry("fine"), bad), str(tmp_path / "in"))
    assert not (tmp_path / "out").exists()


def test_a_file_is_not_written_through_a_link_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x").symlink_to(tmp_path / "out")
    with pytest.raises(ArtifactError):
        unpack(archive(entry("x")), str(tmp_path / "in"))
    assert not (tmp_path / "out").exists()


def test_sizes_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="bigger than max archive size of 10 bytes"):
        unpack(archive(entry("a"), entry("b"), data=b"123456"), str(tmp_path / "a"), max_bytes=10)
    with pytest.raises(ArtifactError, match="more than 1 files"):
        unpack(archive(entry("a"), entry("b")), str(tmp_path / "b"), max_files=1)


@pytest.mark.parametrize("body", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_archive_is_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(ArtifactError):
        unpack(io.BytesIO(body), str(tmp_path / "x"))


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "x").write_bytes(os.urandom(100_000))
    pack(str(root), str(tmp_path / "x.tar.gz"))
    body = (tmp_path / "x.tar.gz").read_bytes()
    with pytest.raises(ArtifactError):
        unpack(io.BytesIO(body[: len(body) // 2]), str(tmp_path / "out"))


def test_a_failed_pack_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        pack(str(tmp_path / "absent"), str(tmp_path / "x.tar.gz"))
    assert list(tmp_path.iterdir()) == []
