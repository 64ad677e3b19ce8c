"""Which configs the SMTP connector takes: Logto's own, and none that would send credentials in clear text."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from connector_core import USAGE_TYPES, Connector, Host, Message, Secret

from .smtp_server import CA, ScriptedServer, config_for
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTOR_ID = "simple-mail-transfer-protocol"
MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
ELSEWHERE = {**config_for(587), "host": "smtp.example.com"}


@pytest.fixture(scope="module")
def smtp() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host[CONNECTOR_ID]


@pytest.fixture(scope="module")
def schema(smtp: Connector) -> dict[str, Any]:
    return smtp.config_schema


def find_issues(smtp: Connector, **settings: Any) -> list[tuple[str, str]]:
    config = {key: value for key, value in {**ELSEWHERE, **settings}.items() if value is not None}
    return [(issue.path, issue.code) for issue in smtp.validate_config(config)]


def find_auth_issues(smtp: Connector, **auth: Any) -> list[tuple[str, str]]:
    return find_issues(smtp, auth={"user": "ann", **auth})


# Logto's own


def test_the_settings_of_logtos_form_are_all_there(schema: dict[str, Any]) -> None:
    """connector-smtp/src/types.ts and constant.ts of Logto."""
    logtos = {
        "host", "port", "auth", "fromEmail", "replyTo", "templates", "logger", "debug", "disableFileAccess",
        "disableUrlAccess", "name", "localAddress", "connectionTimeout", "greetingTimeout", "socketTimeout",
        "dnsTimeout", "secure", "tls", "servername", "ignoreTLS", "requireTLS", "customHeaders",
    }  # fmt: skip
    assert set(schema["properties"]) == logtos
    assert set(schema["required"]) == {"host", "port", "auth", "fromEmail", "templates"}


def test_a_config_with_every_setting_of_logtos_is_taken(smtp: Connector) -> None:
    settings = {
        "auth": {"type": "login", "user": "ann", "pass": "made-up-password"},
        "replyTo": "help@example.com",
        "logger": True,
        "debug": False,
        "disableFileAccess": True,
        "disableUrlAccess": False,
        "name": "Logto-SMTP",
        "localAddress": "192.0.2.10",
        "connectionTimeout": 120_000,
        "greetingTimeout": 30_000,
        "socketTimeout": 600_000,
        "dnsTimeout": 30_000,
        "secure": False,
        "tls": {},
        "servername": "mail.example.com",
        "ignoreTLS": False,
        "requireTLS": True,
        "customHeaders": {"X-SES-CONFIGURATION-SET": "codes"},
    }
    assert find_issues(smtp, **settings) == []
    assert find_issues(smtp, tls={"rejectUnauthorized": True}) == []


def test_settings_without_effect_change_nothing(smtp: Connector) -> None:
    without_effect = {
        "logger": True, "debug": True, "disableFileAccess": True, "disableUrlAccess": True, "dnsTimeout": 1,
    }  # fmt: skip
    with ScriptedServer() as server:
        smtp.send_message(config_for(server.port, **without_effect), MESSAGE)
    assert len(server.mails) == 1


def test_the_templates_of_the_form_are_taken(smtp: Connector) -> None:
    items = {item["key"]: item for item in smtp.form_items()}
    assert [entry["usageType"] for entry in items["templates"]["defaultValue"]] == list(USAGE_TYPES)
    assert find_issues(smtp, templates=items["templates"]["defaultValue"]) == []


def test_the_config_to_start_from_says_what_is_still_to_be_filled_in(smtp: Connector) -> None:
    issues = {issue.path: issue for issue in smtp.validate_config(smtp.template_config())}
    assert {"$.host", "$.port", "$.auth.user", "$.auth.pass", "$.fromEmail"} == set(issues)
    assert "587" in issues["$.port"].message


# Where it leads


@pytest.mark.parametrize(
    "host",
    ["smtp.example.com", "smtp.example.com.", "mail", "my_mail-1.example", "192.0.2.1", "::1", "2001:db8::25",
     "xn--kln-sna.example"],
)  # fmt: skip
def test_a_host_is_a_name_or_a_network_address(smtp: Connector, host: str) -> None:
    assert find_issues(smtp, host=host) == []


@pytest.mark.parametrize(
    "host",
    ["smtp://smtp.example.com", "smtp.example.com:587", "[::1]", "a b", "a..b", ".a", "-a", "köln.example",
     "user@mail.example.com", "mail.example.com/", "a\n", f"{'x' * 64}.com", 5, "cafe:25", "1:2", "::1::2"],
)  # fmt: skip
def test_anything_else_is_no_host(smtp: Connector, host: object) -> None:
    assert [path for path, _ in find_issues(smtp, host=host)] == ["$.host"]


@pytest.mark.parametrize("port", [0, -1, 65_536, 25.5, "587", True, None])
def test_a_port_is_a_number_of_one(smtp: Connector, port: object) -> None:
    assert [path for path, _ in find_issues(smtp, port=port)] == ["$.port"]


@pytest.mark.parametrize("address", ["192.0.2.10", "2001:db8::1"])
def test_a_local_address_is_a_network_address(smtp: Connector, address: str) -> None:
    assert find_issues(smtp, localAddress=address) == []


@pytest.mark.parametrize("address", ["localhost", "eth0", "192.0.2.300"])
def test_anything_else_is_no_local_address(smtp: Connector, address: str) -> None:
    assert find_issues(smtp, localAddress=address) == [("$.localAddress", "bad_format")]


# TLS


@pytest.mark.parametrize("host", ["smtp.example.com", "127.0.0.1.example.com", "localhost.example.com", "10.0.0.1",
                                  "127.0.0.256", "127.0.0.999", "2001:db8::1"])  # fmt: skip
def test_another_host_is_never_used_without_tls(smtp: Connector, host: str) -> None:
    assert find_issues(smtp, host=host, ignoreTLS=True) == [("$.ignoreTLS", "not_allowed")]
    assert find_issues(smtp, host=host, ignoreTLS=True, secure=True) == []
    assert find_issues(smtp, host=host, ignoreTLS=False) == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.1.2.3", "::1", "0:0:0:0:0:0:0:1"])
def test_this_machine_may_be_used_without_tls(smtp: Connector, host: str) -> None:
    assert find_issues(smtp, host=host, ignoreTLS=True) == []


def test_tls_is_not_both_required_and_ignored(smtp: Connector) -> None:
    assert find_issues(smtp, host="localhost", ignoreTLS=True, requireTLS=True) == [("$.ignoreTLS", "not_allowed")]


def test_a_certificate_is_always_checked(smtp: Connector) -> None:
    (issue,) = smtp.validate_config({**ELSEWHERE, "tls": {"rejectUnauthorized": False}})
    assert (issue.path, issue.code) == ("$.tls.rejectUnauthorized", "not_allowed")
    assert "always checked" in issue.message
    assert "tls.ca" in issue.message


@pytest.mark.parametrize(
    "tls", [{"ca": CA}, {"ca": CA + CA}, {"servername": "mail.example.com"}, {"minVersion": "TLSv1.3"}]
)
def test_tls_has_a_few_settings(smtp: Connector, tls: dict[str, str]) -> None:
    assert find_issues(smtp, tls=tls) == []


@pytest.mark.parametrize(
    ("tls", "issue"),
    [
        ({"ca": "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----"}, ("$.tls.ca", "bad_format")),
        ({"ca": "certificate"}, ("$.tls.ca", "bad_format")),
        ({"ca": "é"}, ("$.tls.ca", "bad_format")),
        ({"ca": ""}, ("$.tls.ca", "empty")),
        ({"ciphers": "SSLv3"}, ("$.tls.ciphers", "unknown_key")),
        ({"minVersion": "TLSv1"}, ("$.tls.minVersion", "not_allowed")),
        ({"servername": "a b"}, ("$.tls.servername", "bad_format")),
    ],
)
def test_tls_has_no_other_settings(smtp: Connector, tls: dict[str, str], issue: tuple[str, str]) -> None:
    assert find_issues(smtp, tls=tls) == [issue]


# Credentials


@pytest.mark.parametrize(
    "auth",
    [
        {"pass": "made-up-password"},
        {"pass": "pässwörd mit Leerzeichen"},
        *({"type": kind, "pass": "made-up-password"} for kind in ("login", "Login", "LOGIN")),
        *({"type": kind, "accessToken": "made-up-token"} for kind in ("oauth2", "OAuth2", "OAUTH2")),
        {"accessToken": "made-up-token", "expires": 1_800_000_000_000},
        {"type": "oauth2", "clientId": "id", "clientSecret": "made-up-secret", "refreshToken": "made-up-token"},
        {
            "type": "oauth2",
            "clientId": "id",
            "refreshToken": "made-up-token",
            "accessUrl": "https://login.example.com/t",
        },
        {"type": "oauth2", "clientId": "id", "clientSecret": "s", "accessToken": "made-up-token"},
        {"pass": {"$env": "SMTP_PASSWORD_OF_THE_TEST"}},
    ],
)
def test_credentials_are_a_password_or_what_oauth2_needs(
    smtp: Connector, auth: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD_OF_THE_TEST", "made-up-password")
    assert find_auth_issues(smtp, **auth) == []


@pytest.mark.parametrize(
    ("auth", "issue"),
    [
        ({}, ("$.auth.pass", "required")),
        ({"type": "login"}, ("$.auth.pass", "required")),
        ({"type": "Login", "accessToken": "made-up-token"}, ("$.auth.pass", "required")),
        ({"type": "oauth2"}, ("$.auth.refreshToken", "required")),
        ({"type": "oauth2", "pass": "made-up-password"}, ("$.auth.refreshToken", "required")),
        ({"type": "oauth2", "clientId": "id", "clientSecret": "s"}, ("$.auth.refreshToken", "required")),
        ({"refreshToken": "made-up-token"}, ("$.auth.clientId", "required")),
        ({"type": "plain", "pass": "made-up-password"}, ("$.auth.type", "not_allowed")),
        ({"pass": ""}, ("$.auth.pass", "empty")),
        ({"pass": "a\nb"}, ("$.auth.pass", "bad_format")),
        ({"pass": "a\0b"}, ("$.auth.pass", "bad_format")),
        ({"pass": {"$env": "SMTP_MISSING_IN_THE_TEST"}}, ("$.auth.pass", "env_missing")),
        ({"pass": "x", "user": "a\1b"}, ("$.auth.user", "bad_format")),
        ({"pass": "x", "password": "y"}, ("$.auth.password", "unknown_key")),
        ({"pass": "x", "accessUrl": "http://login.example.com"}, ("$.auth.accessUrl", "bad_format")),
        ({"pass": "x", "accessUrl": "https://[1:::2]/t"}, ("$.auth.accessUrl", "bad_format")),
        ({"pass": "<password>"}, ("$.auth.pass", "placeholder")),
    ],
)
def test_what_is_missing_or_wrong_in_credentials_is_named(
    smtp: Connector, auth: dict[str, Any], issue: tuple[str, str]
) -> None:
    assert find_auth_issues(smtp, **auth) == [issue]


@pytest.mark.parametrize("key", ["made-up-key", {"key": "made-up-key", "passphrase": "made-up"}])
def test_a_key_of_a_service_account_is_refused_with_what_to_use_instead(smtp: Connector, key: Any) -> None:
    auth = {"type": "oauth2", "user": "ann", "serviceClient": "id", "privateKey": key}
    issues = smtp.validate_config({**ELSEWHERE, "auth": auth})
    assert [(issue.path, issue.code) for issue in issues] == [
        ("$.auth.privateKey", "not_supported"),
        ("$.auth.serviceClient", "not_supported"),
    ]
    assert all("refreshToken" in issue.message and "made-up" not in issue.message for issue in issues)


def test_every_secret_is_wrapped(smtp: Connector) -> None:
    secrets = ("pass", "accessToken", "clientSecret", "refreshToken")
    auth = {"user": "ann", "clientId": "id", **dict.fromkeys(secrets, "made-up-secret")}
    config = smtp.configure({**ELSEWHERE, "auth": auth}).config
    assert all(isinstance(config["auth"][key], Secret) for key in secrets)
    assert "made-up-secret" not in json.dumps(smtp.redact_config({**ELSEWHERE, "auth": auth}))


# Mails


@pytest.mark.parametrize(
    ("entry", "issue"),
    [
        ({"contentType": "text/markdown"}, ("$.templates[4].contentType", "not_allowed")),
        ({"contentType": None}, ("$.templates[4].contentType", "required")),
        ({"content": ""}, ("$.templates[4].content", "empty")),
        ({"subject": "a\nb"}, ("$.templates[4].subject", "bad_format")),
        ({"text": "x"}, ("$.templates[4]", "not_allowed")),
        ({"locale": "de_DE"}, ("$.templates[4].locale", "bad_format")),
        ({"usageType": "SignIn"}, ("$.templates[4]", "repeated")),
    ],
)
def test_what_is_wrong_in_a_template_entry_is_named(
    smtp: Connector, entry: dict[str, Any], issue: tuple[str, str]
) -> None:
    good = {"usageType": "BindMfa", "contentType": "text/plain", "subject": "Code", "content": "{{code}}"}
    bad = {key: value for key, value in {**good, **entry}.items() if value is not None}
    assert find_issues(smtp, templates=[*ELSEWHERE["templates"], good]) == []
    assert find_issues(smtp, templates=[*ELSEWHERE["templates"], bad]) == [issue]


@pytest.mark.parametrize("key", ["fromEmail", "replyTo"])
def test_a_mailbox_has_a_domain_that_can_be_one(smtp: Connector, key: str) -> None:
    assert find_issues(smtp, **{key: "Jürgen <jürgen@köln.example>"}) == []
    assert find_issues(smtp, **{key: "a@☃.example"}) == [(f"$.{key}", "bad_format")]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("From", "not_allowed"), ("reply-to", "not_allowed"), ("Subject", "not_allowed"), ("TO", "not_allowed"),
        ("Bcc", "not_allowed"), ("Message-Id", "not_allowed"), ("Content-Type", "not_allowed"),
        ("content-transfer-encoding", "not_allowed"), ("MIME-Version", "not_allowed"), ("Resent-To", "not_allowed"),
        ("A b", "bad_key"), ("A:", "bad_key"), ("É", "bad_key"), ("A\nB", "bad_key"), ("X" * 71, "bad_key"),
    ],
)  # fmt: skip
def test_a_header_that_is_none_of_the_configs_is_refused(smtp: Connector, name: str, code: str) -> None:
    (found,) = find_issues(smtp, customHeaders={name: "x", "X-Good": "x"})
    assert found[1] == code
    assert found[0].startswith("$.customHeaders")


def test_a_header_is_not_there_twice(smtp: Connector) -> None:
    (found,) = find_issues(smtp, customHeaders={"X-Team": "a", "x-team": "b"})
    assert found == ("$.customHeaders.x-team", "repeated")


@pytest.mark.parametrize("value", ["a\nb", "a\r\nBcc: x@y.z", "a\u2028b", "\ud800", 5])
def test_the_value_of_a_header_is_one_line_of_text(smtp: Connector, value: object) -> None:
    assert [path for path, _ in find_issues(smtp, customHeaders={"X-A": value})] == ["$.customHeaders.X-A"]


@pytest.mark.parametrize("key", ["connectionTimeout", "greetingTimeout", "socketTimeout", "dnsTimeout"])
@pytest.mark.parametrize("limit", [0, -1, "10", 1e12])
def test_a_limit_is_a_number_above_zero(smtp: Connector, key: str, limit: object) -> None:
    assert [path for path, _ in find_issues(smtp, **{key: limit})] == [f"$.{key}"]
    assert find_issues(smtp, **{key: 0.5}) == []


# Loading it


def test_loading_the_connector_imports_nothing_heavy() -> None:
    code = (
        "import sys, connector_smtp.plugin; "
        "print([name for name in ('smtplib', 'ssl', 'email', 'requests', 'jsonschema') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  ours
    assert shown.stdout == "[]\n"
