"""`graph -o html` in a real Chromium: it loads without a complaint and shows every node, and the difference."""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pyflux.cli.main import run
from pyflux.env import Env
from pyflux.git import local
from tests.unit.fleet.conftest import FILES, write

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.real, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]
UNITS = ("Kustomization/flux-system/flux-system", "Kustomization/flux-system/config", "Kustomization/flux-system/apps")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page of a small fleet with a change in its work tree."""
    folder = tmp_path / "fleet"
    local.start(str(folder), "ssh://git@git.example.com/org/fleet", "main")
    write(folder, FILES)
    local.commit_all(str(folder), "Begin", "A Person <person@example.com>")
    settings = folder / "config/settings.yaml"
    settings.write_text(settings.read_text().replace("1.0.0", "2.0.0<script>alert(1)</script>"))
    out, err = io.StringIO(), io.StringIO()
    environ = {"HOME": str(tmp_path), "PYFLUX_CACHE": str(tmp_path / "cache"), "KUBECONFIG": "/nonexistent"}
    env = Env(stdout=out, stderr=err, stdin=io.StringIO(), environ=environ)
    code = run(["graph", "-o", "html", "--from", "HEAD", "--path", str(folder)], env)
    assert (code, err.getvalue()) == (0, "")
    target = tmp_path / "graph.html"
    target.write_text(out.getvalue())
    return target


def chromium(tmp_path: Path, *argv: str) -> tuple[str, str]:
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    flags += ["--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1300,1500"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run([CHROMIUM, *flags, *argv], capture_output=True, text=True, timeout=240, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


class Shown(HTMLParser):
    """The titles of nodes, the texts, and whatever could load or run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.titles: list[str] = []
        self.active: list[str] = []
        self.texts: list[str] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        if tag in ("script", "link", "img", "iframe") or any(
            name.startswith("on") or name == "src" for name, _ in attrs
        ):
            self.active.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._tag == "title":
            self.titles.append(data.strip())
        self._tag = ""


def test_the_page_shows_every_node_and_the_difference(page: Path, tmp_path: Path) -> None:
    dom, log = chromium(tmp_path, "--dump-dom", page.as_uri())
    shown = Shown(dom)
    assert set(UNITS) <= set(shown.titles)
    assert dom.count("<rect ") == len(UNITS)
    assert "marker-end" in dom
    text = "".join(shown.texts)
    assert "Rendered difference" in text
    assert "2.0.0<script>alert(1)</script>" in text
    assert shown.active == []
    # Chromium writes what a page complains about (errors, refused by its policy) as CONSOLE
    assert re.findall(r".*CONSOLE.*", log) == []


def test_the_page_is_not_blank(page: Path, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    chromium(tmp_path, f"--screenshot={picture}", page.as_uri())
    data = picture.read_bytes()
    assert struct.unpack(">II", data[16:24]) == (1300, 1500)
    # a picture of one colour has a few kilobytes
    assert len(data) > 30_000
