//! What runs in the server, in one step each. Every script on logins may run twice with the same
//! effect; that on rates is sent once.

use std::sync::OnceLock;
use std::time::Duration;

use redis::Cmd;

macro_rules! altered {
    () => {
        "ALTERED field"
    };
}

macro_rules! fields {
    () => {
        concat!(
            "local function altered() return error('",
            altered!(),
            "') end
local function number(text, otherwise)
  if not text then return 0 end
  local n = #text <= 16 and string.find(text, '^%d+$') and tonumber(text)
  if n and n <= 4503599627370496 then return n end
  return otherwise or altered()
end
local function short(text)
  if not text then return '' end
  return #text <= 64 and text or altered()
end
"
        )
    };
}

/// A script that reads what stands beside records. A number that is not whole, or is more than [`HIGHEST`], ends it,
/// unless there is something to take it for; so does a revision or a moment that is longer than any. So all are read
/// before anything is written.
macro_rules! reading {
    ($script:literal) => {
        concat!(fields!(), $script)
    };
}

/// The same, of one that ends logins. It asks for its rights before it removes anything: what a script has done until
/// it fails is not undone. After the first of these, which removes nothing, a full server takes all that follows.
macro_rules! removing {
    ($script:literal) => {
        concat!(
            fields!(),
            "local function ask_for_rights(kept)
  redis.call('HDEL', KEYS[1], '-')
  redis.call('PEXPIRE', KEYS[1], kept)
end
",
            $script
        )
    };
}

/// A script that gives a lease, after which a refresh token is sent. It finds each right that the save needs and nothing
/// before it has used: a token that was replaced, and cannot be saved, is lost. A server before Redis 7 cannot be asked.
macro_rules! leasing {
    ($script:literal) => {
        concat!(
            fields!(),
            "local function lacking(logins)
  local may = redis.acl_check_cmd
  if not may then return end
  local lacks = not may('HSET', logins, '-', '-') and 'hset' or not may('HDEL', logins, '-') and 'hdel'
    or not may('PEXPIRE', logins, 1) and 'pexpire'
  return lacks and redis.error_reply(\"NOPERM no permissions to run the '\" .. lacks .. \"' command\")
end
",
            $script
        )
    };
}

/// 2^52: no number that is counted up is more, however often that is done. A float holds more.
pub(super) const HIGHEST: u64 = 1 << 52;

/// A script, by its hash. The server keeps it until it restarts.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    /// Takes longer than all the rest of a call.
    hash: OnceLock<String>,
}

impl Script {
    const fn new(text: &'static str) -> Self {
        Self { text, hash: OnceLock::new() }
    }

    /// For tests that set the clock.
    #[cfg(test)]
    pub(super) fn text(&self) -> &'static str {
        self.text
    }

    /// Runs what the server knows already.
    pub(super) fn known(&self, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        let hash = || redis::Script::new(self.text).get_hash().to_owned();
        Self::command("EVALSHA", self.hash.get_or_init(hash), keys, arguments)
    }

    /// Makes it known, without running it.
    pub(super) fn load(&self) -> Cmd {
        redis::cmd("SCRIPT").arg("LOAD").arg(self.text).take()
    }

    /// Sends the script along.
    pub(super) fn whole(&self, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        Self::command("EVAL", self.text, keys, arguments)
    }

    fn command(name: &str, script: &str, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        let length = |sum: usize, argument: &&[u8]| sum + argument.len();
        let keys_length: usize = keys.iter().map(|key| key.len()).sum();
        let bytes = arguments.iter().fold(name.len() + script.len() + keys_length, length);
        let count = keys.len() + arguments.len() + 3;
        // A walk over all logins makes a hundred thousand.
        let mut command = Cmd::with_capacity(count, bytes + LONGEST_COUNT);
        command.arg(name).arg(script).arg(keys.len()).arg(keys).arg(arguments);
        command
    }
}

