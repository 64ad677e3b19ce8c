from __future__ import annotations

import ast
import json
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from connector_core import ProviderReply, SendError
from connector_core.secrets import HIDDEN, Redaction

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "tok 5ecret/with\"odd'chärs+&"
REDACTION = Redaction([TEXT])

WRITERS: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "as it is": (str, str),
    "JSON": (json.dumps, json.loads),
    "JSON with letters of all languages": (lambda text: json.dumps(text, ensure_ascii=False), json.loads),
    "repr": (repr, ast.literal_eval),
    "ascii": (ascii, ast.literal_eval),
    "URL": (quote, unquote),
    "query": (quote_plus, unquote_plus),
    "component of a URL": (lambda text: quote(text, safe=""), unquote),
}
"""How software writes a text, and how a reader gets it back."""

SECRETS = st.text(min_size=1).filter(lambda secret: secret.strip("*") != "")  # asterisks can't be hidden by asterisks


@given(st.lists(SECRETS, min_size=1, max_size=3), st.text())
@example(["*s"], "s")
@example(["ab", "x***"], "xab")
def test_no_secret_survives_in_any_text(secrets: list[str], text: str) -> None:
    redacted = Redaction(secrets).redact(text.join(["", *secrets, ""]))
    assert not [secret for secret in secrets if secret in redacted]


@pytest.mark.parametrize(("write", "read"), WRITERS.values(), ids=WRITERS)
@given(st.text(min_size=4).filter(lambda secret: "*" not in secret), st.text(), st.text())
@example("o'neill", 'say "', '"')
@example("sch\xf6n & gut", "/a b/", "")
def test_no_secret_can_be_read_back_from_what_software_wrote(
    write: Callable[[str], str], read: Callable[[str], str], secret: str, before: str, after: str
) -> None:
    redacted = Redaction([secret]).redact(write(before + secret + after))
    try:
        found = read(redacted)
    except (ValueError, SyntaxError):
        return  # what struck the secret out broke the notation: nothing to read
    assume(secret not in before + HIDDEN + after)
    assert secret not in found


@pytest.mark.parametrize("write", [write for write, _ in WRITERS.values()], ids=WRITERS)
@pytest.mark.parametrize(
    "around", ["{}", "https://example.com/{}?a=b", "token '{}'", 'token "{}"', "'{}' \"x\"", "é{}é"]
)
def test_a_realistic_secret_is_struck_in_each_notation(write: Callable[[str], str], around: str) -> None:
    redacted = REDACTION.redact(write(around.format(TEXT)))
    assert HIDDEN in redacted
    assert "5ecret" not in redacted


@given(st.text(), st.lists(SECRETS))
def test_a_text_without_secrets_stays_as_it_is(text: str, secrets: list[str]) -> None:
    absent = [secret for secret in secrets if not any(form in text for form in (secret, repr(secret)[1:-1]))]
    assume(all(write(secret).strip("\"'") not in text for secret in absent for write, _ in WRITERS.values()))
    assert Redaction(absent).redact(text) == text


def test_an_empty_secret_strikes_nothing() -> None:
    assert Redaction(["", ""]).redact("any text") == "any text"


def test_of_two_secrets_the_longer_is_struck_whole() -> None:
    assert Redaction(["abc", "abcdef"]).redact("abcdef abc") == f"{HIDDEN} {HIDDEN}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(f"a {TEXT} b"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just(TEXT), inner),
    max_leaves=10,
)


@given(JSON)
def test_a_json_value_loses_its_secrets_and_nothing_else(value: Any) -> None:
    redacted = REDACTION.redact_json(value)
    assert "5ecret" not in json.dumps(redacted)
    assert redacted == json.loads(json.dumps(value).replace(json.dumps(TEXT)[1:-1], HIDDEN))


def shown(error: BaseException) -> str:
    """Return all that a log or a debugger would write of an exception and those behind it."""
    pending: list[BaseException | None] = [error]
    words = traceback.format_exception(error)
    while pending:
        found = pending.pop()
        if found is not None:
            words.append(f"{found!r} {vars(found)}")
            pending += [found.__cause__, found.__context__, *getattr(found, "exceptions", ())]
    return "\n".join(words)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Stubborn(Exception):
    """Keeps its text where nobody can change it."""

    def __str__(self) -> str:
        return f"I insist on {TEXT}"


@dataclass(frozen=True)
class Frozen(Exception):
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Details:
    text: str
    parts: tuple[str, ...]


def with_cause(cause: BaseException) -> SendError:
    error = SendError("failed")
    error.__cause__ = cause
    return error


def with_context(context: BaseException) -> SendError:
    error = SendError("failed")
    error.__context__ = context
    return error


def with_attribute(value: Any) -> SendError:
    error = SendError("failed")
    vars(error)["extra"] = value
    return error


def with_note(note: str) -> SendError:
    error = SendError("failed")
    error.add_note(note)
    return error


def unreadable_file() -> OSError:
    return FileNotFoundError(2, "No such file", f"/run/{TEXT}")


