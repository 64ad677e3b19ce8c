"""What a config schema can't say of an SMTP config."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from connector_core import Config, ConfigIssue, find_repeated_templates, format_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from ipaddress import IPv4Address, IPv6Address

_WITH_COLON = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")
"""What the schema takes for an IPv6 address; `cafe:25` is none."""

_SETTING_OF_HEADER = {"from": "fromEmail", "reply-to": "replyTo", "subject": "templates"}
"""Headers that other settings fill, by the setting."""

_OWN_HEADERS = re.compile(r"to|cc|bcc|date|message-id|mime-version|return-path|received|(content|resent)-.*")
"""Headers that the connector or the servers on the way fill (RFC 5322, section 3.6; RFC 2045, section 3)."""

_TOKENS_INSTEAD = (
    "Keys of service accounts are not supported: give clientId, clientSecret and refreshToken, or an accessToken."
)


def find_issues(config: Config) -> list[ConfigIssue]:
    """Return everything that is wrong with a config beyond its schema."""
    return [
        *find_repeated_templates(config),
        *_check_credentials(config["auth"]),
        *_check_tls(config),
        *_check_headers(config),
        *_check_addresses(config),
    ]


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, which plain connections stay within.

    What is no address, such as 127.0.0.256, is a name, which the DNS may lead anywhere.
    """
    if host.lower().rstrip(".") == "localhost":
        return True
    address = _parse_address(host)
    return address is not None and address.is_loopback


def uses_password(auth: Mapping[str, Any]) -> bool:
    """Return whether credentials are a password; else they are OAuth2's."""
    return auth["type"].lower() != "oauth2" if "type" in auth else "pass" in auth


def _check_credentials(auth: Mapping[str, Any]) -> Iterator[ConfigIssue]:
    for key in ("serviceClient", "privateKey"):
        if key in auth:
            yield ConfigIssue(f"$.auth.{key}", "not_supported", _TOKENS_INSTEAD)
    if uses_password(auth):
        if "pass" not in auth:
            problem = "The password is missing; for OAuth2 set type to oauth2."
            yield ConfigIssue("$.auth.pass", "required", problem)
    elif not auth.keys() & {"accessToken", "refreshToken", "serviceClient", "privateKey"}:
        if "type" in auth:
            problem = "The token is missing: give clientId, clientSecret and refreshToken, or an accessToken."
            yield ConfigIssue("$.auth.refreshToken", "required", problem)
        else:
            problem = "The password is missing; for OAuth2 give clientId, clientSecret and refreshToken."
            yield ConfigIssue("$.auth.pass", "required", problem)
    elif "refreshToken" in auth and "clientId" not in auth:
        yield ConfigIssue("$.auth.clientId", "required", "A refresh token needs the client id that it was made for.")


def _check_tls(config: Config) -> Iterator[ConfigIssue]:
    if config.get("ignoreTLS") and not config["secure"]:
        if not is_loopback(config["host"]):
            problem = (
                "Without TLS the credentials would travel in clear text, which is only allowed to a server on this "
                "machine: remove ignoreTLS."
            )
            yield ConfigIssue("$.ignoreTLS", "not_allowed", problem)
        elif config.get("requireTLS"):
            yield ConfigIssue("$.ignoreTLS", "not_allowed", "requireTLS says the opposite: remove one of the two.")
    ca = config.get("tls", {}).get("ca")
    if ca and not _holds_certificates(ca):
        problem = "This is no certificate in PEM: paste it whole, from BEGIN CERTIFICATE to END CERTIFICATE."
        yield ConfigIssue("$.tls.ca", "bad_format", problem)


def _holds_certificates(pem: str) -> bool:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, TypeError):  # TypeError where it is no ASCII
        return False
    return True


def _check_headers(config: Config) -> Iterator[ConfigIssue]:
    seen: set[str] = set()
    for name in config.get("customHeaders", ()):
        path, lower = format_path(["customHeaders", name]), name.lower()
        if lower in _SETTING_OF_HEADER:
            yield ConfigIssue(path, "not_allowed", f"Use the setting {_SETTING_OF_HEADER[lower]} instead.")
        elif _OWN_HEADERS.fullmatch(lower):
            yield ConfigIssue(path, "not_allowed", "This header is filled in for each mail: remove it.")
        elif lower in seen:
            problem = "This header is there already, in other letters: keep one of them."
            yield ConfigIssue(path, "repeated", problem)
        seen.add(lower)


def _check_addresses(config: Config) -> Iterator[ConfigIssue]:
    if _WITH_COLON.fullmatch(config["host"]) and _parse_address(config["host"]) is None:
        problem = "This is no network address: write the server's name alone, without the port."
        yield ConfigIssue("$.host", "bad_format", problem)
    if "localAddress" in config and _parse_address(config["localAddress"]) is None:
        problem = "This is no network address: write one of this machine's, such as 192.0.2.10."
        yield ConfigIssue("$.localAddress", "bad_format", problem)


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address

    try:
        return ip_address(text)
    except ValueError:
        return None
