"""Faults in what a live check does and finds."""

from fault import (
    IN_LOG,
    KEY,
    LIVE_CALL,
    OWN_ACCOUNT,
    PLUGIN,
    PRINTED,
    SANDBOX,
    before_live_call,
    fault,
    instead_of_live_call,
)
from stored_templates import STORE, STORED

CLEAN = "test_a_live_check_finds_nothing_wrong_with_a_config_that_works"
WRONG_KEY = "test_a_live_check_tells_wrong_credentials"
ONE_ERROR = "test_a_live_check_of_a_provider_that_fails_is_one_error"
HALF_WAY = "test_a_live_check_of_a_provider_that_fails_half_way_keeps_what_it_found"
FOREIGN = "test_a_live_check_takes_nothing_else_for_the_provider"

_ACCEPTED = '    yield Finding("ok", "credentials_accepted", "$.apiKey", f"{PROVIDER} accepts the API key.")\n'
_REFUSED = "        yield explain_failure(error, PROVIDER, path)\n"
_READ = "        yield from read_account(answer)\n"
_IS_ACTIVE = '    is_active = body.get("active") if isinstance(body, dict) else None\n'
_LOG = "        import logging\n        logging.getLogger('acme').debug('asking with %s', {})\n"
_FINDING = "Finding('{}', '{}', '{}', 'The key was looked at.', '{}')"

FINDINGS = (
    fault(
        "nothing found",
        CLEAN,
        "The live check found nothing",
        (PLUGIN, _READ, "        yield from [one for one in read_account(answer) if one.level != 'ok']\n"),
    ),
    fault(
        "live check not clean on its own sandbox",
        CLEAN,
        "finds fault with a config that works: $.apiKey account_restricted",
        (SANDBOX, '{"active": True}', '{"active": False}'),
    ),
    fault(
        "live check that finds something else each time",
        CLEAN,
        "A second live check finds something else",
        (PLUGIN, "accepts the API key.", "accepts the API key {id(answer)} {__import__('time').time_ns()}."),
    ),
    fault(
        "finding without a fix",
        WRONG_KEY,
        "has no fix",
        (PLUGIN, _REFUSED, f"        yield {_FINDING.format('error', 'authorization_failed', '$.apiKey', '')}\n"),
    ),
    fault(
        "finding that is ok and has a fix",
        CLEAN,
        "has a fix, though nothing is wrong",
        (PLUGIN, _ACCEPTED, f"    yield {_FINDING.format('ok', 'credentials_accepted', '$.apiKey', 'Rest.')}\n"),
    ),
    fault(
        "finding that leads nowhere",
        CLEAN,
        "leads to no setting",
        (PLUGIN, _ACCEPTED, _ACCEPTED.replace("$.apiKey", "$.key")),
    ),
    fault(
        "finding whose code is no word",
        CLEAN,
        "has a code that is no word",
        (PLUGIN, _ACCEPTED, _ACCEPTED.replace("credentials_accepted", "credentials accepted")),
    ),
    fault(
        "finding of a level that doesn't exist",
        CLEAN,
        "The live check yielded something else than findings",
        (PLUGIN, _ACCEPTED, _ACCEPTED.replace('"ok"', '"info"')),
    ),
    fault(
        "secret in a finding",
        "test_no_finding_shows_a_secret",
        "A secret shows in a finding",
        (
            PLUGIN,
            _READ,
            f"{_READ}        yield Finding('ok', 'credentials_accepted', '$.apiKey', f'{{{KEY}}} works.')\n",
        ),
    ),
    fault(
        "secret in a log of a live check", IN_LOG, "A secret shows in a log record", before_live_call(_LOG.format(KEY))
    ),
    fault(
        "secret in a log of a live check's thread",
        IN_LOG,
        "A secret shows in a log record",
        before_live_call(
            "        import logging, threading\n"
            f"        log = threading.Thread(target=logging.getLogger('acme').info, args=({KEY},))\n"
            "        log.start()\n        log.join()\n"
        ),
    ),
    fault(
        "secret printed by a live check",
        PRINTED,
        "A secret shows in what was printed",
        before_live_call(f"        print({KEY})\n"),
    ),
)

