//! What ends logins.

use super::Script;

/// `KEYS logins`, `ARGV scopes, number known, moment, ms to keep it, revision that was seen, or *` → whether the
/// place is empty now, which it is not where another entry has come meanwhile, and its number.
pub(in crate::fleet) static REMOVE: Script = Script::new(removing!(
    "local s = ARGV[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local r = get(s .. 'v', s .. 'n', 'g', s .. 'm')
local there, n = r[1] or '', math.max(number(r[2], 0), number(r[3], 0))
if there == '' and r[4] == ARGV[3] then return {1, n} end
if ARGV[5] ~= '*' and there ~= ARGV[5] then return {0, n} end
n = math.min(math.max(n + 1, tonumber(ARGV[2]) + 1, now), 4503599627370496)
ask_for_rights(ARGV[4])
redis.call('HSET', KEYS[1], s .. 'v', '', s .. 'n', string.format('%.0f', n), s .. 'm', ARGV[3])
redis.call('HDEL', KEYS[1], s .. 'x', s .. 'r', s .. 'w', s .. 'p', s .. 't', s .. 'a')
if n ~= now then redis.call('HSET', KEYS[1], s .. 'a', string.format('%.0f', now)) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {1, n}"
));

/// `KEYS logins`, `ARGV scopes, revision, number, moment, ms to keep it, for how many ms it is removed, if that is known`
/// → whether the entry of that revision was removed. The place gets that number, unless it has a later one.
pub(in crate::fleet) static REMOVE_SEEN: Script = Script::new(removing!(
    "local s = ARGV[1]
local r = get(s .. 'v', s .. 'n', 'g')
if (r[1] or '') ~= ARGV[2] then return 0 end
local n = math.max(number(r[2], 0), number(r[3], 0), tonumber(ARGV[3]))
ask_for_rights(ARGV[5])
redis.call('HSET', KEYS[1], s .. 'v', '', s .. 'n', string.format('%.0f', n), s .. 'm', ARGV[4])
redis.call('HDEL', KEYS[1], s .. 'x', s .. 'r', s .. 'w', s .. 'p', s .. 't', s .. 'a')
if ARGV[6] ~= '' then
  local t = redis.call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  redis.call('HSET', KEYS[1], s .. 'a', string.format('%.0f', math.max(0, now - ARGV[6])))
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1"
));

/// `KEYS logins`, `ARGV scopes, revision it replaces, number of a removal, moment, ms to keep it, for how many ms it is
/// removed, if that is known` → whether it was put back.
///
/// It goes where an earlier entry stands only, and gets no later number: who knows what was saved
/// after it puts that back in turn.
pub(in crate::fleet) static PUT_BACK_REMOVAL: Script = Script::new(removing!(
    "local s = ARGV[1]
local r = get(s .. 'v', s .. 'n', 'g')
if (r[1] or '') ~= ARGV[2] then return 0 end
if math.max(number(r[2]), number(r[3])) >= tonumber(ARGV[3]) then return 0 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
ask_for_rights(ARGV[5])
redis.call('HSET', KEYS[1], s .. 'v', '', s .. 'n', ARGV[3], s .. 'm', ARGV[4], s .. 'p', string.format('%.0f', now))
redis.call('HDEL', KEYS[1], s .. 'x', s .. 'r', s .. 'w', s .. 't', s .. 'a')
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], s .. 'a', string.format('%.0f', math.max(0, now - ARGV[6]))) end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1"
));

