"""Faults in how a connector deals with its provider's answers and with the wire."""

from fault import CALL, OWN_CLIENT, PLUGIN, WRONG_KEY, answer_with, fault, instead_of_call

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
    fault(
        "recipients of a refusal lost",
        "test_each_documented_refusal_is_its_error",
        "lacks the recipients",
        (PLUGIN, "kind=kind, recipients=recipients)", "kind=kind)"),
    ),
    fault(
        "status not looked at",
        "test_the_status_decides_what_a_success_is",
        "returned as a success",
        (PLUGIN, "if answer.status != SUCCESS:", 'if answer.status != SUCCESS and not read_text(answer, "id"):'),
    ),
    fault(
        "shape of a refusal trusted",
        "test_answers_of_any_shape_are_understood_or_refused",
        "The connector raised AttributeError",
        (
            PLUGIN,
            '    code = read_text(answer, "code")\n',
            '    code = (answer.json() or {}).get("code", "").strip()\n',
        ),
    ),
    fault(
        "shape of a success trusted",
        "test_answers_of_any_shape_are_understood_or_refused",
        "The connector raised AttributeError",
        (
            PLUGIN,
            '    message_id = read_text(answer, "id")\n',
            '    message_id = (answer.json() or {}).get("id", "").strip()\n',
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
        "test_a_slow_answer_ends_within_the_time_limit",
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
    fault(
        "dripping answer waited for",
        "test_a_slow_answer_ends_within_the_time_limit",
        "still isn't done",
        instead_of_call(
            "    from connector_core import Limits\n"
            "    patient = Limits(read=0.4, total=600)\n"
            '    answer = transport.request("POST", url, headers=headers, json=body, limits=patient)\n'
        ),
    ),
)
