"""Chromium, the browser that the tests of the console use; run as a program it is installed where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

ARGUMENTS = [
    "--no-sandbox",  # which root and most containers can't have; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_PACKAGE = "chromium"


def find_chromium() -> str | None:
    """Return the path of a browser that Playwright can drive."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def install_chromium() -> None:
    """Install Debian's package, quietly, as root on a system that has it; elsewhere say what will be skipped."""
    installer = shutil.which("apt-get")
    if installer is not None and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", _PACKAGE]):
            subprocess.run([installer, "-qq", *command], env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603  our own arguments
    if find_chromium() is None:
        print("Chromium is not installed, so the tests of the console in a browser are skipped.", file=sys.stderr)


if __name__ == "__main__" and find_chromium() is None:
    install_chromium()
