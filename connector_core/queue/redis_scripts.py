"""The steps of a ledger in Redis, each of them one script, so that it happens as a whole or not at all.

Each script is given the keys of one message's record and of the sorted sets of the five states. The record is a hash;
its `turn` counts the tasks that were made for the message, so that a task that was delivered late or twice is known as
such, and `published` tells whether the broker has the task of that turn. The message that is sent is the record's: a
late task may be of an earlier message with the same key.
"""

from __future__ import annotations

_PRELUDE = """
local record, key, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
local places = {waiting = KEYS[2], sending = KEYS[3], sent = KEYS[4], dead = KEYS[5], unknown = KEYS[6]}
local function read(name) return redis.call('HGET', record, name) or '' end
local function number(name) return tonumber(read(name)) or 0 end
local function place(state, score, seconds)
    for _, set in pairs(places) do redis.call('ZREM', set, key) end
    redis.call('ZADD', places[state], score, key)
    redis.call('HSET', record, 'state', state, 'changed', ARGV[2])
    if seconds then
        redis.call('EXPIRE', record, seconds)
        redis.call('ZREMRANGEBYSCORE', places[state], '-inf', now - tonumber(seconds))
    else
        redis.call('PERSIST', record)
    end
end
local function fail(state, code, sentence, seconds)
    redis.call('HSET', record, 'due', '', 'code', code, 'sentence', sentence)
    place(state, ARGV[2], seconds)
end
local function expire(code, sentence, seconds)
    if read('code') ~= '' then code, sentence = read('code'), read('sentence') end
    fail('dead', code, sentence, seconds)
end
"""

REGISTER = (
    _PRELUDE
    + """
local state = read('state')
if state == '' or state == 'withdrawn' then
    redis.call('HSET', record, 'connector_type', ARGV[3], 'attempts', 0, 'since', ARGV[2], 'due', ARGV[2],
        'turn', number('turn'), 'published', 0, 'message', ARGV[4], 'maker', ARGV[5])
    place('waiting', ARGV[2])
    return {'new', read('turn'), ARGV[2]}
end
if state == 'waiting' and number('attempts') == 0 and number('published') == 0 then
    return {'unpublished', read('turn'), read('since')}
end
return {'known'}
"""
)
"""key, now, type, message, maker: take a message in; `unpublished` where somebody began that and made no task."""

NOTE_PUBLISHED = (
    _PRELUDE
    + """
if read('state') == 'waiting' and number('turn') == tonumber(ARGV[3]) then
    redis.call('HSET', record, 'published', 1)
end
local is_anew = read('state') == 'waiting' and number('attempts') == 0 and number('published') == 0
return (read('state') == 'withdrawn' or is_anew) and 0 or 1
"""
)
"""key, now, turn: the broker has the task of a turn; return whether the message stands.

It doesn't where it was withdrawn, nor where it was taken in anew since, and nobody has a task for that yet.
"""

WITHDRAW = (
    _PRELUDE
    + """
local turn = tonumber(ARGV[3])
if read('state') == 'waiting' and number('turn') == turn and number('published') == 0 and read('maker') == ARGV[4] then
    redis.call('DEL', record)
    redis.call('HSET', record, 'state', 'withdrawn', 'turn', turn + 1)
    redis.call('EXPIRE', record, ARGV[5])
    redis.call('ZREM', places.waiting, key)
    return 0
end
if read('state') == 'waiting' then return (number('published') == 1 or number('attempts') > 0) and 1 or 0 end
return (read('state') == '' or read('state') == 'withdrawn') and 0 or 1
"""
)
"""key, now, turn, maker, seconds to keep: undo what a maker registered and has no task for, as far as he knows.

Return whether the message is queued nevertheless: a worker had it, or the broker has a task of another maker.
The mark that stays has the next turn: where the broker did take the task, that is dropped, also once the key is
registered again.
"""

