"""A policy for hosts whose network the people who edit configs must not reach: only public addresses are taken."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from connector_core.address import ascii_address
from connector_core.errors import ConfigIssue, InvalidMessage
from connector_core.hookspecs import hookimpl
from connector_core.jsonvalue import format_path
from connector_core.live import TimeIsOver, run_within
from connector_core.schema import ConfigSchema
from connector_core.schema_words import find_host

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from connector_core.config import Config
    from connector_core.metadata import ConnectorMetadata
    from connector_core.schema import Place

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network

DNS_SECONDS = 2.0
"""How long the DNS may take for a name; one without an answer by then counts as one that leads nowhere."""

_LOCAL_NAMES = ("localhost", "local", "internal", "home.arpa")
"""Names that only a machine or its network knows (RFC 6761, 6762 and 8375; ICANN reserved `internal` in 2024)."""

_NOT_PUBLIC = (
    "168.63.129.16/32",  # Azure's own services for each of its machines
    "64:ff9b:1::/48",  # translation within a network (RFC 8215); some versions of Python take it for global
    "fec0::/10",  # once private (RFC 3879)
)
"""What `ipaddress` takes for global although it is none, or is within the reach of this machine alone."""

_EMBEDDING = ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")
"""IPv6 addresses that end with the IPv4 address that they stand for (RFC 4291, 2.5.5; RFC 2765, 2.1; RFC 6052, 2.1)."""


def find_private_addresses(schema: ConfigSchema, config: Config, allow: Iterable[str] = ()) -> list[ConfigIssue]:
    """Return an issue for each place of a config that leads to an address which is not public.

    Looked at is what the schema gives the format `url` or `host`, unless it is the schema's default. A name is asked of
    the DNS, up to 2 seconds; one that leads nowhere is no issue.

    Args:
        schema: the schema of the connector's config.
        config: the config, as it was read.
        allow: names and networks that may be used all the same, such as `mail.example.com` and `10.1.0.0/16`.

    Raises:
        ValueError: one of `allow` is neither.

    """
    return _find_issues(schema, config, _Allowed(allow))


class PublicAddresses:
    """Refuse configs that lead to private addresses: a plugin for `Host.discover(plugins=[PublicAddresses()])`.

    Whoever edits a config chooses where this machine connects to, with `apiUrl`, `endpoint` or `host`. This policy
    refuses each address that is not public: this machine, its network, and the services that a cloud offers to its
    machines alone. It looks at the config when it is checked, not at each send: the DNS may lead a name elsewhere by
    then, a proxy may resolve it in its own way, and a connector may connect where no setting of the format `url` or
    `host` tells. So it keeps people from mistakes and from plain attempts; what really closes a network is a firewall.

    Args:
        allow: names and networks that may be used all the same, such as `mail.example.com` and `10.1.0.0/16`. A name
            holds for itself alone; `localhost` is such a name, whatever network it is in.

    Raises:
        ValueError: one of `allow` is neither.

    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allowed = _Allowed(allow)
        self._schemas: dict[str, tuple[ConnectorMetadata, ConfigSchema]] = {}

    @hookimpl
    def validate_config(self, config: Config, metadata: ConnectorMetadata) -> list[ConfigIssue]:
        """Return an issue for each private address."""
        known = self._schemas.get(metadata.id)
        if known is None or known[0] is not metadata:
            known = self._schemas[metadata.id] = (metadata, ConfigSchema(metadata.config_schema))
        return _find_issues(known[1], config, self._allowed)