/// Stands in the error of a script that has found a number which no script has written.
pub(super) const ALTERED: &str = altered!();

// Each place has a number that grows with what is written there. That of a login or of a removal is at
// least the server's time in ms: so it grows also where a server has forgotten it, or another has taken over. `g` in a user's
// hash is a gravestone: the number from which on the user has no login that is older, with its moment (`gl`) and when it was put back (`gp`). A removal
// has a moment beside its number, as a login has in its record: it says which was later where a server's clock is behind
// that of the one before. What was put back says so (`p`), also when it is refreshed. Where the number of a removal is not the time at
// which it was made, by this server's clock, that time is beside it (`a`, and `ga` of a gravestone), if it is known.

/// `KEYS logins`, `ARGV scopes` → revision, number, what is left of the access token in ms, record,
/// for how many ms it stands there since it was put back, or -1, the moment of a removal, the
/// server's time in ms, and for how many ms something is removed, or -1 where nobody knows, or nothing is.
///
/// What is left of more than [`LONGEST_LIFE`] counts as nothing: a clock was set, or it was altered.
///
/// A place that was emptied keeps its number, with an empty revision, and has no record: one without a revision was
/// altered. Of a record that is longer than [`LONGEST_RECORD`] one letter is returned, which is no record.
pub(super) static LOAD: Script = Script::new(reading!(
    "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'n', s .. 'x', s .. 'p', 'g', s .. 'm', 'gl', 'gp', s .. 'a', 'ga')
local left, n, g = number(r[3]) - now, number(r[2]), number(r[5])
if left < 0 or left > 31622400000 then left = 0 end
local revision, p, moment, a = short(r[1]), r[4], r[6], r[9]
if revision == '' and g >= n then p, moment, a = r[8], r[7], r[10] end
local removed = revision == '' and (a and number(a, 0) or not p and math.max(n, g)) or 0
removed = removed > 0 and removed <= now and now - removed or -1
local back = p and math.max(0, now - number(p)) or -1
local record = redis.call('HSTRLEN', KEYS[1], s .. 'r') > 65536 and 'X' or redis.call('HGET', KEYS[1], s .. 'r') or ''
if revision == '' and record ~= '' then altered() end
return {revision, math.max(n, g), left, record, back, revision == '' and short(moment) or '', now, removed}"
));

/// As the scripts know it, in ms.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(366 * 24 * 3600);

/// In bytes, as the scripts know it: tokens have a few hundred. Who has longer ones keeps up nobody
/// else.
pub(super) const LONGEST_RECORD: usize = 65_536;

/// `KEYS logins, and the note of unsealed logins where one is saved`,
/// `ARGV scopes, revision it replaces, its own, what marks this call, number known, step, ms left, record, ms to keep it,
/// for how many ms the login was in no store, 1 for a log-out` → what became of it, and the number of what stands there. The
/// steps are 2 for another login, 1 to count up, 0 to put back, and 3 for what stood at another place until now.
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
/// stands only.
pub(super) static SAVE: Script = Script::new(reading!(
    "local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'n', s .. 'w', 'g', s .. 'p', 'gp', s .. 'a', 'ga')
local own, g = number(r[2]), number(r[4])
local p, a = r[5], r[7]
if g >= own then p, a = r[6], r[8] end
local there, n = short(r[1]), math.max(own, g)
if there == '' and redis.call('HSTRLEN', KEYS[1], s .. 'r') > 0 then altered() end
if there == ARGV[3] and r[3] == ARGV[4] then return {1, n} end
if there ~= ARGV[2] then return {0, n} end
if ARGV[6] == '2' and there == '' and n > tonumber(ARGV[5]) then return {0, n} end
local is_known = ARGV[6] == '0' or ARGV[6] == '3'
if is_known and n >= tonumber(ARGV[5]) then return {0, n} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local removed = there == '' and (a and number(a, 0) or not p and n) or 0
if ARGV[6] == '2' and removed <= now and removed > now - ARGV[10] then return {2, n} end
n = math.max(n, tonumber(ARGV[5]))
if there ~= ARGV[3] and not is_known then n = math.min(n + 1, 4503599627370496) end
if ARGV[6] == '2' then n = math.max(n, now) end
local x = string.format('%.0f', now + ARGV[7])
local number = string.format('%.0f', n)
if ARGV[11] == '1' then redis.call('HDEL', KEYS[1], '-') end
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[9]) end
redis.call('HSET', KEYS[1], s .. 'w', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[9])
redis.call('HDEL', KEYS[1], s .. 't', s .. 'm', s .. 'a')
redis.call('HSET', KEYS[1], s .. 'v', ARGV[3], s .. 'n', number, s .. 'x', x, s .. 'r', ARGV[8])
if ARGV[6] == '0' then redis.call('HSET', KEYS[1], s .. 'p', string.format('%.0f', now))
elseif ARGV[6] ~= '1' then redis.call('HDEL', KEYS[1], s .. 'p') end
return {ARGV[11] == '1' and 3 or 1, n}"
));