ASKING = (
    fault(
        "live check that sends a message",
        "test_a_live_check_sends_nothing",
        "The live check sent a message",
        before_live_call(
            "        mail = {'from': config['fromEmail'], 'to': 'a@example.com', 'subject': 'Test', 'text': 'Test'}\n"
            '        transport.request("POST", make_url(config), headers=make_headers(config), json=mail)\n'
        ),
    ),
    fault(
        "wrong credentials not told",
        WRONG_KEY,
        "With a wrong $.apiKey the live check finds nothing wrong",
        (PLUGIN, _READ, f"        if answer.status == 401:\n            return\n{_READ}"),
    ),
    fault(
        "wrong credentials told twice",
        WRONG_KEY,
        "finds more than that",
        (PLUGIN, _REFUSED, f"{_REFUSED}        yield explain_failure(error, PROVIDER, '$.fromEmail')\n"),
    ),
    fault(
        "wrong credentials told as something else",
        WRONG_KEY,
        "A wrong $.apiKey is told as general",
        (PLUGIN, _REFUSED, "        yield explain_failure(SendError('Something is wrong.'), PROVIDER, path)\n"),
    ),
    fault(
        "wrong credentials told as a warning",
        WRONG_KEY,
        "is told as a warning",
        (
            PLUGIN,
            _REFUSED,
            f"        yield {_FINDING.format('warning', 'authorization_failed', '$.apiKey', 'Mend it.')}\n",
        ),
    ),
    fault(
        "wrong credentials told without a setting",
        WRONG_KEY,
        "without the path of the setting",
        (PLUGIN, '        path = "$.apiKey" if', '        path = "$" if'),
    ),
    fault(
        "missing template not told",
        "test_a_live_check_tells_a_template_that_is_not_there",
        "is not at the provider, and the live check finds nothing wrong",
        *STORED,
        (STORE, "        if read(config, entry, transport) is None:\n", "        if not read:\n"),
    ),
    fault(
        "missing template told of all",
        "test_a_live_check_tells_a_template_that_is_not_there",
        "is wrong, and it finds: $.templates[0].templateName",
        *STORED,
        (
            STORE,
            "        if read(config, entry, transport) is None:\n",
            "        if None in [read(config, one, transport) for one in config['templates']]:\n",
        ),
    ),
    fault(
        "live check that raises",
        WRONG_KEY,
        "The live check raised KeyError",
        (PLUGIN, _IS_ACTIVE, '    is_active = body["active"]\n'),
    ),
    fault(
        "live check that trusts a shape",
        "test_a_live_check_understands_answers_of_any_shape_or_says_so",
        "The live check raised KeyError",
        (PLUGIN, _IS_ACTIVE, '    is_active = body["active"] if answer.status == HTTPStatus.OK else None\n'),
    ),
    fault(
        "live check that yields no findings",
        CLEAN,
        "The live check yielded something else than findings",
        (PLUGIN, _READ, "        yield 'fine'\n"),
    ),
)

WIRE = (
    fault(
        "web page taken for the provider",
        FOREIGN,
        "The live check finds nothing wrong with a provider that answers a web page",
        (PLUGIN, _IS_ACTIVE, '    is_active = body.get("active") is not False if isinstance(body, dict) else True\n'),
    ),
    fault(
        "live check that follows a redirect",
        "test_a_live_check_follows_no_redirect",
        "The redirect was followed",
        instead_of_live_call(OWN_ACCOUNT),
    ),
    fault(
        "live check that hangs",
        "test_a_live_check_of_a_slow_provider_ends_within_the_time_limit",
        "The live check still isn't done",
        instead_of_live_call(OWN_ACCOUNT),
    ),
    fault(
        "provider that can't be reached not told",
        ONE_ERROR,
        "The live check finds nothing wrong with a provider that resets the connection",
        (PLUGIN, _REFUSED, "        return\n"),
    ),
    fault(
        "provider that fails told as a warning",
        ONE_ERROR,
        "The live check tells a provider with HTTP 500 as a warning",
        (
            PLUGIN,
            _READ,
            (
                "        if answer.status == 500:\n"
                "            yield Finding('warning', 'no_answer', '$.apiUrl', 'It may be down.', 'Wait.')\n"
                f"            return\n{_READ}"
            ),
        ),
    ),
    fault(
        "one error for each request",
        HALF_WAY,
        "finds more than one thing wrong with a provider that resets the connection from the second request on",
        (
            PLUGIN,
            _READ,
            (
                f"{_READ}        for path in ('$.fromEmail', '$.apiUrl'):\n            try:\n        "
                f"{LIVE_CALL}            except SendError as error:\n"
                "                yield explain_failure(error, PROVIDER, path)\n"
            ),
        ),
    ),
    fault(
        "what was found before the line broke lost",
        HALF_WAY,
        "what the first request told is lost",
        (PLUGIN, _READ, f"        found = list(read_account(answer))\n{LIVE_CALL}        yield from found\n"),
    ),
)

LIVE = (*FINDINGS, *ASKING, *WIRE)
