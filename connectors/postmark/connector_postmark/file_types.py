"""Attachments that Postmark forbids.

Postmark support, "What file types does Postmark allow as attachments?": these are refused, with error 411.
"""

from __future__ import annotations

_FORBIDDEN = frozenset(
    {
        *("bat", "bin", "chm", "com", "cpl", "crt", "exe", "hlp", "hta", "inf", "ins", "isp", "jse", "lnk", "mdb"),
        *("msc", "msi", "msp", "mst", "pcd", "pif", "reg", "scr", "sct", "shs", "vba", "vbe", "vbs", "wsf", "wsh"),
        "wsl",
    }
)


def find_forbidden_type(name: str) -> str | None:
    """Return the ending of a file's name where Postmark forbids it, such as `exe`."""
    _, dot, ending = name.rpartition(".")
    return ending.lower() if dot and ending.lower() in _FORBIDDEN else None
