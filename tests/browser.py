"""Pages in headless Chromium, which can find no host: what they show, say in the console, and ask for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """<script>addEventListener("load", () => {
  const page = document.documentElement;
  document.body.dataset.probe = JSON.stringify({
    images: [...document.images].map(image => [image.complete, image.naturalWidth, image.alt.length]),
    tables: [...document.querySelectorAll("table")].map(table => [table.id, table.tBodies[0].rows.length]),
    fits: page.scrollWidth <= page.clientWidth,
    cut: [...document.querySelectorAll(".wide")].filter(wide => wide.scrollWidth > wide.clientWidth).map(
      wide => [wide.firstChild.id, wide.scrollWidth]),
    dark: getComputedStyle(document.body).backgroundColor,
  });
});</script>"""

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"
)


@dataclass
class Visit:
    dom: str
    console: list[str]  # of the page
    requests: list[str]  # that the page made; Chromium's own have no origin

    @property
    def probe(self) -> dict[str, Any]:
        (found,) = re.findall(r'data-probe="([^"]*)"', self.dom)
        return json.loads(found.replace("&quot;", '"'))


def visit(page: Path, width: int = 1100) -> Visit:
    """Opens the page with no host to be found, and keeps Chromium's log of the network."""
    log = page.with_suffix(".net.json")
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", f"--window-size={width},2000"),
        *(f"--user-data-dir={page.with_suffix('.profile')}", "--host-resolver-rules=MAP * ~NOTFOUND"),
        *("--enable-logging=stderr", "--v=0", f"--log-net-log={log}", "--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(log.read_text())
    start = found["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    jobs = [event["params"] for event in found["events"] if event["type"] == start and "url" in event.get("params", {})]
    return Visit(
        done.stdout,
        [line for line in done.stderr.splitlines() if ":CONSOLE:" in line],
        [job["url"] for job in jobs if job.get("initiator") != "not an origin"],
    )
