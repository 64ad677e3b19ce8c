from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback
from string import Template
from typing import TYPE_CHECKING, Any

import pytest

from connector_core import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "tok-5ecret"
SECRET = Secret(TEXT)

SHOWN: dict[str, Callable[[], str]] = {
    "repr": lambda: repr(SECRET),
    "ascii": lambda: ascii(SECRET),
    "str": lambda: str(SECRET),
    "f-string": lambda: f"{SECRET} {SECRET!r} {SECRET!s} {SECRET!a}",
    "f-string with =": lambda: f"{SECRET=}",
    "format": lambda: format(SECRET),
    "str.format": lambda: "{it} {it!r} {it.__class__}".format_map({"it": SECRET}),
    "percent": lambda: "%s %r %a" % (SECRET, SECRET, SECRET),  # noqa: UP031  the case itself
    "template": lambda: Template("$it").substitute(it=SECRET),
    "in a list": lambda: str([SECRET]),
    "in a dict": lambda: str({"token": SECRET, SECRET: "token"}),
    "in an exception": lambda: f"{ValueError(SECRET)} {ValueError(SECRET)!r}",
    "pprint": lambda: pprint.pformat({"token": SECRET}),
    "json with default=str": lambda: json.dumps({"token": SECRET}, default=str),
    "json with default=repr": lambda: json.dumps({"token": SECRET}, default=repr),
    "its public attributes": lambda: " ".join(str(getattr(SECRET, name)) for name in dir(SECRET) if name[0] != "_"),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_nothing_that_writes_a_secret_shows_it(show: Callable[[], str]) -> None:
    assert TEXT not in show()


REFUSED: dict[str, Callable[[], object]] = {
    "json": lambda: json.dumps({"token": SECRET}),
    "json of a key": lambda: json.dumps({SECRET: 1}),
    "format with a width": lambda: f"{SECRET:>40}",
    "concatenation": lambda: "Bearer " + SECRET,  # type: ignore[operator]  # that is the point
    "iteration": lambda: [*SECRET],  # type: ignore[misc]  # that is the point
    "vars": lambda: vars(SECRET),
    **{
        f"pickle {protocol}": lambda protocol=protocol: pickle.dumps(SECRET, protocol)  # type: ignore[misc]  # a default binds the loop's value
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("use", REFUSED.values(), ids=REFUSED)
def test_what_would_take_the_text_out_by_accident_is_refused_without_showing_it(use: Callable[[], object]) -> None:
    with pytest.raises(TypeError) as caught:
        use()
    assert TEXT not in "".join(traceback.format_exception(caught.value)).replace(__file__, "")


def test_reveal_gives_the_text() -> None:
    assert SECRET.reveal() == TEXT


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_secret_and_shows_as_little(clone: Callable[[Any], Any]) -> None:
    cloned = clone({"token": SECRET})["token"]
    assert cloned.reveal() == TEXT
    assert TEXT not in repr(cloned)


def test_secrets_are_equal_by_their_text_and_to_nothing_else() -> None:
    assert Secret(TEXT) == SECRET
    assert len({Secret(TEXT), SECRET}) == 1
    assert Secret("other") != SECRET
    assert SECRET != TEXT


def test_a_secret_can_not_be_given_other_attributes() -> None:
    with pytest.raises(AttributeError):
        SECRET.text = TEXT  # type: ignore[attr-defined]  # that is the point


def test_a_log_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test_secrets")
    with caplog.at_level(logging.DEBUG):
        logger.info("token %s", SECRET)
        logger.info("token %r of %s", SECRET, {"token": SECRET})
        logger.info(SECRET)
        logger.info("extra", extra={"token": SECRET})
    assert len(caplog.records) == 4
    assert TEXT not in caplog.text
    assert TEXT not in "".join(str(vars(record)) for record in caplog.records)


def test_a_traceback_with_the_values_of_variables_shows_no_secret() -> None:
    def fail(token: Secret) -> None:
        held = [token]
        raise ValueError(f"refused {held}")

    try:
        fail(SECRET)
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "held = " in shown
    assert TEXT not in shown
