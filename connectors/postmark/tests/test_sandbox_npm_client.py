"""Postmark's own npm client works against the sandbox."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_postmark.sandbox import PostmarkSandbox

CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="session")
def node() -> str:
    """Return the path of node, with the client that clients/package.json names installed beside the script."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        pytest.skip("node is not installed")
    if not (CLIENTS / "node_modules" / "postmark").exists():
        command = [npm, "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=CLIENTS, capture_output=True, text=True, timeout=300)  # noqa: S603, PLW1510 - fixed words; shown below
        assert done.returncode == 0, done.stderr
    return found


@pytest.fixture
def seen(node: str, sandbox: PostmarkSandbox) -> dict[str, Any]:
    """Return what clients/walk.mjs saw of the sandbox."""
    command = [node, "walk.mjs", sandbox.url.removeprefix("http://"), sandbox.config["serverToken"]]
    done = subprocess.run(command, cwd=CLIENTS, capture_output=True, text=True, timeout=120)  # noqa: S603, PLW1510 - shown below
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def test_it_sends_and_reads_everything(
    seen: dict[str, Any], sandbox: PostmarkSandbox, write_subject: Callable[[str, str], str]
) -> None:
    assert seen["server"]["ApiTokens"] == [sandbox.config["serverToken"]]
    assert seen["sent"]["Message"] == seen["templated"]["Message"] == "OK"
    assert [item["ErrorCode"] for item in seen["batch"]] == [0, 300, 0]
    assert [item["ErrorCode"] for item in seen["templatedBatch"]] == [0, 1101]
    assert [message.subject for message in sandbox.messages] == ["Hello"] * 3 + [write_subject("SignIn", "123456")] * 2
    assert [stream["ID"] for stream in seen["streams"]["MessageStreams"]] == ["outbound", "broadcast", "inbound"]
    assert seen["stream"]["MessageStreamType"] == "Transactional"

    assert (seen["templates"]["TotalCount"], len(seen["templates"]["Templates"])) == (9, 3)
    assert (seen["created"]["Alias"], seen["created"]["LayoutTemplate"]) == ("hi", "frame")
    assert seen["edited"]["TemplateId"] == seen["created"]["TemplateId"]
    assert seen["template"]["Subject"] == "Hello {{name}}"
    assert [layout["Alias"] for layout in seen["layouts"]["Templates"]] == ["frame"]
    assert seen["validation"]["HtmlBody"]["RenderedContent"] == "items_1items_2items_3"
    assert seen["deleted"]["ErrorCode"] == 0

    bouncing = "hardbounce@bounce-testing.postmarkapp.com"
    assert seen["inactive"] | {"message": ""} == {
        "isKind": True, "code": 406, "status": 422, "message": "", "recipients": [bouncing],
    }  # fmt: skip
    assert (seen["invalid"]["isKind"], seen["invalid"]["message"]) == (True, "Invalid 'To' address: 'nobody'.")
    assert (seen["stranger"]["isKind"], seen["stranger"]["code"], seen["stranger"]["status"]) == (True, 10, 401)