class _Allowed:
    """The names and networks that may be used although they are not public."""

    def __init__(self, allow: Iterable[str]) -> None:
        from ipaddress import ip_network

        self._names: set[str] = set()
        self._networks: list[Network] = []
        for text in [allow] if isinstance(allow, str) else allow:  # one text is no list of letters
            try:
                self._networks.append(ip_network(text))
            except ValueError:
                if not text or not text.replace("-", "").replace("_", "").replace(".", "").isalnum():
                    problem = f"{text!r} is neither a name nor a network: write mail.example.com or 10.1.0.0/16."
                    raise ValueError(problem) from None
                self._names.add(_normalize(text))

    def has_name(self, host: str) -> bool:
        return host in self._names

    def has_address(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _find_issues(schema: ConfigSchema, config: Config, allowed: _Allowed) -> list[ConfigIssue]:
    return [
        ConfigIssue(
            format_path(path),
            "private_address",
            f"{place.title or 'This setting'} leads to an address that is not public, where this application does not "
            "connect: write that of a public server.",
        )
        for path, place, text in find_addresses(config, schema.root, ())
        if any(_is_private(host, allowed) for host in _find_hosts(text, place.format))
    ]


def find_addresses(
    value: Any, place: Place | None, path: tuple[str | int, ...], *, with_defaults: bool = False
) -> Iterator[tuple[tuple[str | int, ...], Place, str]]:
    """Yield each text that says where to connect to; what the connector would use by itself only where asked."""
    if place is None:
        return
    if isinstance(value, str):
        if place.format in {"host", "url"} and (with_defaults or not (place.has_default and value == place.default)):
            yield path, place, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from find_addresses(
                member, place.properties.get(name, place.others), (*path, name), with_defaults=with_defaults
            )
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from find_addresses(member, place.items, (*path, index), with_defaults=with_defaults)


def _find_hosts(text: str, kind: str | None) -> set[str]:
    """Return the host in a text: of a URL what either way to read it finds, since a crooked one has two."""
    if kind == "host":
        return {_normalize(text)}
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    found: set[str | None] = set()
    with suppress(ValueError):  # the schema tells
        found.add(find_host(text))
    with suppress(LocationParseError):  # the same
        found.add(parse_url(text).host)
    return {_normalize(host) for host in found if host}


def _normalize(host: str) -> str:
    """Return a host as it is asked for: in ASCII and lower case, without brackets, zone and final dot."""
    host = unquote(host)  # requests does so
    with suppress(InvalidMessage):  # no name that leads anywhere
        host = ascii_address(f"@{host}")[1:]
    host = host.lower().strip("[]")
    return host.partition("%")[0] if ":" in host else host.removesuffix(".")


def _is_private(host: str, allowed: _Allowed) -> bool:
    if allowed.has_name(host):
        return False
    if any(host == name or host.endswith(f".{name}") for name in _LOCAL_NAMES):
        return True
    return any(
        not _is_public(part) and not allowed.has_address(part)
        for address in _resolve(host)
        for part in _unfold(address)
    )


def _resolve(host: str) -> set[Address]:
    """Return the addresses of a host, which may be written as one in any way that the system knows: 127.1, 0x7f000001.

    What is no address is asked of the DNS.
    """
    import socket
    from ipaddress import ip_address

    def ask(flags: int = 0) -> set[Address]:
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
        except (OSError, ValueError):  # ValueError where it is no name
            return set()
        return {ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers}

    try:
        return ask(socket.AI_NUMERICHOST) or run_within(DNS_SECONDS, ask)
    except TimeIsOver:
        return set()


def _unfold(address: Address) -> Iterator[Address]:
    """Yield an address, and the IPv4 address that it stands for; a mapped one is but another way to write that."""
    from ipaddress import IPv4Address, IPv6Address, IPv6Network

    if not isinstance(address, IPv6Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if any(address in IPv6Network(network) for network in _EMBEDDING) and int(address) > 1:  # :: and ::1 stand alone
        yield IPv4Address(int(address) & 0xFFFFFFFF)


def _is_public(address: Address) -> bool:
    from ipaddress import ip_network

    return (
        address.is_global
        and not address.is_multicast
        and not any(address in ip_network(network) for network in _NOT_PUBLIC)
    )