def undecodable() -> UnicodeError:
    return UnicodeEncodeError("ascii", TEXT, 0, 1, "not ASCII")


ERRORS: dict[str, Callable[[], BaseException]] = {
    "message": lambda: SendError(f"refused {TEXT}"),
    "provider's message": lambda: SendError("no", provider=ProviderReply(code="x", message=f"bad token {TEXT}")),
    "recipients": lambda: SendError("no", recipients=[TEXT]),
    "arguments": lambda: ValueError(TEXT, 5, [TEXT], {"token": TEXT}, (TEXT,)),
    "note": lambda: with_note(f"sent with {TEXT}"),
    "text attribute": lambda: with_attribute(TEXT),
    "nested attribute": lambda: with_attribute({"headers": [{"token": TEXT}, (TEXT,)]}),
    "dataclass attribute": lambda: with_attribute(Details(TEXT, (TEXT,))),
    "bytes attribute": lambda: with_attribute(f"token {TEXT}".encode()),
    "set attribute": lambda: with_attribute({TEXT}),
    "cause": lambda: with_cause(ValueError(TEXT)),
    "context": lambda: with_context(ValueError(TEXT)),
    "cause of a context of a cause": lambda: with_cause(with_context(with_cause(ValueError(TEXT)))),
    "note of a cause": lambda: with_cause(with_note(TEXT)),
    "bytes of a cause": lambda: with_cause(ValueError(TEXT.encode())),
    "exception within a cause": lambda: with_cause(ValueError(ValueError(TEXT))),
    "file name of a cause": lambda: with_cause(unreadable_file()),
    "object of a Unicode error": lambda: with_cause(undecodable()),
    "cause of a cause that is taken off": lambda: with_cause(with_cause(Stubborn())),
    "cause that refuses": lambda: with_cause(Stubborn()),
    "context that refuses": lambda: with_context(Stubborn()),
    "frozen cause": lambda: with_cause(Frozen(TEXT)),
    "frozen cause of a frozen cause": lambda: with_cause(with_cause(Frozen(f"a {TEXT}"))),
    "group": lambda: with_cause(ExceptionGroup("several", [ValueError(TEXT), KeyError(TEXT)])),
    "message of a group": lambda: with_cause(ExceptionGroup(TEXT, [ValueError("x")])),
    "member of a group that refuses": lambda: with_cause(ExceptionGroup("several", [Stubborn(), ValueError("x")])),
    "file name in a group": lambda: with_cause(ExceptionGroup("several", [unreadable_file()])),
    "cause within a group": lambda: with_cause(ExceptionGroup("several", [with_cause(Stubborn())])),
    "group within a group": lambda: with_cause(ExceptionGroup("a", [ExceptionGroup("b", [ValueError(TEXT)])])),
}


@pytest.mark.parametrize("make", ERRORS.values(), ids=ERRORS)
def test_an_exception_shows_no_secret_after_redaction(make: Callable[[], BaseException]) -> None:
    error = make()
    assert "5ecret" in shown(error)
    REDACTION.redact_exception(error)
    assert "5ecret" not in shown(error)


@pytest.mark.parametrize(
    "make",
    [Unprintable, lambda: Frozen("harmless"), lambda: with_attribute(object())],
    ids=["unprintable", "frozen", "foreign object"],
)
def test_an_odd_exception_does_not_disturb_the_redaction(make: Callable[[], BaseException]) -> None:
    error = SendError(f"refused {TEXT}")
    error.__cause__ = make()
    error.__context__ = make()
    REDACTION.redact_exception(error)
    assert str(error) == f"refused {HIDDEN}"


def test_an_exception_that_is_its_own_cause_is_redacted_once() -> None:
    first, second = ValueError(TEXT), ValueError(TEXT)
    first.__cause__, second.__cause__ = second, first
    REDACTION.redact_exception(first)
    assert (str(first), str(second)) == (HIDDEN, HIDDEN)


def test_causes_without_secrets_stay_as_they_are() -> None:
    cause = ConnectionResetError(104, "reset")
    error = with_cause(cause)
    REDACTION.redact_exception(error)
    assert error.__cause__ is cause
    assert (cause.errno, str(cause)) == (104, "[Errno 104] reset")


def test_facts_that_are_no_text_stay_as_they_are() -> None:
    error = SendError(TEXT, provider=ProviderReply(code=10, status=401, message=TEXT), retry_after=1.5, retryable=True)
    REDACTION.redact_exception(error)
    assert error.provider == ProviderReply(code=10, status=401, message=HIDDEN)
    assert (error.retry_after, error.retryable, error.outcome) == (1.5, True, "not_sent")


def test_a_run_of_backslashes_is_looked_for_in_no_time_and_found_in_each_notation() -> None:
    secret = "\\" * 60 + "end"
    redaction = Redaction([secret])
    assert redaction.redact("\\" * 200 + "x") == "\\" * 200 + "x"
    for write, _ in WRITERS.values():
        assert "end" not in redaction.redact(write(secret))
