"""Where something fails, the page says so and keeps what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console_site import ALPHA, EVERYTHING
from fakes import FakeConnector

from connector_core.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from console_site import Site, Visitor

    from connector_core import Config, ConfigIssue

WRITTEN = {"token": "made-up-token-9c41", "note": "Written with care."}
SENT = {f"/{name}": value for name, value in WRITTEN.items()}


def test_a_sandbox_that_is_not_there_takes_nothing_away(serve_site: Callable[..., Site]) -> None:
    ada = serve_site(sandboxes=True).visit()

    answer = ada.send_form(ALPHA, **SENT, action="sandbox")

    assert answer.status_code == 422
    assert "The connector alpha-mail ships no sandbox." in answer.text
    assert WRITTEN["note"] in answer.text


def test_a_store_that_cannot_be_written_takes_nothing_away(ada: Visitor, site: Site, tmp_path: Path) -> None:
    (tmp_path / "configs.json.new").mkdir()  # in the place of the file that the store writes first

    answer = ada.send_form(ALPHA, **SENT, action="save")

    assert answer.status_code == 503
    assert str(tmp_path / "configs.json") in answer.text
    assert WRITTEN["note"] in answer.text
    assert site.host.configs.list() == []


def test_a_config_check_that_fails_takes_nothing_away_and_keeps_nobody_out(
    serve_site: Callable[..., Site], tmp_path: Path
) -> None:
    def fail(_config: Config) -> list[ConfigIssue]:
        raise RuntimeError("made up")

    ada = serve_site(FakeConnector(schema=EVERYTHING, check=fail)).visit()

    refused = ada.send_form(ALPHA, **SENT, action="save")
    open_store(str(tmp_path / "configs.json")).save(
        "alpha-mail", WRITTEN, type="Email", secrets=[("token",)], author="ada", revision="", activate=False
    )
    shown = ada.get(ALPHA)

    assert (refused.status_code, shown.status_code) == (422, 200)
    for page in (refused, shown):
        assert "config check of alpha-mail failed" in page.text
        assert WRITTEN["note"] in page.text
    assert f"{ALPHA}/delete" in shown.text