CLAIM = (
    _PRELUDE
    + """
local turn, owner, message, connector_type, since = tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local lease, max_age, keep = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]
local unknown_code, unknown_sentence, expired_code, expired_sentence = ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local state = read('state')
local function found(what, number)
    return {what, read('turn'), read('message'), read('connector_type'), read('since'), number}
end
if state == '' then
    redis.call('HSET', record, 'connector_type', connector_type, 'attempts', 0, 'since', since, 'turn', turn,
        'published', 1, 'message', message)
    fail('unknown', unknown_code, unknown_sentence, keep)
    return {'unknown'}
end
if state == 'sending' then
    if read('owner') == owner then return found('claimed', read('attempts')) end
    if number('due') > now then return {'dropped'} end
    fail('unknown', unknown_code, unknown_sentence, keep)
    return {'unknown'}
end
if state ~= 'waiting' then return {'dropped'} end
if number('turn') ~= turn then
    if number('turn') > turn and number('published') == 0 then
        return found('unpublished', read('due'))
    end
    return {'dropped'}
end
if now - number('since') > max_age then
    expire(expired_code, expired_sentence, keep)
    return {'dead'}
end
local lapse = string.format('%.6f', now + lease)
redis.call('HSET', record, 'owner', owner, 'attempts', number('attempts') + 1, 'due', lapse)
place('sending', lapse)
return found('claimed', read('attempts'))
"""
)
"""key, now, turn, owner, message, type, since, lease, longest age, keep, texts: give a message to an owner to send.

`claimed`, and `unpublished` where the task of a later turn was never made, come with what the record says and a number;
`dead` where it is too old; `unknown` where its owner never settled it, or where nothing is known of it; `dropped`
where there is nothing to do. A call that is repeated since its answer was lost is answered again.
"""

SETTLE = (
    _PRELUDE
    + """
local owner, state, due, seconds = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local code, sentence, message_id = ARGV[7], ARGV[8], ARGV[9]
local current = read('state')
if current == state and read('settled_by') == owner then return 1 end
if read('owner') ~= owner or (current ~= 'sending' and current ~= 'unknown') then return 0 end
redis.call('HSET', record, 'due', due, 'code', code, 'sentence', sentence, 'message_id', message_id,
    'owner', '', 'settled_by', owner)
if state == 'waiting' then
    redis.call('HSET', record, 'turn', number('turn') + 1, 'published', 0)
    place(state, due)
else
    if state == 'sent' then redis.call('HDEL', record, 'message') end
    place(state, ARGV[2], seconds)
end
return 1
"""
)
"""key, now, owner, state, due, seconds to keep, code, sentence, message id: note what became of a claimed message."""

LAPSE = (
    _PRELUDE
    + """
local max_age, keep = tonumber(ARGV[3]), ARGV[4]
local state = read('state')
if state == '' then
    for _, set in pairs(places) do redis.call('ZREM', set, key) end
elseif state == 'sending' and number('due') <= now then
    fail('unknown', ARGV[5], ARGV[6], keep)
elseif state == 'waiting' and now - number('since') > max_age + tonumber(ARGV[9]) then
    expire(ARGV[7], ARGV[8], keep)
end
"""
)
"""key, now, longest age, keep, texts, grace: tell what nobody settled, or what no task is left for."""

REQUEUE = (
    _PRELUDE
    + """
local state = read('state')
local is_stuck = state == 'waiting' and number('turn') > 0 and number('published') == 0
if state ~= 'dead' and state ~= 'unknown' and not is_stuck then return {'refused'} end
redis.call('HSET', record, 'attempts', 0, 'since', ARGV[2], 'due', ARGV[2], 'turn', number('turn') + 1,
    'published', 0, 'owner', '', 'settled_by', '', 'code', '', 'sentence', '')
place('waiting', ARGV[2])
return {'requeued', read('turn'), read('message'), read('connector_type')}
"""
)
"""key, now: make a dead or unknown message wait again; also one that waits for a task that was never made."""

RESCUE = (
    _PRELUDE
    + """
local overdue, max_age = tonumber(ARGV[3]), tonumber(ARGV[4])
local since = redis.call('ZSCORE', places.waiting, key)
if read('state') ~= 'waiting' or now - tonumber(since) < overdue or now - number('since') > max_age then return {} end
redis.call('ZADD', places.waiting, ARGV[2], key)
return {read('turn'), read('message'), read('connector_type'), read('since'), since}
"""
)
"""key, now, overdue, longest age: tell the task of a message that should have been sent long ago, once in that time.

The last of what is told is since when it should have been sent.
"""

PUT_BACK = (
    _PRELUDE
    + """
if read('state') == 'waiting' and tonumber(redis.call('ZSCORE', places.waiting, key)) == now then
    redis.call('ZADD', places.waiting, ARGV[3], key)
end
"""
)
"""key, when it was rescued, since when it should have been sent: have a message rescued again the next time."""

DISCARD = (
    _PRELUDE
    + """
local state = read('state')
if state ~= 'dead' and state ~= 'unknown' then return 0 end
redis.call('DEL', record)
redis.call('ZREM', places[state], key)
return 1
"""
)
"""key, now: forget a dead or unknown message."""
