"""The connector that the README shows is found, sends, and tells what happened."""

from __future__ import annotations

import json
import re
import threading
import tomllib
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from readme_page import COMMAND_LINE, FILES, run, write_distribution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def example_connector(tmp_path: Path) -> Path:
    """Return a folder in which the connector of the README is installed."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    project = tomllib.loads(FILES["pyproject.toml"])
    (package,) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert (tmp_path / package / "__init__.py").is_file()
    points = project["project"]["entry-points"]["connector_core.connectors"]
    write_distribution(tmp_path, project["project"]["name"], points)
    return tmp_path


@dataclass
class Provider:
    """The example's provider: answers every request alike, and keeps what it got."""

    url: str
    status: int = 200
    body: bytes = b'{"id": "message-1"}'

    def __post_init__(self) -> None:
        self.requests: list[tuple[str, str | None, Any]] = []


@pytest.fixture
def provider() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.requests.append((self.path, self.headers["X-Api-Key"], content))
            self.send_response(running.status)
            self.send_header("Content-Length", str(len(running.body)))
            self.end_headers()
            self.wfile.write(running.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = Provider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield running
        server.shutdown()
        thread.join()


def write_config(folder: Path, provider: Provider) -> None:
    entries = [{"usageType": name, "template": name.lower()} for name in ("SignIn", "Register", "ForgotPassword")]
    entries += [
        {"usageType": "Generic", "template": "generic"},
        {"usageType": "Generic", "template": "generic-de", "locale": "de"},
    ]
    config = {"apiKey": "made-up-key", "fromEmail": "noreply@example.com", "templates": entries, "apiUrl": provider.url}
    (folder / "config.json").write_text(json.dumps(config))


def send_example(folder: Path, *options: str) -> tuple[int, Any]:
    arguments = ["send", "example-mail", "--config", "config.json", "--to", "you@example.com", "--json", *options]
    done = run(*COMMAND_LINE, *arguments, cwd=folder, path=folder)
    return done.returncode, json.loads(done.stdout)


def test_the_is_found(example_connector: Path) -> None:
    found = json.loads(run(*COMMAND_LINE, "list", "--json", path=example_connector).stdout)

    assert found["failures"] == []
    assert ("example-mail", "Example Mail", "connector-example") in {
        (one["id"], one["name"], one["distribution"]) for one in found["connectors"]
    }


def test_the_has_its_guide(example_connector: Path) -> None:
    done = run(*COMMAND_LINE, "show", "example-mail", "--guide", path=example_connector)

    assert done.stdout.strip() == FILES["connector_example/guide.md"].strip()


def test_the_sends(example_connector: Path, provider: Provider) -> None:
    write_config(example_connector, provider)

    code, printed = send_example(example_connector, "--payload", '{"code": "123456", "locale": "de-CH"}')

    assert (code, printed["messageId"], printed["recipients"]) == (0, "message-1", {"you@example.com": "sent"})
    body = {
        "from": "noreply@example.com",
        "to": "you@example.com",
        "template": "generic-de",
        "variables": {"code": "123456", "locale": "de-CH"},
    }
    assert provider.requests == [("/send", "made-up-key", body)]


@pytest.mark.parametrize(
    ("status", "error", "times"),
    [
        (200, "invalid_response", 1),
        (401, "authorization_failed", 1),
        (404, "general", 1),
        (429, "rate_limit_exceeded", 3),
        (500, "delivery_unknown", 1),
        (503, "provider_unavailable", 3),
    ],
)
def test_the_tells_what_happened(
    example_connector: Path, provider: Provider, status: int, error: str, times: int
) -> None:
    write_config(example_connector, provider)
    provider.status, provider.body = status, b"<html>"

    code, printed = send_example(example_connector)

    assert (code, printed["error"]["code"], printed["error"]["provider"]["status"]) == (1, error, status)
    assert len(provider.requests) == times


def test_the_refuses_a_repeated_template(example_connector: Path, provider: Provider) -> None:
    write_config(example_connector, provider)
    config = json.loads((example_connector / "config.json").read_text())
    config["templates"].append(config["templates"][0])
    (example_connector / "config.json").write_text(json.dumps(config))

    code, printed = send_example(example_connector)

    assert (code, [issue["code"] for issue in printed["error"]["issues"]]) == (1, ["repeated"])
    assert provider.requests == []


def test_the_imports_public_names_only() -> None:
    imported = re.findall(
        r"^from connector_core\S* import|^import connector_core", FILES["connector_example/plugin.py"], re.MULTILINE
    )

    assert imported == ["from connector_core import"]
