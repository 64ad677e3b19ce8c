"""The policy that refuses private addresses: however they are written, and whatever name leads to them."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector

from connector_core import ConfigIssue, Host, PublicAddresses, address_policy
from connector_core.address_policy import find_private_addresses
from connector_core.config import read_config
from connector_core.schema import ConfigSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "url": {"title": "API address", "type": "string", "format": "url", "default": "https://localhost/api"},
        "host": {"title": "Host", "type": "string", "format": "host"},
        "name": {"type": "string"},
        "servers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"host": {"$ref": "#/$defs/host"}, "url": {"$ref": "#/$defs/url"}},
                "additionalProperties": False,
            },
        },
        "urls": {"type": "object", "additionalProperties": {"$ref": "#/$defs/url"}},
    },
    "additionalProperties": False,
    "$defs": {"host": {"type": "string", "format": "host"}, "url": {"oneOf": [{"format": "url"}, {"const": ""}]}},
}

PUBLIC = [
    "192.88.98.1",
    "1.1.1.1",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "16843009",
    "[2606:4700::1]",
]
PRIVATE = {
    "this machine": ["127.0.0.1", "127.255.0.1", "::1", "0.0.0.0", "::", "[::1]"],  # noqa: S104  refused, not bound to
    "other ways to write it": ["127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.0.0.1."],
    "any address": ["0", "0x0"],
    "a private network": ["10.0.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd00::1", "fec0::1", "10.1"],
    "one link": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "fe80::1%25eth0"],
    "a cloud's machines": ["168.63.129.16", "fd00:ec2::254", "100.100.100.200"],
    "nobody": ["192.0.2.1", "198.18.0.1", "203.0.113.7", "240.0.0.1", "255.255.255.255", "2001:db8::1"],
    "many": ["224.0.0.1", "239.1.1.1", "ff02::1", "ff0e::1"],
    "what is within": [
        "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.1.1.1", "::10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
    "names of a network": [
        "localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local", "db.internal", "nas.home.arpa",
        "localhost\u3002", "local\u00adhost", "\uff11\uff12\uff17.0.0.1",
        "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54",
    ],
}  # fmt: skip


def find(allow: str | tuple[str, ...] = (), **settings: Any) -> list[ConfigIssue]:
    schema = ConfigSchema(SCHEMA)
    config = read_config(schema, settings).config
    assert config is not None
    return find_private_addresses(schema, config, allow)


def paths(**settings: Any) -> list[str]:
    return [issue.path for issue in find(**settings)]


def in_url(address: str) -> str:
    return f"[{address}]" if ":" in address and "[" not in address else address


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return the names that the DNS knows, with their addresses, for a test to fill; no other is asked for."""
    known: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def answer(host: str, *_: Any, flags: int = 0, **__: Any) -> Any:
        if flags & socket.AI_NUMERICHOST:
            return ask(host, None, type=socket.SOCK_STREAM, flags=flags)
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [entry for address in known[host] for entry in ask(address, None, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


# Which addresses


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_taken(address: str) -> None:
    assert find(host=address) == []
    assert find(url=f"https://{in_url(address)}/") == []


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("kind", PRIVATE)
def test_an_address_that_is_not_public_is_refused_however_it_is_written(kind: str) -> None:
    for address in PRIVATE[kind]:
        assert paths(host=address) == ["$.host"], address
        assert paths(url=f"https://{in_url(address)}:8443/api") == ["$.url"], address


@pytest.mark.parametrize(
    "url",
    ["https://1.1.1.1@10.0.0.1/", "https://1.1.1.1\\@10.0.0.1/", "https://10.0.0.1\\@1.1.1.1/", "https://10%2e0.0.1/",
     "https://10.0.0.1#@1.1.1.1/", "HTTPS://LOCALHOST", "https://user:pass@localhost:1/?a#b", "//10.0.0.1/", "ftp://10.0.0.1"],
)  # fmt: skip
@pytest.mark.usefixtures("names")
def test_a_crooked_url_is_refused_where_any_way_to_read_it_leads_to_a_private_address(url: str) -> None:
    assert paths(url=url) == ["$.url"]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("text", ["", "https://", "https://[", "a\0b", "x" * 300, "a..b", "<host>", "https:///x"])
def test_what_is_no_address_is_left_to_the_schema(text: str) -> None:
    assert find(host=text.removeprefix("https://"), url=text) == []


# Names


def test_a_name_is_refused_when_one_of_its_addresses_is_private(names: dict[str, list[str]]) -> None:
    names["mixed.example.com"] = ["1.1.1.1", "2606:4700::1111", "10.0.0.1"]
    names["public.example.com"] = ["1.1.1.1", "2606:4700::1111"]
    assert paths(host="mixed.example.com", url="https://public.example.com") == ["$.host"]
    assert paths(host="public.example.com", url="https://MIXED.example.com.:443/x") == ["$.url"]


def test_a_name_that_leads_nowhere_is_taken(names: dict[str, list[str]]) -> None:
    names["nowhere.example.com"] = []
    assert find(host="nowhere.example.com", url="https://unknown.example.com") == []


def test_a_name_is_asked_for_in_the_form_of_the_dns(names: dict[str, list[str]]) -> None:
    names["xn--kln-sna.example"] = ["10.0.0.1"]
    assert paths(host="KÖLN.example", url="https://köln.example/") == ["$.host", "$.url"]


def test_a_name_is_taken_when_the_dns_gives_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = threading.Event()

    def wait(*_: Any, flags: int = 0, **__: Any) -> list[Any]:
        if not flags:
            stopping.wait(20)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    monkeypatch.setattr(address_policy, "DNS_SECONDS", 0.05)
    assert find(host="slow.example.com") == []
    stopping.set()


def test_no_dns_is_asked_for_addresses_and_for_names_of_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = socket.getaddrinfo

    def note(host: str, *_: Any, flags: int = 0, **__: Any) -> Any:
        if not flags & socket.AI_NUMERICHOST:
            asked.append(host)
        return ask(host, None, type=socket.SOCK_STREAM, flags=flags | socket.AI_NUMERICHOST)

    monkeypatch.setattr(socket, "getaddrinfo", note)
    found = find(host="db.internal", servers=[{"host": host} for host in ("10.0.0.1", "1.1.1.1", "a.example.com")])
    assert ([issue.path for issue in found], asked) == (["$.host", "$.servers[0].host"], ["a.example.com"])


# Which settings


@pytest.mark.usefixtures("names")
def test_every_place_with_the_format_url_or_host_is_looked_at_and_no_other() -> None:
    found = paths(
        host="10.0.0.1",
        name="10.0.0.1",
        servers=[{"host": "1.1.1.1"}, {"host": "10.0.0.1", "url": "https://10.0.0.1"}],
        urls={"a b": "https://10.0.0.1", "c": "https://1.1.1.1"},
    )
    assert found == ["$.host", "$.servers[1].host", "$.servers[1].url", '$.urls["a b"]']


@pytest.mark.usefixtures("names")
def test_the_default_is_the_choice_of_the_connector_and_taken() -> None:
    assert find() == []
    assert find(url="https://localhost/api") == []
    assert paths(url="https://localhost/other") == ["$.url"]


@pytest.mark.parametrize("value", [None, 5, True, ["10.0.0.1"], {"a": "10.0.0.1"}])
def test_a_value_of_the_wrong_shape_is_left_to_the_schema(value: object) -> None:
    assert find(host=value, url=value, servers=value) == []


def test_the_sentence_names_the_setting_and_not_the_address() -> None:
    (issue,) = find(host="10.0.0.1")
    assert issue.code == "private_address"
    assert issue.message.startswith("Host leads to an address that is not public")
    assert "10.0.0.1" not in issue.message
    (issue,) = find(servers=[{"host": "10.0.0.1"}])
    assert issue.message.startswith("This setting leads to")


# What may be used all the same


@pytest.mark.parametrize(
    ("allow", "host"),
    [("localhost", "LOCALHOST."), ("mail.internal", "mail.internal"), ("relay.example.com", "relay.example.com"),
     ("10.0.0.0/8", "10.1.2.3"), ("10.0.0.0/8", "relay.example.com"), ("10.0.0.5", "10.0.0.5"),
     ("10.0.0.0/8", "0xa000001"), ("10.0.0.0/8", "::ffff:10.0.0.1"), ("fd00::/8", "fd12::1"),
     ("10.0.0.0/8", "64:ff9b::10.0.0.1"), ("::1", "[::1]")],
)  # fmt: skip
def test_an_allowed_name_or_network_is_taken(allow: str, host: str, names: dict[str, list[str]]) -> None:
    names["relay.example.com"] = ["10.0.0.1"]
    assert paths(host=host) == ["$.host"]
    assert find(host=host, allow=("unused.example.com", allow)) == []


@pytest.mark.parametrize(
    ("allow", "host"),
    [("internal", "mail.internal"), ("mail.internal", "a.mail.internal"), ("10.1.0.0/16", "10.2.0.1"),
     ("::/0", "10.0.0.1"), ("127.0.0.0/8", "localhost"), ("10.0.0.0/8", "mixed.example.com")],
)  # fmt: skip
def test_what_is_not_allowed_itself_stays_refused(allow: str, host: str, names: dict[str, list[str]]) -> None:
    names["mixed.example.com"] = ["10.0.0.1", "192.168.0.1"]
    assert len(find(host=host, allow=(allow,))) == 1


@pytest.mark.parametrize("allow", ["", "https://example.com", "10.0.0.1/8", "*.example.com", "a b", "example.com:25"])
def test_what_is_neither_a_name_nor_a_network_can_not_be_allowed(allow: str) -> None:
    with pytest.raises(ValueError, match="neither a name nor a network"):
        PublicAddresses(allow=[allow])


def test_one_name_may_be_allowed_without_a_list() -> None:
    assert find(host="localhost", allow="localhost") == []


# As a plugin


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(plugins=[PublicAddresses()]) as host:
        yield host


@pytest.mark.parametrize(
    ("connector_id", "settings", "found"),
    [
        ("postmark-mail", {"apiUrl": "https://10.0.0.1"}, "$.apiUrl"),
        ("mailgun-email", {"endpoint": "https://10.0.0.1"}, "$.endpoint"),
        ("sendgrid-email-service", {"apiUrl": "http://127.0.0.1:8025"}, "$.apiUrl"),
        ("http-email", {"endpoint": "https://metadata.internal/"}, "$.endpoint"),
        ("simple-mail-transfer-protocol", {"host": "localhost"}, "$.host"),
        ("simple-mail-transfer-protocol", {"auth": {"accessUrl": "https://[fd00::1]/token"}}, "$.auth.accessUrl"),
    ],
)
def test_each_setting_of_our_connectors_that_says_where_to_connect_to_is_under_the_policy(
    host: Host, connector_id: str, settings: dict[str, Any], found: str
) -> None:
    with host[connector_id].create_sandbox() as sandbox:
        auth = {"auth": {**sandbox.config["auth"], **settings["auth"]}} if "auth" in settings else {}
        issues = host[connector_id].validate_config({**sandbox.config, **settings, **auth})
    assert found in [issue.path for issue in issues if issue.code == "private_address"]


def test_a_config_that_keeps_to_the_policy_is_taken(names: dict[str, list[str]]) -> None:
    names["smtp.example.com"] = ["1.1.1.1"]
    with Host.discover(plugins=[PublicAddresses(allow=["localhost"])]) as host:
        smtp = host["simple-mail-transfer-protocol"]
        config = {
            **smtp.template_config(),
            "port": 587,
            "fromEmail": "a@example.com",
            "auth": {"user": "a", "pass": "b"},
        }
        for server in ("smtp.example.com", "localhost"):
            assert smtp.validate_config({**config, "host": server}) == []


@pytest.mark.usefixtures("names")
def test_one_policy_may_serve_hosts_whose_connectors_differ(make_host: Callable[..., Host]) -> None:
    policy = PublicAddresses()
    plain = {**SCHEMA, "properties": {"host": {"type": "string"}}}
    first = make_host(FakeConnector(schema=SCHEMA), plugins=[policy])
    second = make_host(FakeConnector(schema=plain), plugins=[policy])
    for _ in range(2):
        assert len(first["alpha-mail"].validate_config({"host": "10.0.0.1"})) == 1
        assert second["alpha-mail"].validate_config({"host": "10.0.0.1"}) == []