/// `KEYS logins`, `ARGV ms to keep what is left, what marks this call, moment, what was seen, or *` → 0 where
/// another login has come meanwhile, else 1; how many logins of the user
/// were removed, and the number of the gravestone; of a call that is sent again, how many it removed
/// the first time. The last four calls are known by their marks: several may be under way for one user.
///
/// Of each login that was seen, scopes, revision and what marks its save, in one piece.
///
/// The gravestone is left also where nothing stands: the server may have forgotten what others know. Any field of a
/// login makes a place, also one that stands alone.
pub(in crate::fleet) static REMOVE_ALL: Script = Script::new(removing!(
    "local calls = length('gm') <= 256 and call('HGET', key, 'gm') or ''
local before = string.match(calls, ARGV[2] .. ':(%d+)')
if before then return {1, tonumber(before), number(get('g')[1])} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local n = math.max(now, number(get('g')[1], 0) + 1)
local places, removed = {}, 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local s = #field == 17 and string.match(field, '^(%x+)r$')
  local v, w = s and length(s .. 'v') or 0, s and length(s .. 'w') or 0
  -- What is none of the fleet's is removed whatever it is.
  if ARGV[4] ~= '*' and v > 0 and v <= 64 and w <= 64 then
    local r = get(s .. 'v', s .. 'w')
    local login = s .. r[1] .. (r[2] or '')
    local is_seen = not string.match(login, '^%x+$') or string.find(ARGV[4], login, 1, true)
    if not is_seen then return {0, 0, 0} end
  end
  s = s or #field == 17 and string.match(field, '^(%x+)[nvxwptma]$')
  if s and not places[s] then
    places[s] = true
    table.insert(places, s)
    n = math.max(n, number(get(s .. 'n')[1], 0) + 1)
  end
end
n = math.min(n, 4503599627370496)
local number = string.format('%.0f', n)
ask_for_rights(ARGV[1])
for _, s in ipairs(places) do
  redis.call('HSET', KEYS[1], s .. 'v', '', s .. 'n', number)
  removed = removed + redis.call('HDEL', KEYS[1], s .. 'r')
  redis.call('HDEL', KEYS[1], s .. 'x', s .. 'w', s .. 'p', s .. 't', s .. 'm', s .. 'a')
end
calls = string.match(ARGV[2] .. ':' .. removed .. ' ' .. calls, '^%S+ %S* ?%S* ?%S*')
redis.call('HSET', KEYS[1], 'g', number, 'gm', calls, 'gl', ARGV[3])
redis.call('HDEL', KEYS[1], 'gp', 'ga')
if n ~= now then redis.call('HSET', KEYS[1], 'ga', string.format('%.0f', now)) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {1, removed, n}"
));

/// `KEYS logins`, `ARGV number of a gravestone, moment, ms to keep it, for how many ms it is one, if that is known`, and of
/// each login that is known to stand there its `scopes, revision, what marks its save, 1 where it is earlier` → 0 where another login has come
/// meanwhile; else the gravestone and all that follows from it stand there now, and it is 2 where the
/// server had lost it, and 1 where it had not.
///
/// A login with that number or a later one stays, and so does one whose number, revision or mark was altered. Of the
/// others, those that are earlier end, and those that are not get the number of the gravestone.
pub(in crate::fleet) static PUT_BACK_GRAVESTONE: Script = Script::new(removing!(
    "local is_earlier, ended, kept, done = {}, {}, {}, 1
local g = number(get('g')[1])
for i = 5, #ARGV, 4 do is_earlier[ARGV[i] .. ' ' .. ARGV[i + 1] .. ' ' .. ARGV[i + 2]] = ARGV[i + 3] end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local s = #field == 17 and string.match(field, '^(%x+)r$')
  if s then
    local r = get(s .. 'v', s .. 'n', s .. 'w')
    local is_altered = not string.find(r[1] or '', '^%x+$') or #r[1] > 64 or #(r[3] or '') > 64
    if not is_altered and number(r[2], 9007199254740991) < tonumber(ARGV[1]) then
      local known = is_earlier[s .. ' ' .. r[1] .. ' ' .. (r[3] or '')]
      if not known then return 0 end
      table.insert(known == '1' and ended or kept, s)
    end
  end
end
ask_for_rights(ARGV[3])
for _, s in ipairs(ended) do
  redis.call('HSET', KEYS[1], s .. 'v', '', s .. 'n', ARGV[1])
  redis.call('HDEL', KEYS[1], s .. 'x', s .. 'r', s .. 'w', s .. 'p', s .. 't', s .. 'm', s .. 'a')
end
for _, s in ipairs(kept) do redis.call('HSET', KEYS[1], s .. 'n', ARGV[1]) end
if g < tonumber(ARGV[1]) then
  local t = redis.call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  redis.call('HSET', KEYS[1], 'g', ARGV[1], 'gl', ARGV[2], 'gp', string.format('%.0f', now))
  redis.call('HDEL', KEYS[1], 'ga')
  if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'ga', string.format('%.0f', math.max(0, now - ARGV[4]))) end
  done = 2
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return done"
));
