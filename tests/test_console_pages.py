"""The pages of the console over HTTP: what is saved, what is refused, and what leaves it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from console_site import ALPHA, EVERYTHING, Site, Visitor
from fakes import FakeConnector
from stores import KEYS

from connector_core import hookimpl
from connector_core.errors import ConfigIssue
from connector_core.store import FileStore, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connector_core import Config, Host
    from connector_core.store import StoredConfig

TOKEN = "made-up-token-9c41-77b1"
CONFIG: dict[str, Any] = {"token": TOKEN, "note": "first"}


def store(site: Site, *, activate: bool = False, **changes: Any) -> StoredConfig:
    """Store a config past the pages."""
    stored = site.host.configs.get("alpha-mail")
    revision = stored.revision if stored else ""
    config = {**CONFIG, **changes}
    return site.host.configs.save("alpha-mail", config, author="grace", revision=revision, activate=activate)


def find_stored(site: Site) -> dict[str, Any]:
    stored = site.host.configs.get("alpha-mail")
    assert stored is not None
    return dict(stored.config)


# Saving


def test_save_and_done_makes_the_connector_active(site: Site, ada: Visitor) -> None:
    answer = ada.send_form(ALPHA, **{"/token": TOKEN, "action": "done"})

    assert answer.headers["Location"] == "/?done=finished&id=alpha-mail"
    assert site.host.configs.find_active() is not None
    assert "Messages go through alpha-mail from now on" in ada.get(answer.headers["Location"]).text


def test_save_keeps_the_config_and_leaves_who_is_active(site: Site, ada: Visitor) -> None:
    answer = ada.send_form(ALPHA, **{"/token": TOKEN, "/note": "text", "action": "save"})

    assert answer.headers["Location"] == f"{ALPHA}?done=saved"
    assert find_stored(site) == {"token": TOKEN, "note": "text"}
    assert site.host.configs.find_active() is None
    assert TOKEN not in ada.get(ALPHA).text + ada.get("/history").text


def test_enter_in_a_field_saves(site: Site, ada: Visitor) -> None:
    assert ada.send_form(ALPHA, **{"/token": TOKEN}).status_code == 303
    assert find_stored(site) == {"token": TOKEN}


def test_what_is_not_right_is_not_saved_and_shown_beside_its_field(site: Site, ada: Visitor) -> None:
    changes = {"/count": "seven", "/note": "kept as typed", "action": "save"}

    page = ada.send_form(ALPHA, **changes)
    listed = ada.post(f"{ALPHA}/issues", changes)

    assert page.status_code == 422
    assert "kept as typed" in page.text
    assert {one["slot"] for one in listed.json()["issues"]} == {"/token", "/count"}
    for issue in listed.json()["issues"]:
        assert f'data-slot="{issue["slot"]}"' in page.text
    assert site.host.configs.history() == []


def test_a_policy_of_the_host_is_heard(
    make_host: Callable[..., Host], serve_site: Callable[..., Site], tmp_path: Path
) -> None:
    class OwnNotes:
        @hookimpl
        def validate_config(self, config: Config) -> list[ConfigIssue]:
            return [] if config.get("note") == "ours" else [ConfigIssue("$.note", "not_ours", "Write ours.")]

    stores = open_store(str(tmp_path / "other.json"))
    site = serve_site(host=make_host(FakeConnector(schema=EVERYTHING), plugins=[OwnNotes()], store=stores))
    ada = site.visit()

    refused = ada.send_form(ALPHA, **{"/token": TOKEN, "/note": "theirs"})
    listed = ada.post(f"{ALPHA}/issues", {"/token": TOKEN})

    assert (refused.status_code, "Write ours." in refused.text) == (422, True)
    assert listed.json() == {"issues": [{"slot": "/note", "message": "Write ours."}]}
    assert ada.send_form(ALPHA, **{"/token": TOKEN, "/note": "ours"}).status_code == 303


# Two people at once


def test_who_saves_second_sees_both_and_decides(site: Site, ada: Visitor) -> None:
    store(site)
    form = {"/note": "mine", "action": "save", "/token": "made-up-token-of-ada"}
    revision = find_revision(site)
    store(site, note="theirs", token="made-up-token-of-grace")

    conflict = ada.send_form(ALPHA, **form, revision=revision)

    assert conflict.status_code == 409
    assert "grace" in conflict.text
    assert {"theirs", "mine"} <= set(conflict.text.replace("&#34;", " ").replace("<", " ").replace(">", " ").split())
    assert "made-up-token-of" not in conflict.text
    assert find_stored(site)["note"] == "theirs"

    again = ada.post(ALPHA, [*read_data(conflict.text), ("action", "save")])

    assert again.status_code == 303
    assert find_stored(site) == {"note": "mine", "token": "made-up-token-of-ada"}


def test_a_config_that_was_deleted_meanwhile_can_be_saved_as_a_new_one(site: Site, ada: Visitor) -> None:
    stored = store(site)
    page = ada.get(ALPHA).text
    site.host.configs.delete("alpha-mail", author="grace", revision=stored.revision)

    lost = ada.post(ALPHA, [*read_data(page), ("action", "save")])
    conflict = ada.post(ALPHA, [("/token", TOKEN), *read_data(page), ("action", "save")])
    again = ada.post(ALPHA, [*read_data(conflict.text), ("action", "save")])

    assert lost.status_code == 422  # its secret was stored, and is no more
    assert conflict.status_code == 409
    assert "was deleted" in conflict.text
    assert again.status_code == 303


@pytest.mark.parametrize("verb", ["activate", "deactivate", "delete"])
def test_a_button_of_an_old_page_does_nothing(verb: str, site: Site, ada: Visitor) -> None:
    old = store(site, activate=verb == "deactivate").revision
    store(site, note="theirs")
    before = site.host.configs.list()

    answer = ada.post(f"{ALPHA}/{verb}", {"revision": old})

    assert answer.status_code == 409
    assert "omebody else changed" in answer.text
    assert site.host.configs.list() == before


def test_activation_and_deletion_do_what_their_buttons_say(site: Site, ada: Visitor) -> None:
    revision = {"revision": store(site).revision}

    assert ada.post(f"{ALPHA}/activate", revision).headers["Location"] == "/?done=activated&id=alpha-mail"
    assert site.host.configs.find_active() is not None
    assert ada.post(f"{ALPHA}/deactivate", revision).headers["Location"] == "/?done=deactivated&id=alpha-mail"
    assert site.host.configs.find_active() is None
    assert "This can't be undone" in ada.get(f"{ALPHA}/delete").text.replace("&#39;", "'")
    assert ada.post(f"{ALPHA}/delete", revision).headers["Location"] == "/?done=deleted&id=alpha-mail"
    assert site.host.configs.get("alpha-mail") is None
    assert [one.action for one in site.host.configs.history()] == ["deleted", "deactivated", "activated", "saved"]


# Out and in


def test_an_export_has_secrets_only_where_they_were_asked_for(
    site: Site, ada: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store(site)

    redacted, whole = ada.get(f"{ALPHA}/export"), ada.post(f"{ALPHA}/export")
    asked = ada.get(f"{ALPHA}/export", params={"secrets": "1"})

    assert redacted.json() == asked.json() == {"connector": "alpha-mail", "config": {**CONFIG, "token": "***"}}
    assert whole.json() == {"connector": "alpha-mail", "config": CONFIG}
    assert whole.headers["Content-Disposition"] == 'attachment; filename="alpha-mail.json"'
    assert [one.getMessage() for one in caplog.records if one.name == "connector_core"] == [
        "alpha-mail: console exported the config with its secrets"
    ]
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("document", [CONFIG, {"connector": "alpha-mail", "config": CONFIG}], ids=["config", "export"])
def test_an_imported_config_is_looked_over_before_it_is_saved(document: Any, site: Site, ada: Visitor) -> None:
    page = ada.post(f"{ALPHA}/import", files={"file": ("config.json", json.dumps(document))})

    assert page.status_code == 200
    assert "not saved yet" in page.text
    assert TOKEN not in page.text
    assert site.host.configs.list() == []

    assert ada.post(ALPHA, [*read_data(page.text), ("action", "save")]).status_code == 303
    assert find_stored(site) == CONFIG


def test_an_import_without_its_secrets_takes_the_stored_ones(site: Site, ada: Visitor) -> None:
    store(site)
    document = {"token": "***", "note": "imported"}

    page = ada.post(f"{ALPHA}/import", files={"file": ("config.json", json.dumps(document))})
    ada.post(ALPHA, [*read_data(page.text), ("action", "save")])

    assert find_stored(site) == {"token": TOKEN, "note": "imported"}


def test_an_import_is_held_to_what_a_form_is_held_to(site: Site, ada: Visitor) -> None:
    document = {"token": {"$env": "PATH"}, "anythin": "made-up-misplaced-secret"}

    page = ada.post(f"{ALPHA}/import", files={"file": ("config.json", json.dumps(document))})

    assert "must be a text" in page.text
    assert "made-up-misplaced-secret" not in page.text
    assert ada.post(ALPHA, [*read_data(page.text), ("action", "save")]).status_code == 422
    assert site.host.configs.list() == []


# Connectors that are not here


def test_the_config_of_a_connector_that_is_gone_is_shown_without_secrets_and_deleted(
    site: Site, serve_site: Callable[..., Site], make_host: Callable[..., Host], tmp_path: Path
) -> None:
    store(site, activate=True)
    stores = open_store(str(tmp_path / "configs.json"))
    later = serve_site(host=make_host(FakeConnector("beta-mail"), store=stores))
    ada = later.visit()

    catalogue, page = ada.get().text, ada.get(ALPHA)

    assert "not installed any more" in catalogue
    assert (page.status_code, TOKEN in page.text, "***" in page.text) == (200, False, True)
    assert ada.get(f"{ALPHA}/export").json()["config"] == {**CONFIG, "token": "***"}
    assert ada.ask("POST", ALPHA, data={"csrf": ada.read_token("/"), "action": "save"}).status_code == 200
    revision = find_revision(site)
    assert ada.post(f"{ALPHA}/delete", {"revision": revision}, page="/").status_code == 303
    assert later.host.configs.list() == []


def find_revision(site: Site) -> str:
    stored = site.host.configs.get("alpha-mail")
    assert stored is not None
    return stored.revision


def read_data(html: str) -> list[tuple[str, str]]:
    """Return what a browser would send of the connector's form, its token left out."""
    from submitted_form import read_form_data

    return [pair for pair in read_form_data(html).items(multi=True) if pair[0] != "csrf"]


def test_a_config_whose_key_is_lost_is_shown_as_locked_and_can_be_deleted(
    make_host: Callable[..., Host], serve_site: Callable[..., Site], tmp_path: Path
) -> None:
    path, connector = tmp_path / "sealed.json", FakeConnector()
    with make_host(connector, store=FileStore(path, keys=KEYS[:1])) as host:
        host.configs.save(connector.metadata.id, {"token": "made-up"}, author="ada", revision="")
    site = serve_site(host=make_host(connector, store=FileStore(path, keys=KEYS[1:2])))
    ada = site.visit()

    catalogue = ada.get("/")
    page = ada.get(ALPHA)
    (locked,) = site.host.configs.list()
    deleted = ada.post(f"{ALPHA}/delete", {"revision": locked.revision}, page=f"{ALPHA}/delete")

    assert catalogue.status_code == 200
    assert "Its secrets are encrypted with a key that is not here" in catalogue.text
    assert (page.status_code, "give the store that key" in page.text) == (503, True)
    assert deleted.status_code == 303
    assert site.host.configs.list() == []
