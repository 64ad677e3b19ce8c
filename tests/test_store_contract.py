"""What every store owes to hosts, whatever it keeps the configs in."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from stores import CONFIG, SECRETS, save

from connector_core import StoreConflict, StoreError
from connector_core.store import ChangedSetting

if TYPE_CHECKING:
    from collections.abc import Callable

    from stores import Place

    from connector_core.store import SealedStore


def list_actions(store: SealedStore, connector_id: str | None = None) -> list[tuple[str, str, str]]:
    return [(one.author, one.action, one.connector_id) for one in store.history(connector_id)]


def list_active(store: SealedStore) -> list[str]:
    return [one.connector_id for one in store.list() if one.active]


def make_changes(store: SealedStore, revision: str) -> list[Callable[[], object]]:
    """Return every way of changing a config that is based on a revision."""
    return [
        partial(save, store, revision=revision),
        partial(store.set_active, "alpha-mail", active=True, author="ada", revision=revision),
        partial(store.delete, "alpha-mail", author="ada", revision=revision),
    ]


def test_an_empty_store_has_nothing(store: SealedStore) -> None:
    assert store.get("alpha-mail") is None
    assert store.find_active("Email") is None
    assert store.list() == []
    assert store.history() == []


def test_what_was_saved_is_there_for_whoever_opens_the_store(place: Place, store: SealedStore) -> None:
    before = datetime.now(UTC)

    saved = save(store, author="ada")

    assert place.open().get("alpha-mail") == saved
    assert place.open().list() == [saved]
    assert (saved.config, saved.secrets, saved.type) == (CONFIG, frozenset(SECRETS), "Email")
    assert (saved.active, saved.changed_by) == (False, "ada")
    assert before <= saved.changed_at <= datetime.now(UTC)


def test_each_save_makes_a_new_revision(store: SealedStore) -> None:
    first = save(store)
    second = save(store, revision=first.revision)

    store.delete("alpha-mail", author="ada", revision=second.revision)

    assert len({first.revision, second.revision, save(store).revision}) == 3


def test_configs_are_listed_by_the_id_of_the_connector(store: SealedStore) -> None:
    for name in ["beta-mail", "alpha-mail", "gamma-mail"]:
        save(store, name)

    assert [one.connector_id for one in store.list()] == ["alpha-mail", "beta-mail", "gamma-mail"]


@pytest.mark.parametrize(
    "config",
    [
        {"text": "naïve 漢字 🎉 \0 \x7f \u2028 \ud800", "nested": {"a": [1, [2.5, None], {}], "": "empty key"}},
        {"large": 2**200, "small": 5e-324, "negative": -0.0, "true": True, "one": 1},
        {"$sealed": "not a secret", "deep": {"$sealed": "x"}},
        {},
    ],
)
def test_any_json_comes_back_as_it_was(store: SealedStore, config: dict[str, Any]) -> None:
    save(store, config=config, secrets=())

    found = store.get("alpha-mail")

    assert found is not None
    assert repr(found.config) == repr(config)


def test_what_a_store_returns_can_be_changed_without_changing_the_store(store: SealedStore) -> None:
    save(store, activate=True)
    found = store.find_active("Email")
    assert found is not None

    found.config["templates"].clear()

    again = store.get("alpha-mail")
    assert again is not None
    assert again.config == CONFIG


def test_what_is_changed_after_saving_does_not_change_the_store(store: SealedStore) -> None:
    config: dict[str, Any] = {"templates": [1]}
    saved = save(store, config=config, secrets=())

    config["templates"].append(2)

    assert saved.config == {"templates": [1]}
    assert store.list() == [saved]


@pytest.mark.parametrize("value", [float("nan"), object(), {1: 2}])
def test_what_is_no_json_is_not_kept(store: SealedStore, value: object) -> None:
    with pytest.raises(StoreError, match=r"The config of alpha-mail can't be kept: \$.odd "):
        save(store, config={"odd": value}, secrets=())

    assert store.list() == []
    assert store.history() == []


def test_one_config_of_a_type_is_active(store: SealedStore) -> None:
    save(store, "alpha-mail", activate=True)
    beta = save(store, "beta-mail")
    assert list_active(store) == ["alpha-mail"]

    active = store.set_active("beta-mail", active=True, author="ada", revision=beta.revision)

    assert list_active(store) == ["beta-mail"]
    assert store.find_active("Email") == active
    assert (active.active, active.revision, active.config) == (True, beta.revision, CONFIG)


def test_saving_another_and_activating_it_is_one_step(store: SealedStore) -> None:
    save(store, "alpha-mail", activate=True)

    beta = save(store, "beta-mail", activate=True)

    assert beta.active
    assert list_active(store) == ["beta-mail"]


def test_each_type_has_its_own_active_config(store: SealedStore) -> None:
    save(store, "alpha-mail", activate=True)
    text = save(store, "text", activate=True, kind="Sms")

    assert list_active(store) == ["alpha-mail", "text"]
    assert store.find_active("Sms") == text
    assert store.find_active("Fax") is None


def test_saving_keeps_an_active_config_active_and_another_inactive(store: SealedStore) -> None:
    active, inactive = save(store, "alpha-mail", activate=True), save(store, "beta-mail")

    assert save(store, "alpha-mail", revision=active.revision).active
    assert not save(store, "beta-mail", revision=inactive.revision).active
    assert list_active(store) == ["alpha-mail"]


def test_an_active_config_that_gets_another_type_is_active_no_more(store: SealedStore) -> None:
    first = save(store, "alpha-mail", activate=True)
    text = save(store, "text", activate=True, kind="Sms")

    moved = save(store, "alpha-mail", revision=first.revision, kind="Sms")

    assert not moved.active
    assert store.find_active("Email") is None
    assert store.find_active("Sms") == text


def test_a_config_can_be_made_inactive(store: SealedStore) -> None:
    saved = save(store, activate=True)

    inactive = store.set_active("alpha-mail", active=False, author="ada", revision=saved.revision)

    assert not inactive.active
    assert store.find_active("Email") is None
    assert store.get("alpha-mail") == inactive


def test_a_deleted_config_is_gone_and_can_be_saved_anew(store: SealedStore) -> None:
    saved = save(store, activate=True)

    store.delete("alpha-mail", author="ada", revision=saved.revision)

    assert store.list() == []
    assert store.find_active("Email") is None
    assert not save(store).active


@pytest.mark.parametrize("revision", ["", "no-such-revision", "first"])
def test_a_change_that_is_based_on_another_revision_is_a_conflict(store: SealedStore, revision: str) -> None:
    first = save(store, author="ada")
    save(store, "alpha-mail", {"sender": "grace@example.com"}, revision=first.revision, author="grace")
    stale = first.revision if revision == "first" else revision
    before = (store.list(), store.history())

    for change in make_changes(store, stale):
        with pytest.raises(StoreConflict, match=r"The config of alpha-mail was saved by grace at .* read it again"):
            change()

    assert (store.list(), store.history()) == before


def test_changing_a_config_that_was_deleted_is_a_conflict(store: SealedStore) -> None:
    saved = save(store)
    store.delete("alpha-mail", author="ada", revision=saved.revision)

    for change in make_changes(store, saved.revision):
        with pytest.raises(StoreConflict, match="The config of alpha-mail was deleted meanwhile"):
            change()


def test_what_was_never_saved_can_be_neither_activated_nor_deleted(store: SealedStore) -> None:
    with pytest.raises(StoreConflict, match="There is no config of alpha-mail: save one first"):
        store.set_active("alpha-mail", active=True, author="ada", revision="")
    with pytest.raises(StoreConflict, match="There is no config of alpha-mail: save one first"):
        store.delete("alpha-mail", author="ada", revision="")


def test_the_history_tells_who_did_what_newest_first(store: SealedStore) -> None:
    alpha = save(store, "alpha-mail", activate=True, author="ada")
    beta = save(store, "beta-mail", activate=True, author="grace")
    store.set_active("alpha-mail", active=True, author="ada", revision=alpha.revision)
    store.set_active("alpha-mail", active=False, author="grace", revision=alpha.revision)
    store.delete("beta-mail", author="ada", revision=beta.revision)

    assert list_actions(store) == [
        ("ada", "deleted", "beta-mail"),
        ("grace", "deactivated", "alpha-mail"),
        ("ada", "activated", "alpha-mail"),
        ("ada", "deactivated", "beta-mail"),
        ("grace", "activated", "beta-mail"),
        ("grace", "deactivated", "alpha-mail"),
        ("grace", "saved", "beta-mail"),
        ("ada", "activated", "alpha-mail"),
        ("ada", "saved", "alpha-mail"),
    ]


def test_the_history_of_one_connector_has_no_other_and_as_many_changes_as_wanted(store: SealedStore) -> None:
    save(store, "alpha-mail", activate=True)
    save(store, "beta-mail")

    assert list_actions(store, "beta-mail") == [("ada", "saved", "beta-mail")]
    assert [one.action for one in store.history(limit=2)] == ["saved", "activated"]
    assert store.history("alpha-mail", limit=1) == [one for one in store.history() if one.action == "activated"]
    assert store.history("gamma-mail") == []


def test_the_time_of_a_change_is_in_utc(store: SealedStore) -> None:
    saved = save(store)

    assert [one.at for one in store.history()] == [saved.changed_at]
    assert store.history()[0].at.tzinfo is UTC


def test_what_changes_nothing_is_not_noted(store: SealedStore) -> None:
    saved = save(store, activate=True)
    before = store.history()

    again = store.set_active("alpha-mail", active=True, author="grace", revision=saved.revision)

    assert again == saved
    assert store.history() == before


def test_the_history_tells_what_a_save_changed_without_the_secrets(store: SealedStore) -> None:
    first = save(store)
    changed = {**CONFIG, "token": "made-up-token-new", "sender": "grace@example.com", "tag": "codes"}
    changed["templates"] = [{"usageType": "SignIn", "password": "made-up-word-new"}, {"password": "made-up-word-3"}]

    save(store, config=changed, secrets=[*SECRETS, ("templates", 1, "password")], revision=first.revision)

    assert store.history()[0].settings == (
        ChangedSetting("$.token", "***", "***"),
        ChangedSetting("$.sender", '"noreply@example.com"', '"grace@example.com"'),
        ChangedSetting("$.templates[0].password", "***", "***"),
        ChangedSetting("$.templates[1]", None, '{"password": "***"}'),
        ChangedSetting("$.tag", None, '"codes"'),
    )
    assert "made-up" not in repr(store.history())


def test_the_name_of_an_author_is_kept_as_one_short_line(store: SealedStore) -> None:
    saved = save(store, author="  ada\n\0\ud800<b>" + "x" * 500)

    assert saved.changed_by == "ada   <b>" + "x" * 191
    assert store.history()[0].author == saved.changed_by
