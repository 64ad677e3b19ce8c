"""The shared definitions of addresses: what they take, and what they leave to nobody's guess."""

from __future__ import annotations

import pytest

from connector_core.schema import ConfigSchema

SCHEMA = ConfigSchema(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            name: {"$ref": f"urn:connector-core:email#/$defs/{name}"}
            for name in ("address", "mailbox", "apiUrl", "subject", "content", "contentType")
        },
        "additionalProperties": False,
    }
)


def is_valid(name: str, value: str) -> bool:
    return bool(SCHEMA.validator.is_valid({name: value}))


@pytest.mark.parametrize(
    "address",
    [
        "https://api.example.com",
        "https://api.example.com:8443/v1/",
        "https://bücher.example",
        "https://[2001:db8::1]/",
        "http://localhost:8025",
        "http://127.0.0.1:1",
        "http://127.255.0.9:65535/path",
        "http://[::1]:80",
    ],
)
def test_an_api_address_is_https_or_this_machine(address: str) -> None:
    assert is_valid("apiUrl", address)


@pytest.mark.parametrize(
    "address",
    [
        "http://api.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.999/",
        "https://169%2e254%2e169%2e254/",  # requests would decode it, and a host's policy would not
        "https://127%2E0%2E0%2E1:8080",
        "https://api.example.com:0",
        "https://api.example.com:65536",
        "https://user:password@api.example.com",
        "https://api.example.com/?key=1",
        "https://api.example.com/\u202emoc.live",
        "https://api.example.com/a\u200bb",
        "https://exa\u2100mple.com",
        "https://[:::]",
        "https://",
    ],
)
def test_an_api_address_that_is_not_what_it_looks_like_is_an_issue(address: str) -> None:
    assert not is_valid("apiUrl", address)


@pytest.mark.parametrize("name", ["address", "mailbox"])
@pytest.mark.parametrize(
    ("address", "valid"),
    [
        ("noreply@example.com", True),
        ("zoë@bücher.example", True),
        ("a@my_host.example", True),
        ("a@exa\u2100mple.com", False),
        ("a@-.example", True),
        (f"a@{'ü' * 80}.example", False),
        ("a\x9bb@b.example", False),
        ("two@example.com, one@example.com", False),
    ],
)
def test_the_domain_of_an_address_can_be_one(name: str, address: str, valid: bool) -> None:  # noqa: FBT001  pytest's
    assert is_valid(name, address) is valid


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\x85", "\u2028"])
def test_a_subject_is_one_line_and_content_need_not_be(line_break: str) -> None:
    assert not is_valid("subject", f"Your code{line_break}Bcc: a@example.com")
    assert is_valid("content", f"Your code{line_break}is here")
