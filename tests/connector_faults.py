"""Faults in what a connector shows, sends and keeps; and all faults together."""

from config_faults import CONFIGS
from fault import (
    CALL,
    IN_ERROR,
    IN_LOG,
    KEY,
    METADATA,
    PLUGIN,
    PRINTED,
    SCHEMA,
    answer_with,
    before_call,
    fault,
    instead_of_call,
)
from live_faults import LIVE
from option_faults import OPTION_FAULTS
from provider_faults import ERRORS, WIRE
from stored_faults import STORED_FAULTS

SECRETS = (
    fault(
        "secret not marked writeOnly",
        "test_every_secret_is_marked",
        "isn't marked as one: $.apiKey",
        (SCHEMA, '"writeOnly": true,\n      "format": "password",', '"deprecated": false,'),
    ),
    fault(
        "secret in an exception",
        IN_ERROR,
        "A secret shows in an error",
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
    fault("secret in a local variable", IN_ERROR, "local variable of its traceback", before_call(f"    key = {KEY}\n")),
    fault(
        "secret in a repr",
        IN_ERROR,
        "A secret shows in an error",
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
        IN_LOG,
        "A secret shows in a log record",
        before_call(f"    import logging\n    logging.getLogger('acme').debug('sent with %s', {KEY})\n"),
    ),
    fault("secret printed", PRINTED, "A secret shows in what was printed", before_call(f"    print({KEY})\n")),
    fault(
        "secret in hexadecimal",
        IN_ERROR,
        "in hexadecimal",
        before_call(f"    key = {KEY}.encode().hex()\n"),
    ),
    fault(
        "code in a log",
        IN_LOG,
        "The code of a message shows in a log record",
        before_call("    import logging\n    logging.getLogger('acme').debug('sending %s', body)\n"),
    ),
    fault(
        "recipient in a log",
        IN_LOG,
        "The recipient of a message shows in a log record",
        before_call("    import logging\n    logging.getLogger('acme').info('to %s', message.to)\n"),
    ),
    fault(
        "code printed",
        PRINTED,
        "The code of a message shows in what was printed",
        before_call("    print(message.payload)\n"),
    ),
    fault(
        "code in an error",
        IN_ERROR,
        "The code of the message shows in an error",
        answer_with("    if answer.status >= 400:\n        raise SendError(f'Refused: {message.payload}')\n"),
    ),
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
    fault(
        "payload dropped but for the code",
        "test_the_payload_arrives_unchanged",
        "The variable link did not arrive",
        (PLUGIN, "        message.payload,\n", "        {'code': message.payload['code']},\n"),
    ),
    fault(
        "payload cut",
        "test_the_payload_arrives_unchanged",
        "The variable kit.long did not arrive",
        (PLUGIN, '"text": content.text,', '"text": content.text[:60] and " ".join(content.text.split()[:30]),'),
    ),
    fault(
        "accented letters dropped",
        "test_the_payload_arrives_unchanged",
        "The variable application.name did not arrive",
        (PLUGIN, '"text": content.text,', '"text": content.text.encode("ascii", "ignore").decode(),'),
    ),
    fault(
        "quotes not escaped in HTML",
        "test_values_are_escaped_in_html",
        "quotes too",
        (
            PLUGIN,
            'body["html"] = content.html',
            'body["html"] = content.html.replace("&quot;", \'"\').replace("&#x27;", "\'")',
        ),
    ),
    fault(
        "locale cut to its language",
        "test_the_locale_chooses_the_template",
        "another template was taken",
        (PLUGIN, 'message.payload.get("locale"))', '(message.payload.get("locale") or "")[:3])'),
    ),
    fault(
        "the same message id each time",
        "test_a_message_arrives",
        "Two messages have the same id",
        (PLUGIN, "SendResult(message_id=message_id,", 'SendResult(message_id="done",'),
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
    fault(
        "state shared by address",
        "test_two_configs_at_one_address_share_nothing",
        "went out with the first one's secret",
        (PLUGIN, "def make_url", "_MADE = {}\n\n\ndef make_url"),
        (PLUGIN, "    headers = make_headers(config)\n", "    headers = _MADE.setdefault(url, make_headers(config))\n"),
    ),
)

FAULTS = (*SECRETS, *CONTENT, *INJECTIONS, *ERRORS, *WIRE, *CONFIGS, *STATE, *LIVE, *STORED_FAULTS, *OPTION_FAULTS)