/// `KEYS logins`, `ARGV scopes, number known, moment, ms to keep it, revision that was seen, or *` → whether the
/// place is empty now, which it is not where another entry has come meanwhile, and its number.
pub(super) static REMOVE: Script = Script::new(removing!(
    "local s = ARGV[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'n', 'g', s .. 'm')
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
pub(super) static REMOVE_SEEN: Script = Script::new(removing!(
    "local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'n', 'g')
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
pub(super) static PUT_BACK_REMOVAL: Script = Script::new(removing!(
    "local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'n', 'g')
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

/// `KEYS logins`, `ARGV scopes, revision, what marks its save, record` → whether the record of that save
/// was replaced. The mark that a login has ended keeps its revision.
pub(super) static RESEAL: Script = Script::new(
    "local r = redis.call('HMGET', KEYS[1], ARGV[1] .. 'v', ARGV[1] .. 'w')
if r[1] ~= ARGV[2] or (r[2] or '') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1] .. 'r', ARGV[4])
return 1",
);

/// `KEYS logins`, `ARGV scopes, revision, number` → whether that revision stands there, with that
/// number or a later one. A removal leaves when it was made at the place, and one of the whole user its moment.
pub(super) static RAISE: Script = Script::new(reading!(
    "local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'n', 'g', 'gl', s .. 'p', s .. 'a', 'gp', 'ga')
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
pub(super) static SETTLE: Script = Script::new(reading!(
    "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for _, field in ipairs({ARGV[1] .. 'p', 'gp'}) do
  if number(redis.call('HGET', KEYS[1], field)) > now then
    redis.call('HDEL', KEYS[1], field)
    redis.call('HSET', KEYS[1], field, string.format('%.0f', now - ARGV[2]))
  end
end
return 1"
));

/// `KEYS logins`, `ARGV scopes, revision` → for how many ms that revision has been taken over to another
/// place, or -1 where it is now, or where it stands there no more.
pub(super) static TAKE_OVER: Script = Script::new(reading!(
    "local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 't')
if r[1] ~= ARGV[2] then return -1 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if r[2] then return math.max(0, now - number(r[2])) end
redis.call('HSET', KEYS[1], s .. 't', string.format('%.0f', now))
return -1"
));

/// `KEYS logins`, `ARGV scopes, revision, what marks its save` → whether that stood there, and is gone with
/// its number, as if nothing had ever stood there.
pub(super) static FORGET: Script = Script::new(
    "local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'w')
if r[1] ~= ARGV[2] or (r[2] or '') ~= ARGV[3] then return 0 end
redis.call('HDEL', KEYS[1], s .. 'v', s .. 'n', s .. 'w', s .. 'x', s .. 'r', s .. 'p', s .. 't', s .. 'm', s .. 'a')
return 1",
);

/// `KEYS logins` → of each place that is not empty, one after the other: scopes, revision, what marks its
/// save, whether it was put back, and record.
///
/// Of a record that is too long one letter is returned, as by [`LOAD`]. Where the revision is missing, or this or the
/// mark is longer than any, all but the scopes are empty. None of these is even read.
pub(super) static LIST: Script = Script::new(
    "local key, call, byte, found, n = KEYS[1], redis.call, string.byte, {}, 0
if call('HLEN', key) > 1000 then return redis.error_reply('LAYOUT too many fields') end
local function length(field) return call('HSTRLEN', key, field) end
local fields = call('HKEYS', key)
for i = 1, #fields do
  local s = #fields[i] == 17 and byte(fields[i], 17) == 114 and string.match(fields[i], '^(%x+)r$')
  if s then
    local v, w, record = length(s .. 'v'), length(s .. 'w'), length(fields[i])
    if v > 0 or record > 0 then
      local r = {'', '', ''}
      if v > 0 and v <= 64 and w <= 64 then
        r = call('HMGET', key, s .. 'v', s .. 'w', record > 65536 and '' or fields[i])
      end
      found[n + 1], found[n + 2], found[n + 3] = s, r[1], r[2] or ''
      found[n + 4], found[n + 5] = length(s .. 'p') > 0 and 1 or 0, r[3] or 'X'
      n = n + 5
    end
  end
end
return found",
);

/// `KEYS logins`, `ARGV ms to keep what is left, what marks this call, moment, what was seen, or *` → 0 where
/// another login has come meanwhile, else 1; how many logins of the user
/// were removed, and the number of the gravestone; of a call that is sent again, how many it removed
/// the first time. The last four calls are known by their marks: several may be under way for one user.
///
/// Of each login that was seen, scopes, revision and what marks its save, in one piece.
///
/// The gravestone is left also where nothing stands: the server may have forgotten what others know.
pub(super) static REMOVE_ALL: Script = Script::new(removing!(
    "local function length(field) return redis.call('HSTRLEN', KEYS[1], field) end
local calls = length('gm') <= 256 and redis.call('HGET', KEYS[1], 'gm') or ''
local before = string.match(calls, ARGV[2] .. ':(%d+)')
if before then return {1, tonumber(before), tonumber(redis.call('HGET', KEYS[1], 'g'))} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local n = math.max(now, number(redis.call('HGET', KEYS[1], 'g'), 0) + 1)
local places, removed = {}, 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local s = #field == 17 and string.match(field, '^(%x+)r$')
  local v, w = s and length(s .. 'v') or 0, s and length(s .. 'w') or 0
  -- What is none of the fleet's is removed whatever it is.
  if ARGV[4] ~= '*' and v > 0 and v <= 64 and w <= 64 then
    local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'w')
    local login = s .. r[1] .. (r[2] or '')
    local is_seen = not string.match(login, '^%x+$') or string.find(ARGV[4], login, 1, true)
    if not is_seen then return {0, 0, 0} end
  end
  s = s or #field == 17 and string.match(field, '^(%x+)n$')
  if s and not places[s] then
    places[s] = true
    table.insert(places, s)
    n = math.max(n, number(redis.call('HGET', KEYS[1], s .. 'n'), 0) + 1)
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
pub(super) static PUT_BACK_GRAVESTONE: Script = Script::new(removing!(
    "local is_earlier, ended, kept, done = {}, {}, {}, 1
local g = number(redis.call('HGET', KEYS[1], 'g'))
for i = 5, #ARGV, 4 do is_earlier[ARGV[i] .. ' ' .. ARGV[i + 1] .. ' ' .. ARGV[i + 2]] = ARGV[i + 3] end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local s = #field == 17 and string.match(field, '^(%x+)r$')
  if s then
    local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'n', s .. 'w')
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

/// Like [`TAKE_LEASE`], unless the token at a place was replaced by one that is good.
///
/// `KEYS logins, lease`, `ARGV scopes, revision that is known, owner, ms that a lease has` → 2 where it was
/// replaced, 1 when the lease is the owner's, -1 where something else stands under the lease, else 0.
pub(super) static TAKE_TURN: Script = Script::new(leasing!(
    "local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'x')
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if (r[1] or '') ~= '' and r[1] ~= ARGV[2] then
  local left = number(r[2]) - now
  if left > 0 and left <= 31622400000 then return 2 end
end
local owner = redis.pcall('GET', KEYS[2])
if type(owner) == 'table' then return string.find(owner.err, 'WRONGTYPE') and -1 or owner end
if owner and owner ~= ARGV[3] then
  local left = redis.pcall('PTTL', KEYS[2])
  if type(left) == 'table' or (left >= 0 and left <= tonumber(ARGV[4])) then return 0 end
end
local lacks = lacking(KEYS[1])
if lacks then return lacks end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return 1"
));

/// `KEYS lease`, `ARGV owner, ms that a lease has, logins, which may be on their way to another master` → whether it is
/// the owner's.
///
/// One that ends later than that, or never, is as good as none: the server's clock was set back. A
/// server that does not let this be asked keeps it.
pub(super) static TAKE_LEASE: Script = Script::new(leasing!(
    "local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  local left = redis.pcall('PTTL', KEYS[1])
  if type(left) == 'table' or (left >= 0 and left <= tonumber(ARGV[2])) then return 0 end
end
local lacks = lacking(ARGV[3])
if lacks then return lacks end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1"
));

/// `KEYS lease`, `ARGV owner, ms, 1 to take it again` → 1 where it is the owner's, 0 where it is another's, and 2
/// where it is nobody's: the server has forgotten it, or its owner has given it back and this comes late.
pub(super) static RENEW_LEASE: Script = Script::new(
    "local owner = redis.call('GET', KEYS[1])
if not owner then
  if ARGV[3] ~= '1' then return 2 end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
if owner ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
);

/// `KEYS lease`, `ARGV owner` → whether it was the owner's.
pub(super) static RELEASE_LEASE: Script = Script::new(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])",
);

/// `KEYS which life of the server this is`, `ARGV the life that is known, or *, the life that it is, ms to keep it, 1 where
/// the server tells it, how other names of it end, or nothing, 1 where it is known since now` → the life that stands
/// there now, for how many ms it has been known, or -1, and whether that is written.
///
/// Of a life that the server tells, the first of all is known since ever; of another nobody can say. A full server
/// takes it, since something is removed first.
pub(super) static LIVES: Script = Script::new(
    "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local life, since = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%d+)$')
local is_same = life and (life == ARGV[2] or ARGV[5] ~= '' and string.sub(life, -#ARGV[5]) == ARGV[5])
local is_written, is_first = 1, not life and ARGV[4] == '1'
if is_same or ARGV[1] == '*' or ARGV[1] == (life or '') then
  if not is_same then since = is_first and 0 or now end
  if ARGV[6] == '1' then since = now end
  if life == ARGV[2] and ARGV[6] ~= '1' then
    redis.pcall('PEXPIRE', KEYS[1], ARGV[3])
  else
    life = ARGV[2]
    redis.pcall('DEL', KEYS[1])
    local set = redis.pcall('SET', KEYS[1], life .. ' ' .. string.format('%.0f', since), 'PX', ARGV[3])
    if set.err then is_written = 0 end
  end
end
return {life or '', is_first and -1 or math.max(-1, now - (tonumber(since) or 0)), is_written}",
);

/// One exchange of a shared rate; see the file.
pub(super) static EXCHANGE: Script = Script::new(include_str!("rate.lua"));

/// The digits of how many keys there are.
const LONGEST_COUNT: usize = 20;
