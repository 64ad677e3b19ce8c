"""Faulty connectors: what `connectors new` writes, each with one thing wrong, and the check that must find it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from connector_core.scaffold import Names, write_distribution

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN, SCHEMA, GUIDE, METADATA, TESTS = (
    "PACKAGE/plugin.py",
    "PACKAGE/config.schema.json",
    "README.md",
    "PACKAGE/connector.json",
    "tests/test_MODULE_conformance.py",
)
CALL = '    answer = transport.request("POST", url, headers=headers, json=body)\n'
KEY = 'config["apiKey"].reveal()'
OWN_CLIENT = """    import requests
    from connector_core import ProviderUnavailable
    plain = {"Authorization": f"Bearer {config['apiKey'].reveal()}"}
"""
FAILED = "    if answer.status != SUCCESS:\n        raise read_refusal(answer, message)\n"


FOUND = pytest.StashKey[list[tuple[str, str]]]()
"""The faults that were found, each with the check that found it, for the end of the test run."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a connector.

    Args:
        name: the fault, in a few words.
        check: the name of the kit's test that must find it.
        says: a part of what the test must say.
        changes: what is replaced, as (file, old text, new text).

    """

    name: str
    check: str
    says: str
    changes: tuple[tuple[str, str, str], ...]

    @property
    def id(self) -> str:
        """Return the id of the connector that has this fault."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:50].strip("-")


def fault(name: str, check: str, says: str, *changes: tuple[str, str, str]) -> Fault:
    return Fault(name, check, says, changes)


def before_call(code: str) -> tuple[str, str, str]:
    return PLUGIN, CALL, code + CALL


def instead_of_call(code: str) -> tuple[str, str, str]:
    return PLUGIN, CALL, code


def answer_with(code: str) -> tuple[str, str, str]:
    return PLUGIN, FAILED, code + FAILED


WRONG_KEY = "test_wrong_credentials_are_an_authorization_failure"

SECRETS = (
    fault(
        "secret not marked writeOnly",
        "test_every_secret_is_marked",
        "isn't marked as one: $.apiKey",
        (SCHEMA, '"writeOnly": true,\n      "format": "password",', '"deprecated": false,'),
    ),
    fault(
        "secret in an exception",
        WRONG_KEY,
        "A secret shows in the error",
        answer_with(
            "    import base64\n"
            "    if answer.status == 401:\n"
            "        key = message.payload['key']\n"
            "        raise AuthorizationFailed(f'{base64.b64encode(key.encode())!r} is wrong')\n"
        ),
        (
            PLUGIN,
            "    return read_answer(answer, message)",
            f"    message.payload = {{'key': {KEY}}}\n    return read_answer(answer, message)",
        ),
    ),
    fault(
        "secret in a local variable", WRONG_KEY, "local variable of its traceback", before_call(f"    key = {KEY}\n")
    ),
    fault(
        "secret in a repr",
        WRONG_KEY,
        "A secret shows in the error",
        before_call("    credentials = config.keep(Credentials)\n"),
        (
            PLUGIN,
            "def make_url",
            (
                "class Credentials:\n"
                f"    def __init__(self, config):\n        self.key = {KEY}\n"
                "    def __repr__(self):\n        return f'Credentials({self.key})'\n\n\ndef make_url"
            ),
        ),
    ),
    fault(
        "secret in a log",
        "test_a_message_arrives",
        "A secret shows in a log record",
        before_call(f"    import logging\n    logging.getLogger('acme').debug('sent with %s', {KEY})\n"),
    ),
    fault("secret printed", "test_a_message_arrives", "A secret was printed", before_call(f"    print({KEY})\n")),
)

CONTENT = (
    fault(
        "payload dropped",
        "test_the_payload_arrives_unchanged",
        "The variable code did not arrive",
        (PLUGIN, "        message.payload,\n", "        {},\n"),
    ),
    fault(
        "payload changed",
        "test_the_payload_arrives_unchanged",
        "The variable code did not arrive",
        (
            PLUGIN,
            "        message.payload,\n",
            "        {name: str(value)[::-1] for name, value in message.payload.items()},\n",
        ),
    ),
    fault(
        "wrong template picked",
        "test_each_usage_type_has_its_own_template",
        "another template was taken",
        (PLUGIN, "templates.find(message.type, ", 'templates.find("Generic", '),
    ),
    fault(
        "no Generic fallback",
        "test_an_unknown_usage_type_gets_the_generic_template",
        "should have been sent",
        (
            PLUGIN,
            "    entry = templates.find",
            (
                "    if message.type not in [entry['usageType'] for entry in config['templates']]:\n"
                "        raise SendError('There is no template for this.')\n"
                "    entry = templates.find"
            ),
        ),
    ),
    fault(
        "locale ignored",
        "test_the_locale_chooses_the_template",
        "another template was taken",
        (PLUGIN, ', message.payload.get("locale"))', ")"),
    ),
    fault(
        "values not escaped in HTML",
        "test_values_are_escaped_in_html",
        "escape it",
        (
            PLUGIN,
            'body["html"] = content.html',
            'body["html"] = content.html.replace("&lt;", "<").replace("&gt;", ">")',
        ),
    ),
    fault(
        "no message id",
        "test_a_message_arrives",
        "no message id",
        (PLUGIN, "SendResult(message_id=message_id,", 'SendResult(message_id="",'),
    ),
)

