"""Properties of how keys, paths and address lists are read."""

from __future__ import annotations

import pytest
from connector_postmark.sandbox.addresses import Mailbox, parse_list, split_list
from connector_postmark.sandbox.bodies import fold_keys
from connector_postmark.sandbox.checks import ENVELOPE_FIELDS
from connector_postmark.sandbox.refusals import Refusal
from connector_postmark.sandbox.routing import fold_path
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[A-Za-z0-9 ,.<>@\"]{0,20}", fullmatch=True)
MAILBOXES = st.from_regex(r"[a-z0-9.+_-]{1,20}@[a-z0-9]{1,10}(\.[a-z]{2,5}){1,2}", fullmatch=True)


@st.composite
def recased(draw: st.DrawFn, text: str) -> str:
    upper = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return "".join(letter.upper() if up else letter.lower() for letter, up in zip(text, upper, strict=True))


@given(st.data())
def test_keys_are_found_in_any_case(data: st.DataObject) -> None:
    body = {data.draw(recased(name)): number for number, name in enumerate(ENVELOPE_FIELDS)}
    body["Unknown"] = -1
    assert fold_keys(body, ENVELOPE_FIELDS) == {name: number for number, name in enumerate(ENVELOPE_FIELDS)}


@given(st.data(), st.sampled_from(["", "/", "//"]))
def test_paths_are_found_in_any_case(data: st.DataObject, slashes: str) -> None:
    assert fold_path(data.draw(recased("/email/batchWithTemplates")) + slashes) == "/email/batchwithtemplates"


@given(st.data(), st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,20}", fullmatch=True))
def test_the_name_of_a_template_keeps_its_case(data: st.DataObject, alias: str) -> None:
    assert fold_path(f"/{data.draw(recased('templates'))}/{alias}/") == f"/templates/{alias}"


@given(st.lists(st.tuples(NAMES, MAILBOXES), min_size=1, max_size=8))
def test_quoted_names_with_any_sign_are_read(people: list[tuple[str, str]]) -> None:
    joined = ", ".join('"{}" <{}>'.format(name.replace('"', '\\"'), address) for name, address in people)
    assert [mailbox.address for mailbox in parse_list(joined, "To")] == [address for _, address in people]


@given(st.lists(MAILBOXES, max_size=8), st.sampled_from([",", ", ", " ,, "]))
def test_joined_addresses_are_split_again(addresses: list[str], separator: str) -> None:
    assert parse_list(separator.join(addresses), "To") == [Mailbox("", address) for address in addresses]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_300(text: str) -> None:
    mailboxes = refusal = None
    try:
        mailboxes = parse_list(text, "To")
    except Refusal as error:
        refusal = error
    if mailboxes is None:
        assert refusal is not None
        assert refusal.code == 300
        assert "'To'" in refusal.message
    else:
        assert len(mailboxes) == len(split_list(text))
        assert all(mailbox.address.isascii() and "@" in mailbox.address for mailbox in mailboxes)


@pytest.mark.parametrize(
    "address", ["a@b", "o'neil+tag@mail.example.com", '"a b"@example.com', "a@xn--bcher-kva.example"]
)
def test_an_unusual_address_is_read(address: str) -> None:
    assert parse_list(address, "To") == [Mailbox("", address)]


@pytest.mark.parametrize(
    "address", ["a@", "@b", "a b@example.com", "a@b..c", "a@-b.com", "a@bücher.example", "<a@b", "a@b>"]
)
def test_a_broken_address_is_refused(address: str) -> None:
    with pytest.raises(Refusal):
        parse_list(address, "To")
