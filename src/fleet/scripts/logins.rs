//! What saves, finds and puts back logins.

use super::Script;

/// `KEYS logins`, `ARGV scopes` → revision, number, what is left of the access token in ms, record,
/// for how many ms it stands there since it was put back, or -1, the moment of a removal, the
/// server's time in ms, and for how many ms something is removed, or -1 where nobody knows, or nothing is.
///
/// What is left of more than [`LONGEST_LIFE`](super::LONGEST_LIFE) counts as nothing: a clock was set, or it was altered.
///
/// A place that was emptied keeps its number, with an empty revision, and has no record: one without a revision was
/// altered. Of a record that is longer than [`LONGEST_RECORD`](super::LONGEST_RECORD) one letter is returned, which is no record.
pub(in crate::fleet) static LOAD: Script = Script::new(reading!(
    "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local s = ARGV[1]
local r = get(s .. 'v', s .. 'n', s .. 'x', 'g', s .. 'p')
local left, n, g = number(r[3]) - now, number(r[2]), number(r[4])
if left < 0 or left > 31622400000 then left = 0 end
local revision, p, moment, a = short(r[1]), r[5], nil, nil
if revision == '' then
  r = g >= n and get('gp', 'gl', 'ga') or get(s .. 'p', s .. 'm', s .. 'a')
  p, moment, a = r[1], r[2], r[3]
end
local removed = revision == '' and (a and number(a, 0) or not p and math.max(n, g)) or 0
removed = removed > 0 and removed <= now and now - removed or -1
local back = p and math.max(0, now - number(p)) or -1
local record = length(s .. 'r') > 65536 and 'X' or call('HGET', key, s .. 'r') or ''
if revision == '' and record ~= '' then altered() end
return {revision, math.max(n, g), left, record, back, revision == '' and short(moment) or '', now, removed}"
));

/// `KEYS logins, and the note of unsealed logins where one is saved`,
/// `ARGV scopes, revision it replaces, its own, what marks this call, number known, step, ms left, record, ms to keep it,
/// for how many ms the login was in no store, 1 for a log-out` → what became of it, and the number of what stands there. The
/// steps are 2 for another login, 1 to count up, 0 to put back, 3 for what stood at another place until now, and 4 for
/// what was put back there before that.
///
/// | returned | what became of it |
/// |---|---|
/// | 0 | something else stands there than what it was to replace, or another login is to stand where something was removed since: it comes late |
/// | 1 | it stands there |
/// | 2 | the login was removed after it was made, and before it could be saved: nothing stands there |
/// | 3 | it stands there, and is a log-out |
///
/// A removal that was put back has not got its number by this server's clock, and says when it was made, if anybody
/// knows. A full server takes what comes after a removal in the same script, and so a log-out, which says nothing of its
/// room. A right that is missing is found before anything is written by which the login is found, and what a mark marks.
///
/// What is put back, or comes from another place, has its own number, and goes where an earlier one
/// stands only. Of what came from another place after it was put back nobody waits for others (`p` is 0).
pub(in crate::fleet) static SAVE: Script = Script::new(reading!(
    "local s = ARGV[1]
local r = get(s .. 'v', s .. 'n', s .. 'w', 'g')
local own, g = number(r[2]), number(r[4])
local there, n = short(r[1]), math.max(own, g)
if there == '' and length(s .. 'r') > 0 then altered() end
if there == ARGV[3] and r[3] == ARGV[4] then return {1, n} end
if there ~= ARGV[2] then return {0, n} end
if ARGV[6] == '2' and there == '' and n > tonumber(ARGV[5]) then return {0, n} end
local is_known = ARGV[6] == '0' or ARGV[6] == '3' or ARGV[6] == '4'
if is_known and n >= tonumber(ARGV[5]) then return {0, n} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local removed = 0
if there == '' then
  local of_removal = g >= own and get('gp', 'ga') or get(s .. 'p', s .. 'a')
  removed = of_removal[2] and number(of_removal[2], 0) or not of_removal[1] and n or 0
end
if ARGV[6] == '2' and removed <= now and removed > now - ARGV[10] then return {2, n} end
n = math.max(n, tonumber(ARGV[5]))
if there ~= ARGV[3] and not is_known then n = math.min(n + 1, 4503599627370496) end
if ARGV[6] == '2' then n = math.max(n, now - ARGV[10]) end
local x = string.format('%.0f', now + ARGV[7])
local number = string.format('%.0f', n)
if ARGV[11] == '1' then redis.call('HDEL', KEYS[1], '-') end
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[9]) end
redis.call('HSET', KEYS[1], s .. 'w', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[9])
redis.call('HDEL', KEYS[1], s .. 't', s .. 'm', s .. 'a')
redis.call('HSET', KEYS[1], s .. 'v', ARGV[3], s .. 'n', number, s .. 'x', x, s .. 'r', ARGV[8])
if ARGV[6] == '0' or ARGV[6] == '4' then
  redis.call('HSET', KEYS[1], s .. 'p', ARGV[6] == '0' and string.format('%.0f', now) or '0')
elseif ARGV[6] ~= '1' then redis.call('HDEL', KEYS[1], s .. 'p') end
return {ARGV[11] == '1' and 3 or 1, n}"
));

