"""Charts that were fetched are kept where that can be done, and used where it cannot."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pyflux.verbs.fleet.sources import _moved


def test_a_chart_is_kept(tmp_path: Path) -> None:
    archive, kept = tmp_path / "web.tgz", tmp_path / "cache" / "web-1.0.0.tgz"
    archive.write_bytes(b"chart")
    assert _moved(str(archive), str(kept)) == str(kept)
    assert kept.read_bytes() == b"chart"
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert os.listdir(kept.parent) == [kept.name]


def test_a_chart_is_used_though_it_cannot_be_kept(tmp_path: Path) -> None:
    archive = tmp_path / "web.tgz"
    archive.write_bytes(b"chart")
    (tmp_path / "file").write_text("")
    assert _moved(str(archive), str(tmp_path / "file" / "web.tgz")) == str(archive)
    (tmp_path / "cache" / "web.tgz").mkdir(parents=True)
    assert _moved(str(archive), str(tmp_path / "cache" / "web.tgz")) == str(archive)
    assert archive.read_bytes() == b"chart"
    assert os.listdir(tmp_path / "cache") == ["web.tgz"]
