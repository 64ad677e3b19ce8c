"""Configs that are valid, and what is wrong with those that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector_core import Connector, Host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENDPOINT = "https://mail.example.com/send"
SECRET = "Bearer made-up-token"
INVISIBLE = "\u061c\u200b\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\x85"
"""What changes how an address is read, or is not seen in it."""


@pytest.fixture(scope="module")
def connector() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["http-email"]


def find_issues(connector: Connector, config: dict[str, Any]) -> list[tuple[str, str]]:
    return [(issue.path, issue.code) for issue in connector.validate_config(config)]


def test_its_metadata_is_that_of_logtos_connector(connector: Connector) -> None:
    metadata = connector.metadata

    assert (metadata.id, metadata.target, metadata.platform, metadata.type) == (
        "http-email",
        "http-email",
        None,
        "Email",
    )
    assert metadata.name == {"en": "HTTP Email"}
    assert metadata.description["en"] == "Send email via HTTP call."
    assert set(metadata.description) == {"en", "fr", "zh-CN", "tr-TR", "ko"}
    assert metadata.logo is not None
    assert metadata.logo.startswith("<svg")
    assert metadata.logo_dark is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://mail.example.com",
        "https://mail.example.com/",
        "https://mail.example.com:8443/a/b/",
        "https://mail.example.com?key=1",
        "https://mail.example.com/hooks/T0/B0?key=a%20b&x[]=1&y=é/?:@",
        "https://mail.example.com/a@b",
        "https://münchen.example/senden",
        "https://mailer/send",
        "https://my_mailer.internal/send",
        "https://192.0.2.1/send",
        "https://[2001:db8::1]:8443/send",
        "https://\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example/send",
        "https://mail.example.com:65535/send",
        "http://localhost:3000/send",
        "http://127.255.0.10:1/send",
        "http://127.0.0.1:3000/send?dry=1",
        "http://[::1]:3000/send",
    ],
)
def test_an_address_of_any_host_is_valid(connector: Connector, endpoint: str) -> None:
    assert find_issues(connector, {"endpoint": endpoint}) == []
    assert connector.configure({"endpoint": endpoint}).config["endpoint"] == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://mail.example.com/send",
        "http://localhost.example.com/send",
        "http://127.0.0.1.example.com/send",
        "http://10.0.0.1/send",
        "https://ann@mail.example.com/send",
        "https://ann:pass@mail.example.com/send",
        "https://:pass@mail.example.com/send",
        "http://localhost@mail.example.com/send",
        "https://mail.example.com\\@other.example/send",
        "https://mail.example.com/send#top",
        "https://mail.example.com?key=1#top",
        "https://mail.example.com/a b",
        "https://mail.example.com/?a b",
        "https://mail.example.com/send\n",
        "https://mail.example.com/\r\nX: y",
        "https://mail.example.com/\ud800",
        "https://mail.example.com:99999/",
        "https://mail.example.com:0/",
        "https://mail.example.com:00080/",
        "http://127.0.0.1:0/",
        "http://127.0.0.999/",
        "http://127.256.0.1/",
        "http://127.000.000.001/",
        "https://169%2e254%2e169%2e254/",
        "https://exa%6dple.com/",
        *(f"https://mail.example.com/{invisible}send" for invisible in INVISIBLE),
        *(f"https://mail.example.com/?{invisible}key=1" for invisible in INVISIBLE),
        "https://mail\u202e.example.com/",
        "https://mail.example.com:port/",
        "https://a..b/",
        "https:///send",
        "https://?key=1",
        "ftp://mail.example.com/",
        "mail.example.com/send",
        "//mail.example.com/send",
        "send",
        "<https://example.com/your-http-endpoint>",
    ],
)
def test_what_is_no_safe_address_is_an_issue(connector: Connector, endpoint: str) -> None:
    assert find_issues(connector, {"endpoint": endpoint}) == [("$.endpoint", "bad_format")]


@pytest.mark.parametrize("host", ["[1.2]", "[::1::2]", "ex\u2488com", f"{'é' * 70}.example"])
def test_a_host_that_cannot_be_one_is_an_issue(connector: Connector, host: str) -> None:
    assert find_issues(connector, {"endpoint": f"https://{host}/send"}) == [("$.endpoint", "bad_format")]


@pytest.mark.parametrize(
    "secret", ["Bearer abc", "made-up-token", "Basic dXNlcjpwYXNz", 'Digest username="ann", nonce="a b"', "x" * 8000]
)
def test_a_secret_of_any_scheme_is_valid(connector: Connector, secret: str) -> None:
    config = {"endpoint": ENDPOINT, "authorization": secret}

    assert find_issues(connector, config) == []
    assert connector.configure(config).config["authorization"].reveal() == secret


@pytest.mark.parametrize(
    "name",
    [
        "X-Api-Key",
        "Authorization",
        "authorization",
        "x-functions-key",
        "Cookie",
        "X_Token",
        "A!~",
        "X-Origin",
        "Date-Key",
        "X-Via",
    ],
)
def test_a_header_of_the_endpoints_own_is_valid(connector: Connector, name: str) -> None:
    assert find_issues(connector, {"endpoint": ENDPOINT, "authorization": SECRET, "headerName": name}) == []


@pytest.mark.parametrize(
    "name",
    [
        "Content-Type",
        "content-type",
        "CONTENT-LENGTH",
        "Content-Encoding",
        "Host",
        "hOST",
        "Accept",
        "Accept-Encoding",
        "Connection",
        "Expect",
        "Keep-Alive",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "User-Agent",
        "X-Message-ID",
        "idempotency-key",
        "x_message_id",
        "Content_Type",
        "Date",
        "Via",
        "Range",
        "If-None-Match",
        "Origin",
        "Referer",
        "Cache-Control",
        "Max-Forwards",
        "Forwarded",
        "X-Forwarded-For",
        "X-Real-IP",
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "X-Original-URL",
        "Sec-Fetch-Site",
        "Access-Control-Request-Method",
    ],
)
def test_a_header_that_has_a_value_already_is_an_issue(connector: Connector, name: str) -> None:
    config = {"endpoint": ENDPOINT, "authorization": SECRET, "headerName": name}

    assert find_issues(connector, config) == [("$.headerName", "not_allowed")]


@pytest.mark.parametrize(
    "name", ["X Api Key", "X-Api-Key:", "X-Api-Key\r\nX", "X-Schlüssel", "(x)", "x\n", ":path", '"x"']
)
def test_what_is_no_name_of_a_header_is_an_issue(connector: Connector, name: str) -> None:
    config = {"endpoint": ENDPOINT, "authorization": SECRET, "headerName": name}

    assert find_issues(connector, config) == [("$.headerName", "bad_format")]


@pytest.mark.parametrize(
    ("change", "issues"),
    [
        ({"endpoint": ""}, [("$.endpoint", "empty")]),
        ({"endpoint": 7}, [("$.endpoint", "wrong_type")]),
        ({"endpoint": None}, [("$.endpoint", "wrong_type")]),
        ({"endpoint": f"https://mail.example.com/{'x' * 2000}"}, [("$.endpoint", "too_long")]),
        ({"endpoint": "https://example.com/your-http-endpoint"}, [("$.endpoint", "placeholder")]),
        ({"endpoint": {"$env": "ENDPOINT"}}, [("$.endpoint", "wrong_type")]),
        ({"authorization": ""}, [("$.authorization", "empty")]),
        ({"authorization": ["Bearer"]}, [("$.authorization", "wrong_type")]),
        ({"authorization": None}, [("$.authorization", "wrong_type")]),
        ({"authorization": "x" * 8001}, [("$.authorization", "too_long")]),
        ({"authorization": "<Bearer your-token>"}, [("$.authorization", "placeholder")]),
        ({"authorization": {"$env": "NOT_SET_IN_THIS_TEST"}}, [("$.authorization", "env_missing")]),
        ({"authorization": {"$file": "/nowhere/secret"}}, [("$.authorization", "file_unreadable")]),
        *(
            ({"authorization": secret}, [("$.authorization", "bad_format")])
            for secret in (
                "Bearer a\r\nX: y",
                "Bearer a\n",
                " Bearer a",
                "Bearer a ",
                " ",
                "Bearer é",
                "Bearer\ta",
                "\0",
            )
        ),
        ({"headerName": ""}, [("$.headerName", "empty")]),
        ({"headerName": 7}, [("$.headerName", "wrong_type")]),
        ({"headerName": "x" * 101}, [("$.headerName", "too_long")]),
        ({"apiUrl": ENDPOINT}, [("$.apiUrl", "unknown_key")]),
        ({"Authorization": SECRET}, [("$.Authorization", "unknown_key")]),
        ({"bearer": "abc"}, [("$.bearer", "unknown_key")]),
        ({"templates": []}, [("$.templates", "unknown_key")]),
        (
            {"endpoint": "http://mail.example.com", "authorization": "\n", "headerName": "Host"},
            [("$.authorization", "bad_format"), ("$.endpoint", "bad_format"), ("$.headerName", "not_allowed")],
        ),
    ],
)
def test_what_is_wrong_is_told_all_at_once(
    connector: Connector, change: dict[str, Any], issues: list[tuple[str, str]]
) -> None:
    assert find_issues(connector, {"endpoint": ENDPOINT, "authorization": SECRET, **change}) == issues


def test_the_endpoint_is_all_that_is_required(connector: Connector) -> None:
    assert find_issues(connector, {}) == [("$.endpoint", "required")]
    assert find_issues(connector, {"endpoint": ENDPOINT}) == []
    assert find_issues(connector, {"endpoint": ENDPOINT, "headerName": "Authorization"}) == []


def test_a_header_without_a_value_is_an_issue(connector: Connector) -> None:
    assert find_issues(connector, {"endpoint": ENDPOINT, "headerName": "X-Api-Key"}) == [
        ("$.authorization", "required")
    ]


def test_a_secret_that_is_kept_elsewhere_is_read(
    connector: Connector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTP_EMAIL_SECRET_OF_THE_TEST", SECRET)
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    for reference in ({"$env": "HTTP_EMAIL_SECRET_OF_THE_TEST"}, {"$file": str(file)}):
        config = {"endpoint": ENDPOINT, "authorization": reference}
        assert connector.configure(config).config["authorization"].reveal() == SECRET


def test_the_config_to_start_from_only_lacks_the_endpoint(connector: Connector) -> None:
    start = connector.template_config()

    assert set(start) == {"endpoint"}
    assert find_issues(connector, start) == [("$.endpoint", "placeholder")]


def test_the_form_has_logtos_items_first_and_hides_the_secret(connector: Connector) -> None:
    items = connector.form_items()

    assert [(item["key"], item["type"], item["required"]) for item in items] == [
        ("endpoint", "Text", True),
        ("authorization", "Text", False),
        ("headerName", "Text", False),
    ]
    assert [item.get("isConfidential") for item in items] == [None, True, None]
    assert items[2]["defaultValue"] == "Authorization"
