"""Faulty connectors, written to disk: what `connectors new` writes, with one fault each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fault import CALL, LIVE_CALL, PLUGIN, SANDBOX, TESTS, Fault
from option_connector import OPTIONS
from stored_templates import NUMBERED, STORED

from connector_core.scaffold import Names, write_distribution

if TYPE_CHECKING:
    from pathlib import Path


def write_faulty(one: Fault, into: Path) -> Path:
    """Write a connector that has a fault; return its folder, whose tests discover it and no other."""
    return _write(Names(one.id), one.changes, into)


def write_healthy(into: Path) -> Path:
    """Write a connector without a fault."""
    return _write(Names("healthy-mail"), (), into)


def write_complete(into: Path) -> Path:
    """Write a connector without a fault that has every optional hook."""
    return _write(Names("complete-mail"), STORED, into)


def write_optional(into: Path) -> Path:
    """Write a connector without a fault that sends the options of a message, and batches."""
    return _write(Names("optional-mail"), OPTIONS, into)


def write_numbered(into: Path) -> Path:
    """Write a connector that has every optional hook, and whose provider gives its templates numbers."""
    return _write(Names("numbered-mail"), NUMBERED, into)


def write_signed_in(into: Path) -> Path:
    """Write a connector that asks for a token before anything else."""
    ask = """\
def sign_in(config: Config, transport: Transport) -> None:
    answer = transport.request("POST", f"{config['apiUrl']}/token", headers=make_headers(config), json={})
    body = answer.json()
    if not isinstance(body, dict) or not isinstance(body.get("token"), str):
        raise read_refusal(answer)


"""
    account = '        app.add_url_rule("/account", "account", self.show_account)\n'
    token = '        app.add_url_rule("/token", "token", self.give_token, methods=["POST"])\n'
    give = """\
    def give_token(self) -> ResponseReturnValue:
        return self.refuse_wrong_key() or {"token": "made-up"}

    def show_account("""
    changes = (
        (PLUGIN, "def make_url(", f"{ask}def make_url("),
        (PLUGIN, CALL, f"    sign_in(config, transport)\n{CALL}"),
        (PLUGIN, LIVE_CALL, f"        sign_in(config, transport)\n{LIVE_CALL}"),
        (SANDBOX, account, account + token),
        (SANDBOX, "    def show_account(", give),
    )
    return _write(Names("signed-in-mail"), changes, into)


def write_reticent(into: Path) -> Path:
    """Write a connector whose optional hooks answer nothing, as where a plugin has them for another one of its own."""
    hooks = ("check_connection", "provision_templates", "get_usage")
    silent = "\n".join(f"\n@hookimpl\ndef {name}(config: Config) -> None:\n    pass\n" for name in hooks)
    change = (PLUGIN, "\n@hookimpl\ndef check_connection(", f"{silent}\n\ndef check_account(")
    return _write(Names("reticent-mail"), (change,), into)


def _write(names: Names, changes: tuple[tuple[str, str, str], ...], into: Path) -> Path:
    folder = write_distribution(names, into)
    group = f"faulty.{names.module}"
    line = f'    connector_id = "{names.id}"\n'
    for file, old, new in (*changes, (TESTS, line, f'{line}    entry_point_group = "{group}"\n')):
        path = folder / file.replace("PACKAGE", names.package).replace("MODULE", names.module)
        text = path.read_text("utf-8") if old else ""
        old_text = old.replace("AcmeMail", names.prefix)
        assert old_text in text, f"{names.id}: {file} no longer has {old_text!r}"
        path.write_text(text.replace(old_text, new), "utf-8")
    info = folder / f"{names.distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {names.distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{names.id} = {names.package}.plugin\n")
    return folder