/// `KEYS logins`, `ARGV scopes, revision, what marks its save, record` → whether the record of that save
/// was replaced. The mark that a login has ended keeps its revision.
pub(in crate::fleet) static RESEAL: Script = Script::new(reading!(
    "local r = get(ARGV[1] .. 'v', ARGV[1] .. 'w')
if r[1] ~= ARGV[2] or (r[2] or '') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1] .. 'r', ARGV[4])
return 1"
));

/// `KEYS logins`, `ARGV scopes, revision, number` → whether that revision stands there, with that
/// number or a later one. A removal leaves when it was made at the place, and one of the whole user its moment.
pub(in crate::fleet) static RAISE: Script = Script::new(reading!(
    "local s = ARGV[1]
local r = get(s .. 'v', s .. 'n', 'g', 'gl', s .. 'p', s .. 'a', 'gp', 'ga')
if (r[1] or '') ~= ARGV[2] then return 0 end
local n, g = number(r[2]), number(r[3])
if n >= tonumber(ARGV[3]) then return 1 end
local p, a = r[5], r[6]
if ARGV[2] == '' and g >= n then
  p, a = r[7], r[8]
  redis.call('HSET', KEYS[1], s .. 'v', '', s .. 'm', short(r[4]))
  if p then redis.call('HSET', KEYS[1], s .. 'p', p) end
end
if ARGV[2] == '' and (a or not p) then
  redis.call('HSET', KEYS[1], s .. 'a', a or string.format('%.0f', math.max(n, g)))
end
redis.call('HSET', KEYS[1], s .. 'n', ARGV[3])
return 1"
));

/// `KEYS logins`, `ARGV scopes, ms` → nothing. What was put back at a time that is still to come, as the clock was set
/// back since, was so as many ms ago: who says so has waited for as long.
pub(in crate::fleet) static SETTLE: Script = Script::new(reading!(
    "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local p, since = get(ARGV[1] .. 'p', 'gp'), string.format('%.0f', now - ARGV[2])
local of_login, of_user = number(p[1]) > now, number(p[2]) > now
if of_login or of_user then redis.pcall('HDEL', KEYS[1], '-') end
if of_login then redis.call('HSET', KEYS[1], ARGV[1] .. 'p', since) end
if of_user then redis.call('HSET', KEYS[1], 'gp', since) end
return 1"
));

/// `KEYS logins`, `ARGV scopes, revision` → for how many ms that revision has been taken over to another
/// place, or -1 where it is now, or where it stands there no more.
pub(in crate::fleet) static TAKE_OVER: Script = Script::new(reading!(
    "local s = ARGV[1]
local r = get(s .. 'v', s .. 't')
if r[1] ~= ARGV[2] then return -1 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if r[2] then return math.max(0, now - number(r[2])) end
redis.call('HSET', KEYS[1], s .. 't', string.format('%.0f', now))
return -1"
));

/// `KEYS logins`, `ARGV scopes, revision, what marks its save` → whether that stood there, and is gone with
/// its number, as if nothing had ever stood there.
pub(in crate::fleet) static FORGET: Script = Script::new(reading!(
    "local s = ARGV[1]
local r = get(s .. 'v', s .. 'w')
if r[1] ~= ARGV[2] or (r[2] or '') ~= ARGV[3] then return 0 end
redis.call('HDEL', KEYS[1], s .. 'v', s .. 'n', s .. 'w', s .. 'x', s .. 'r', s .. 'p', s .. 't', s .. 'm', s .. 'a')
return 1"
));

/// `KEYS logins` → of each place that is not empty, one after the other: scopes, revision, what marks its
/// save, whether it was put back, and record.
///
/// Of a record that is too long one letter is returned, as by [`LOAD`]. Where the revision is missing, or this or the
/// mark is longer than any, all but the scopes are empty. None of these is even read.
pub(in crate::fleet) static LIST: Script = Script::new(reading!(
    "local byte, found, n = string.byte, {}, 0
if call('HLEN', key) > 1000 then return redis.error_reply('LAYOUT too many fields') end
local fields = call('HKEYS', key)
for i = 1, #fields do
  local s = #fields[i] == 17 and byte(fields[i], 17) == 114 and string.match(fields[i], '^(%x+)r$')
  if s then
    local v, w, record = length(s .. 'v'), length(s .. 'w'), length(fields[i])
    if v > 0 or record > 0 then
      local r = {'', '', ''}
      if v > 0 and v <= 64 and w <= 64 then
        r = call('HMGET', key, s .. 'v', s .. 'w', record > 65536 and s .. 'v' or fields[i])
        if record > 65536 then r[3] = 'X' end
      end
      found[n + 1], found[n + 2], found[n + 3] = s, r[1], r[2] or ''
      found[n + 4], found[n + 5] = length(s .. 'p') > 0 and 1 or 0, r[3] or 'X'
      n = n + 5
    end
  end
end
return found"
));
