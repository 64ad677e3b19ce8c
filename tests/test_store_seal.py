"""Secrets at rest: sealed where there is a key, and opened by whoever has it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from stores import CONFIG, JSON, KEYS, SECRETS, list_paths, save

from connector_core import StoreError
from connector_core.jsonvalue import replace_at
from connector_core.store import FileStore, SealedStore, open_store
from connector_core.store.seal import MAKE_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stores import Place

OLD, NEW, OTHER = KEYS
CHANGED = {**CONFIG, "token": "made-up-token-changed"}


def test_with_a_key_no_secret_is_kept_in_clear(place: Place) -> None:
    store = place.open([NEW])
    first = save(store)
    save(store, config=CHANGED, revision=first.revision)

    kept = place.read_all()

    assert "made-up" not in kept
    assert "$sealed" in kept
    assert store.get("alpha-mail") == place.open([NEW]).list()[0]
    assert place.open([NEW]).list()[0].config == CHANGED


def test_references_and_other_settings_stay_readable(place: Place) -> None:
    save(place.open([NEW]))

    kept = place.read_all()

    assert "MADE_UP_KEY" in kept
    assert "noreply@example.com" in kept


def test_without_keys_secrets_are_kept_in_clear(place: Place) -> None:
    save(place.open())

    assert "made-up-token-5f2c9a" in place.read_all()


def test_a_secret_in_clear_is_read_with_a_key_and_sealed_by_the_next_save(place: Place) -> None:
    first = save(place.open())
    store = place.open([NEW])
    assert store.get("alpha-mail") == first

    save(store, revision=first.revision)

    assert "made-up" not in place.read_all()
    assert store.history()[0].settings == ()


def test_without_keys_no_secret_is_saved_in_clear_beside_sealed_ones(place: Place) -> None:
    save(place.open([NEW]), "alpha-mail")
    before = place.read_all()

    with pytest.raises(StoreError, match="of alpha-mail is sealed with a key that is not here"):
        save(place.open(), "beta-mail")

    assert place.read_all() == before
    assert save(place.open(), "beta-mail", secrets=()).config == CONFIG


def test_an_older_key_still_opens_and_the_newest_seals(place: Place) -> None:
    save(place.open([OLD]), "alpha-mail", activate=True)

    save(place.open([NEW, OLD]), "beta-mail")

    assert [one.config for one in place.open([NEW, OLD]).list()] == [CONFIG, CONFIG]
    beta = place.open([NEW]).get("beta-mail")
    assert beta is not None
    assert beta.config == CONFIG


@pytest.mark.parametrize("before", [[OLD], []])
def test_rotation_seals_everything_with_the_newest_key_and_changes_nothing_else(
    place: Place, before: list[str]
) -> None:
    save(place.open(before), "alpha-mail", activate=True)
    save(place.open(before), "beta-mail")
    found = (place.open(before).list(), place.open(before).history())

    place.open([NEW, *before]).rotate()

    assert (place.open([NEW]).list(), place.open([NEW]).history()) == found
    assert "made-up" not in place.read_all()


def test_rotation_without_a_needed_key_changes_nothing(place: Place) -> None:
    save(place.open([NEW]), "alpha-mail")
    save(place.open([OLD]), "beta-mail")
    before = place.read_all()

    with pytest.raises(StoreError, match="of beta-mail is sealed"):
        place.open([OTHER, NEW]).rotate()

    assert place.read_all() == before


@pytest.mark.parametrize("keys", [[], [OTHER]])
def test_a_secret_that_no_key_opens_is_an_error_that_names_it(place: Place, keys: list[str]) -> None:
    save(place.open([NEW]), secrets=SECRETS[1:], activate=True)
    wanted = (
        "The secret $.templates[0].password of alpha-mail is sealed with a key that is not here: give the store that "
        "key, too (variable CONNECTOR_CORE_STORE_KEYS)."
    )
    store = place.open(keys)

    reads: list[Callable[[], object]] = [
        partial(store.get, "alpha-mail"),
        partial(store.find_active, "Email"),
    ]
    for read in reads:
        with pytest.raises(StoreError, match=re.escape(wanted)) as caught:
            read()
        assert caught.value.__context__ is None


@pytest.mark.parametrize("keys", [[], [OTHER]])
def test_a_config_that_no_key_opens_is_listed_as_locked_and_can_be_deleted(place: Place, keys: list[str]) -> None:
    save(place.open([NEW]))
    store = place.open(keys)

    (locked,) = store.list()

    assert locked.is_locked
    assert "made-up" not in json.dumps(locked.config)
    store.delete("alpha-mail", author="ada", revision=locked.revision)
    assert store.list() == []


@pytest.mark.parametrize(
    "token",
    ["made-up", "", "é", Fernet(NEW).encrypt(b"made-up, and no JSON").decode()],
    ids=["no token", "empty", "accented", "no JSON inside"],
)
def test_a_sealed_secret_that_something_else_changed_is_an_error(tmp_path: Path, token: str) -> None:
    path = tmp_path / "configs.json"
    save(FileStore(path), config={"token": {"made-up": 1}}, secrets=[("token",)])
    path.write_text(path.read_text().replace('{"made-up": 1}', json.dumps({"$sealed": token})))

    with pytest.raises(StoreError, match=r"The secret \$.token of alpha-mail is sealed") as caught:
        FileStore(path, keys=[NEW]).get("alpha-mail")

    assert caught.value.__context__ is None


def test_a_lost_key_hinders_no_other_connector(place: Place) -> None:
    save(place.open([OLD]), "alpha-mail", activate=True)

    beta = save(place.open([NEW]), "beta-mail", activate=True)

    assert place.open([NEW]).find_active("Email") == beta


def test_a_config_whose_key_is_lost_can_be_replaced_and_deleted(place: Place) -> None:
    lost = save(place.open([OLD]))
    store = place.open([NEW])

    saved = save(store, revision=lost.revision)

    assert store.get("alpha-mail") == saved
    assert [one.path for one in store.history()[0].settings] == ["$.token", "$.templates[0].password"]
    again = save(place.open([OLD]), "alpha-mail", revision=saved.revision)
    store.delete("alpha-mail", author="ada", revision=again.revision)
    assert store.list() == []


@pytest.mark.parametrize("active", [True, False])
def test_a_config_whose_key_is_lost_is_neither_activated_nor_deactivated(place: Place, active: bool) -> None:  # noqa: FBT001  a parameter
    lost = save(place.open([OLD]), activate=not active)
    before = place.read_all()

    with pytest.raises(StoreError, match="is sealed with a key that is not here"):
        place.open([NEW]).set_active("alpha-mail", active=active, author="ada", revision=lost.revision)

    assert place.read_all() == before


def test_what_is_no_recorded_secret_is_never_opened(place: Place) -> None:
    sealed = {"$sealed": "made up by an administrator"}

    saved = save(place.open([NEW]), config={"token": "made-up", "note": sealed}, secrets=[("token",)])

    assert place.open([NEW]).get("alpha-mail") == saved
    assert saved.config["note"] == sealed


def test_a_secret_that_looks_sealed_is_refused_without_keys_and_kept_with_them(place: Place) -> None:
    config = {"token": {"$sealed": "made-up"}}

    with pytest.raises(StoreError, match=r"The secret \$.token of alpha-mail can't be \$sealed: change it"):
        save(place.open(), config=config, secrets=[("token",)])

    save(place.open([NEW]), config=config, secrets=[("token",)])
    assert [one.config for one in place.open([NEW]).list()] == [config]


@pytest.mark.parametrize("secret", ["", "naïve 漢字 \0 \ud800", 7, False, ["a", {"b": None}], {"user": "ada"}])
def test_a_secret_may_be_any_json(place: Place, secret: object) -> None:
    save(place.open([NEW]), config={"token": secret}, secrets=[("token",), ("no", "such", 1, "path")])

    (found,) = place.open([NEW]).list()

    assert repr(found.config) == repr({"token": secret})


@pytest.mark.parametrize("keys", [["too short"], [NEW, ""], [NEW, NEW[:-2]], [NEW, 7], [NEW, "é" * 44]])
def test_what_is_no_key_is_an_error_that_says_how_to_make_one(tmp_path: Path, keys: list[Any]) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(tmp_path / "configs.json", keys=keys)

    assert str(caught.value) == f"Key {len(keys)} of the store is no Fernet key: make one with {MAKE_KEY}"
    assert caught.value.__context__ is None


def test_a_key_that_is_no_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="The keys of a store are a list"):
        open_store(tmp_path / "configs.json", keys=NEW)


def test_the_command_that_makes_a_key_makes_one(tmp_path: Path) -> None:
    program = MAKE_KEY.removeprefix('python -c "').removesuffix('"')
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)  # noqa: S603  our own

    assert isinstance(open_store(tmp_path / "configs.json", keys=[done.stdout.strip()]), SealedStore)


def test_a_store_shows_neither_keys_nor_secrets(place: Place) -> None:
    store = place.open([NEW])
    saved = save(store)

    shown = f"{store!r} {saved!r} {store.history()!r}"

    assert NEW not in shown
    assert "made-up" not in shown


@given(st.data(), JSON)
def test_replacing_touches_what_is_at_the_paths_and_nothing_else(data: st.DataObject, value: Any) -> None:
    paths = data.draw(st.sets(st.sampled_from(list_paths(value))))
    outer = {path for path in paths if not any(path[:length] in paths for length in range(len(path)))}
    taken: dict[tuple[str | int, ...], Any] = {}

    def take(path: tuple[str | int, ...], what: Any) -> str:
        taken[path] = what
        return "***"

    replaced = replace_at(value, paths, take)

    assert taken.keys() == outer
    assert json.dumps(replace_at(replaced, outer, lambda path, _hidden: taken[path])) == json.dumps(value)