INJECTIONS = (
    fault(
        "injection through the recipient",
        "test_a_recipient_injects_nothing",
        "The recipient became",
        (PLUGIN, "ascii_address(message.to)", "__import__('urllib.parse').parse.unquote(message.to)"),
    ),
    fault(
        "recipients not checked",
        "test_what_is_no_single_address_is_refused",
        "accepted",
        (METADATA, '"type": "Email"', '"type": "Sms"'),
    ),
    fault(
        "injection through the sender's name",
        "test_a_setting_injects_nothing",
        "brings line breaks",
        (SCHEMA, '"$ref": "urn:connector-core:email#/$defs/mailbox",', '"type": "string",\n      "minLength": 1,'),
        (PLUGIN, 'str(Mailbox.parse(config["fromEmail"]))', 'config["fromEmail"]'),
    ),
    fault(
        "injection through the payload",
        "test_a_payload_injects_nothing",
        "The subject has a line break",
        (PLUGIN, '"subject": content.subject', '"subject": f"{message.payload[\'code\']} is your code"'),
    ),
)

ERRORS = (
    fault(
        "refusal returned as success",
        WRONG_KEY,
        "a refusal is returned as a success",
        answer_with("    if 400 <= answer.status < 500:\n        return SendResult(message_id='none')\n"),
    ),
    fault(
        "wrong outcome of a failed send",
        "test_a_failure_of_the_provider_leaves_the_outcome_unknown",
        "as if the message surely were not sent",
        answer_with("    if answer.status >= 500:\n        raise SendError('The provider failed.')\n"),
    ),
    fault(
        "exception of its own",
        WRONG_KEY,
        "The connector raised ValueError",
        answer_with("    if answer.status == 401:\n        raise ValueError('unauthorized')\n"),
    ),
    fault(
        "provider's code lost",
        "test_each_documented_refusal_is_its_error",
        "the provider's code is None",
        (PLUGIN, "said=said, code=code, kind=kind", "said=said, kind=kind"),
    ),
    fault(
        "provider's sentence lost",
        "test_each_documented_refusal_is_its_error",
        "the provider's sentence is lost",
        (PLUGIN, "said=said, code=code, kind=kind", "code=code, kind=kind"),
    ),
    fault(
        "wrong class of error",
        "test_each_documented_refusal_is_its_error",
        "gives AuthorizationFailed",
        (PLUGIN, '    "sender_not_confirmed": SenderRejected,\n', ""),
    ),
    fault(
        "undocumented refusal misread",
        "test_a_refusal_that_nobody_documents_is_an_error",
        "returned as a success",
        answer_with("    if answer.status == 413:\n        return SendResult(message_id='none')\n"),
    ),
    fault(
        "Retry-After of 429 lost",
        "test_too_many_requests_are_told",
        "The provider asked to wait 7 s",
        (
            PLUGIN,
            "    return make_refusal(answer, PROVIDER, said",
            "    answer = Response(answer.status, {}, answer.body)\n    return make_refusal(answer, PROVIDER, said",
        ),
    ),
    fault(
        "unavailability called unknown",
        "test_unavailability_is_surely_not_sent",
        "HTTP 503 gives",
        answer_with(
            "    if answer.status == 503:\n        raise SendError('The provider failed.', outcome='unknown')\n"
        ),
    ),
)

