"""Faults in what a connector does with the provider's templates and with its count of messages."""

from fault import IN_ERROR, KEY, OWN_CLIENT, SANDBOX, Fault, fault
from stored_templates import STORE, STORED

PLAN = "test_a_plan_without_templates_tells_what_is_there"
REPEATABLE = "test_a_push_is_repeatable"
COUNTS = "test_the_usage_counts_the_messages_that_were_sent"
FAILS = "test_asking_a_provider_that_fails_is_an_error"
SHAPES = "test_what_was_asked_for_is_understood_in_any_shape_or_refused"

_BEFORE = "        before = read(config, entry, transport)\n"
_LOOP = '    for index, entry in enumerate(config["templates"]):\n        name ='
_READ_FAILED = "    if answer.status != SUCCESS or not texts or"
_COUNT_FAILED = "    if answer.status != SUCCESS or type(number)"
_COUNT_CALL = (
    '    answer = transport.request("GET", url, headers=make_headers(config))\n    body = answer.json()\n    number'
)
_OWN_COUNT = f"""{OWN_CLIENT}    from connector_core import Response
    raw = requests.get(url, headers=plain, timeout=60)
    plain.clear()
    answer = Response(raw.status_code, raw.headers, raw.content)
    body = answer.json()
    number"""


def in_store(name: str, check: str, says: str, old: str, new: str) -> Fault:
    return fault(name, check, says, *STORED, (STORE, old, new))


TEMPLATES = (
    in_store(
        "plan that lacks a template",
        PLAN,
        "The plan lacks a template that the config names: $.templates[0].templateName",
        _LOOP,
        _LOOP.replace('enumerate(config["templates"])', 'enumerate(config["templates"][1:], 1)'),
    ),
    in_store(
        "plan that doesn't say what is there",
        PLAN,
        "is there, and the plan lacks it",
        _BEFORE,
        "        before = templates and read(config, entry, transport) or None\n",
    ),
    in_store(
        "plan for another usage type",
        PLAN,
        "The template at $.templates[0].templateName isn't for ('Generic', None)",
        'usage_type=entry["usageType"],\n            locale',
        'usage_type="Generic",\n            locale',
    ),
    in_store(
        "plan whose paths lead nowhere",
        PLAN,
        "A change leads to no setting of the schema: $.templates[0].template",
        '            path=f"$.templates[{index}].templateName",',
        '            path=f"$.templates[{index}].template",',
    ),
    in_store(
        "plan that changes something already",
        "test_a_plan_changes_nothing",
        "A plan alone has changed what is there",
        "        change = TemplateChange(\n",
        "        write(config, name, before, after, transport)\n        change = TemplateChange(\n",
    ),
    in_store(
        "push not repeatable",
        REPEATABLE,
        "After a push the plan is to update $.templates[0].templateName",
        '"html": after.html,',
        '"html": after.html.lstrip("<"),',
    ),
    in_store(
        "push that doesn't update",
        REPEATABLE,
        "After a push the plan is to update $.templates[0].templateName",
        "    if after is None or (before",
        "    if before or after is None or (before",
    ),
    fault(
        "pushed template without the code",
        REPEATABLE,
        "A mail by the template that was pushed for SignIn lacks its code",
        *STORED,
        (SANDBOX, 'render_content(body["payload"], ', "render_content({}, "),
    ),
    in_store(
        "push that overwrites other templates",
        "test_a_push_leaves_other_templates_as_they_are",
        "A push has changed templates that the config lacks",
        "make_url(config, name), headers=make_headers(config), json=texts)\n",
        "make_url(config, name), headers=make_headers(config), json=texts)\n"
        '    other = make_url(config, name.removesuffix("-kit"))\n'
        '    transport.request("PUT", other, headers=make_headers(config), json=texts)\n',
    ),
    in_store(
        "refusal taken for a missing template",
        "test_a_plan_with_wrong_credentials_is_an_authorization_failure",
        "With a wrong $.apiKey the plan is to create $.templates[0]",
        "    if answer.status == NOT_FOUND:\n",
        "    if answer.status != SUCCESS:\n",
    ),
    in_store(
        "failure taken for a missing template",
        FAILS,
        "With a provider with HTTP 500 provision_templates says to create $.templates[0]",
        "    if answer.status == NOT_FOUND:\n",
        "    if answer.status in (NOT_FOUND, 500):\n",
    ),
    in_store(
        "shape of a template trusted",
        SHAPES,
        "provision_templates raised no SendError",
        _READ_FAILED,
        "    if answer.status == SUCCESS:\n        body['subject'].strip()\n" + _READ_FAILED,
    ),
    in_store(
        "secret in an error of templates",
        IN_ERROR,
        "A secret shows in an error of templates or usage",
        _READ_FAILED,
        "    if answer.status == 401:\n"
        "        import base64\n"
        "        from connector_core import AuthorizationFailed\n"
        f"        raise AuthorizationFailed(f'{{base64.b64encode({KEY}.encode())}} is wrong')\n{_READ_FAILED}",
    ),
)

USAGE = (
    in_store(
        "usage wrong", COUNTS, "After two sends the usage went from 0 to 0", "    return number\n", "    return 0\n"
    ),
    in_store(
        "usage that sends a message",
        COUNTS,
        "Asking for the usage sent a message",
        _COUNT_CALL,
        "    mail = {'from': 'a@example.com', 'to': 'a@example.com', 'subject': 'a', 'text': 'a'}\n"
        "    here = f\"{config['apiUrl']}/messages\"\n"
        '    transport.request("POST", here, headers=make_headers(config), json=mail)\n'
        + _COUNT_CALL.replace("    number", "    body['count'] = body['count'] // 2\n    number"),
    ),
    in_store(
        "usage of all times",
        "test_the_usage_counts_from_the_day_that_is_asked_for",
        "Since a day that hasn't come the usage is 1",
        "?since={since}",
        "?since=2000-01-01",
    ),
    in_store(
        "refusal taken for a usage of 0",
        "test_the_usage_with_wrong_credentials_is_an_authorization_failure",
        "With a wrong $.apiKey the usage is 0",
        _COUNT_FAILED,
        f"    if answer.status == 401:\n        return 0\n{_COUNT_FAILED}",
    ),
    in_store(
        "failure taken for a usage of 0",
        FAILS,
        "With a provider with HTTP 500 get_usage says 0",
        _COUNT_FAILED,
        f"    if answer.status == 500:\n        return 0\n{_COUNT_FAILED}",
    ),
    in_store(
        "usage that hangs",
        "test_asking_a_slow_provider_ends_within_the_time_limit",
        "get_usage still isn't done",
        _COUNT_CALL,
        _OWN_COUNT,
    ),
    in_store(
        "usage that follows a redirect",
        "test_asking_follows_no_redirect",
        "The redirect was followed",
        _COUNT_CALL,
        _OWN_COUNT,
    ),
    in_store(
        "shape of the usage trusted",
        SHAPES,
        "get_usage raised no SendError",
        _COUNT_FAILED,
        f"    if answer.status == SUCCESS:\n        body['count'] + 0\n{_COUNT_FAILED}",
    ),
    in_store(
        "negative usage",
        COUNTS,
        "get_usage raised no SendError",
        "    return number\n",
        "    return -number\n",
    ),
)

STORED_FAULTS = (*TEMPLATES, *USAGE)