WIRE = (
    fault(
        "retry after an unknown outcome",
        "test_a_line_that_breaks_after_the_request_leaves_the_outcome_unknown",
        "the request went out 2 times",
        instead_of_call(
            "    from connector_core import DeliveryUnknown\n"
            f"    try:\n    {CALL}    except DeliveryUnknown:\n    {CALL}"
        ),
    ),
    fault(
        "broken line called not sent",
        "test_a_line_that_breaks_after_the_request_leaves_the_outcome_unknown",
        "as if the message surely were not sent",
        instead_of_call(
            "    from connector_core import DeliveryUnknown, ProviderUnavailable\n"
            f"    try:\n    {CALL}    except DeliveryUnknown:\n"
            "        raise ProviderUnavailable('The provider could not be reached.') from None\n"
        ),
    ),
    fault(
        "refused connection called unknown",
        "test_a_refused_connection_is_surely_not_sent",
        "ProviderUnavailable",
        instead_of_call(
            "    from connector_core import DeliveryUnknown, ProviderUnavailable\n"
            f"    try:\n    {CALL}    except ProviderUnavailable:\n"
            "        raise DeliveryUnknown('Something broke.') from None\n"
        ),
    ),
    fault(
        "reset connection misread",
        "test_a_reset_before_the_request_is_an_error",
        "returned as a success",
        instead_of_call(f"    try:\n    {CALL}    except SendError:\n        return SendResult(message_id='none')\n"),
    ),
    fault(
        "time limit ignored",
        "test_silence_ends_within_the_time_limit",
        "still isn't done",
        instead_of_call(
            f"{OWN_CLIENT}    try:\n"
            "        raw = requests.post(url, headers=plain, json=body, timeout=60)\n"
            "    except requests.RequestException:\n"
            "        raise ProviderUnavailable('The provider could not be reached.') from None\n"
            "    answer = Response(raw.status_code, raw.headers, raw.content)\n"
        ),
    ),
    fault(
        "redirect followed with the token",
        "test_a_redirect_is_not_followed",
        "The redirect was followed",
        instead_of_call(
            f"{OWN_CLIENT}    raw = requests.post(url, headers=plain, json=body, timeout=5)\n    plain.clear()\n"
            "    answer = Response(raw.status_code, raw.headers, raw.content)\n"
        ),
    ),
    fault(
        "refused request not sent again",
        "test_a_message_that_was_not_taken_is_sent_again_once",
        "was not sent again",
        instead_of_call(
            f"{OWN_CLIENT}    raw = requests.post(url, headers=plain, json=body, timeout=5)\n    plain.clear()\n"
            "    answer = Response(raw.status_code, raw.headers, raw.content)\n"
        ),
    ),
    fault(
        "response trusted without check",
        "test_a_success_that_cant_be_understood_leaves_the_outcome_unknown",
        "returned as a success",
        (PLUGIN, '    message_id = read_text(answer, "id")\n', '    message_id = read_text(answer, "id") or "none"\n'),
    ),
    fault(
        "answer too large taken whole",
        "test_a_success_that_cant_be_understood_leaves_the_outcome_unknown",
        "returned as a success",
        instead_of_call(
            f"{OWN_CLIENT}    raw = requests.post(url, headers=plain, json=body, timeout=5, allow_redirects=False)\n"
            '    answer = Response(raw.status_code, raw.headers, raw.content.strip() or b\'{"id": "none"}\')\n'
        ),
    ),
    fault(
        "content type decides",
        "test_a_wrong_content_type_never_says_not_sent",
        "unknown",
        answer_with(
            "    if 'json' not in answer.headers.get('content-type', ''):\n        raise SendError('No JSON.')\n"
        ),
    ),
)

CONFIGS = (
    fault(
        "empty text accepted",
        "test_an_empty_text_is_an_issue",
        "accepted though something is wrong at $.apiKey",
        (SCHEMA, '      "minLength": 1,\n      "maxLength": 200,', '      "maxLength": 200,'),
    ),
    fault(
        "unknown setting accepted",
        "test_an_unknown_setting_is_an_issue",
        "accepted though something is wrong at $.templates[0]",
        (SCHEMA, '        "additionalProperties": false,\n        "if"', '        "if"'),
    ),
    fault(
        "missing setting accepted",
        "test_a_missing_setting_is_an_issue_or_not_needed",
        "KeyError",
        (SCHEMA, '"required": ["apiKey", "fromEmail"', '"required": ["fromEmail"'),
    ),
    fault(
        "wrong type accepted",
        "test_a_value_of_the_wrong_type_is_an_issue",
        "accepted though something is wrong at $.apiKey",
        (SCHEMA, '      "type": "string",\n      "minLength": 1,\n      "maxLength": 200,', '      "minLength": 1,'),
    ),
    fault(
        "missing usage type accepted",
        "test_a_missing_usage_type_is_an_issue",
        "accepted though something is wrong at $.templates",
        (SCHEMA, '"$ref": "urn:connector-core:email#/$defs/templates",', '"type": "array",'),
    ),
    fault(
        "repeated template accepted",
        "test_a_repeated_template_is_an_issue",
        "accepted though something is wrong at $.templates",
        (PLUGIN, "return find_repeated_templates(config)", "return []"),
    ),
    fault(
        "form item without label",
        "test_every_form_item_has_a_label",
        "Without a title: $.apiKey",
        (SCHEMA, '      "title": "API key",\n', ""),
    ),
    fault(
        "missing language",
        "test_every_language_has_a_guide_and_a_description",
        "The guide is missing in: fr",
        (METADATA, ', "fr": "README.fr.md"', ""),
    ),
    fault(
        "example in the guide that is no JSON",
        "test_every_example_in_the_guide_is_valid",
        "is no JSON",
        (GUIDE, '-api-key" } }\n', '-api-key" }, }\n'),
    ),
    fault(
        "example in the guide that is not valid",
        "test_every_example_in_the_guide_is_valid",
        "has an issue: $.token",
        (GUIDE, '{ "apiKey": { "$file"', '{ "token": { "$file"'),
    ),
    fault(
        "guide and schema out of step",
        "test_the_settings_in_the_guide_are_those_of_the_schema",
        "lacks settings in its table: apiUrl",
        (GUIDE, "| `apiUrl` |", "| `apiAddress` |"),
    ),
    fault(
        "guides with different code",
        "test_all_languages_of_the_guide_show_the_same_code",
        "Other code than in the first language: fr",
        (GUIDE, "--template > config.json", "--template > settings.json"),
    ),
)

STATE = (
    fault(
        "state shared between two configs",
        "test_two_configs_share_nothing",
        "is something shared",
        (PLUGIN, "def make_url", "_MADE = {}\n\n\ndef make_url"),
        (
            PLUGIN,
            "    headers = make_headers(config)\n",
            "    headers = _MADE.setdefault('headers', make_headers(config))\n",
        ),
    ),
    fault(
        "not safe in threads",
        "test_many_threads_send_each_message_once",
        "arrived twice",
        (PLUGIN, "def make_url", "_BODY = {}\n\n\ndef make_url"),
        instead_of_call(f"    import time\n    _BODY.update(body)\n    time.sleep(0.002)\n    body = _BODY\n{CALL}"),
    ),
    fault(
        "closed for good",
        "test_a_closed_connector_sends_again",
        "closed",
        (
            PLUGIN,
            "def make_url",
            (
                "class Line:\n    closed = False\n\n    def __init__(self, config):\n        pass\n\n"
                "    def close(self):\n        type(self).closed = True\n\n\ndef make_url"
            ),
        ),
        before_call("    if config.keep(Line).closed:\n        raise SendError('The line is closed.')\n"),
    ),
    fault(
        "import slower than the budget",
        "test_importing_it_is_cheap",
        "times as long as requests",
        (PLUGIN, "from typing import", "import requests\nfrom typing import"),
    ),
    fault(
        "keyword-only hook",
        "test_it_loads",
        "by keyword only",
        (PLUGIN, "def send_message(config: Config", "def send_message(*, config: Config"),
    ),
    fault(
        "misspelled hook",
        "test_it_loads",
        "did you mean send_message",
        (PLUGIN, "def send_message(", "def send_mesage("),
    ),
    fault(
        "no sandbox",
        "test_it_ships_a_sandbox",
        "ships no sandbox",
        (PLUGIN, "    return AcmeMailSandbox(config, port=port)", "    return None"),
    ),
)

FAULTS = (*SECRETS, *CONTENT, *INJECTIONS, *ERRORS, *WIRE, *CONFIGS, *STATE)


def write_faulty(one: Fault, into: Path) -> Path:
    """Write a connector that has a fault; return its folder, whose tests discover it and no other."""
    return _write(Names(one.id), one.changes, into)


def write_healthy(into: Path) -> Path:
    """Write a connector without a fault."""
    return _write(Names("healthy-mail"), (), into)


def _write(names: Names, changes: tuple[tuple[str, str, str], ...], into: Path) -> Path:
    folder = write_distribution(names, into)
    group = f"faulty.{names.module}"
    line = f'    connector_id = "{names.id}"\n'
    for file, old, new in (*changes, (TESTS, line, f'{line}    entry_point_group = "{group}"\n')):
        path = folder / file.replace("PACKAGE", names.package).replace("MODULE", names.module)
        text = path.read_text("utf-8")
        old_text = old.replace("AcmeMail", names.prefix)
        assert old_text in text, f"{names.id}: {file} no longer has {old_text!r}"
        path.write_text(text.replace(old_text, new), "utf-8")
    info = folder / f"{names.distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {names.distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{names.id} = {names.package}.plugin\n")
    return folder
