//! What runs in the server, in one step each. Every script on logins may run twice with the same
//! effect; that on rates is sent once.

use std::sync::OnceLock;

use redis::Cmd;

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

    /// Sends the script along.
    pub(super) fn whole(&self, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        Self::command("EVAL", self.text, keys, arguments)
    }

    fn command(name: &str, script: &str, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
        command
    }
}

/// `KEYS logins`, `ARGV scopes` → revision, number, what is left of the access token in ms, record,
/// and for how many ms it stands there since it was put back, or -1.
///
/// A place that was emptied keeps its number, with an empty revision.
pub(super) static LOAD: Script = Script::new(
    "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'n', s .. 'x', s .. 'r', s .. 'p')
local left = math.max(0, (tonumber(r[3]) or 0) - now)
local back = r[5] and math.max(0, now - r[5]) or -1
return {r[1] or '', tonumber(r[2]) or 0, left, r[4] or '', back}",
);

/// `KEYS logins`,
/// `ARGV scopes, revision it replaces, its own, what marks this call, number known, 1 to count up or 0 to put back, ms left, record, ms to keep it`
/// → whether it stands there now, and the number.
pub(super) static SAVE: Script = Script::new(
    "local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'n', s .. 'w')
local there, n = r[1] or '', tonumber(r[2]) or 0
if there == ARGV[3] and r[3] == ARGV[4] then return {1, n} end
if there ~= ARGV[2] then return {0, n} end
n = math.max(n, tonumber(ARGV[5]))
if there ~= ARGV[3] then n = n + ARGV[6] end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local x = string.format('%.0f', now + ARGV[7])
redis.call('HSET', KEYS[1], s .. 'v', ARGV[3], s .. 'n', n, s .. 'w', ARGV[4], s .. 'x', x, s .. 'r', ARGV[8])
if ARGV[6] == '0' then redis.call('HSET', KEYS[1], s .. 'p', string.format('%.0f', now))
else redis.call('HDEL', KEYS[1], s .. 'p') end
redis.call('PEXPIRE', KEYS[1], ARGV[9])
return {1, n}",
);

/// `KEYS logins`, `ARGV scopes, number known, ms to keep it` → the number of the place, now empty.
pub(super) static REMOVE: Script = Script::new(
    "local s = ARGV[1]
local n = math.max(tonumber(redis.call('HGET', KEYS[1], s .. 'n')) or 0, tonumber(ARGV[2])) + 1
redis.call('HDEL', KEYS[1], s .. 'x', s .. 'r', s .. 'w', s .. 'p')
redis.call('HSET', KEYS[1], s .. 'v', '', s .. 'n', n)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return n",
);

/// `KEYS logins`, `ARGV scopes, revision, record` → whether the record of that revision was
/// replaced.
pub(super) static RESEAL: Script = Script::new(
    "if redis.call('HGET', KEYS[1], ARGV[1] .. 'v') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1] .. 'r', ARGV[3])
return 1",
);

/// `KEYS logins`, `ARGV ms to keep them` → how many places of the user are empty now.
pub(super) static REMOVE_ALL: Script = Script::new(
    "local emptied = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, -1) == 'n' then
    local s = string.sub(field, 1, -2)
    redis.call('HDEL', KEYS[1], s .. 'x', s .. 'r', s .. 'w', s .. 'p')
    redis.call('HSET', KEYS[1], s .. 'v', '')
    redis.call('HINCRBY', KEYS[1], field, 1)
    emptied = emptied + 1
  end
end
if emptied > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return emptied",
);

/// Like [`TAKE_LEASE`], unless the token at a place was replaced by one that is good.
///
/// `KEYS logins, lease`, `ARGV scopes, revision that is known, owner, ms` → 2 where it was
/// replaced, 1 when the lease is the owner's, else 0.
pub(super) static TAKE_TURN: Script = Script::new(
    "local s = ARGV[1]
local r = redis.call('HMGET', KEYS[1], s .. 'v', s .. 'x')
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if (r[1] or '') ~= '' and r[1] ~= ARGV[2] and (tonumber(r[2]) or 0) > now then return 2 end
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return 1",
);

/// `KEYS lease`, `ARGV owner, ms` → whether it is the owner's, and for how long it is another's.
pub(super) static TAKE_LEASE: Script = Script::new(
    "local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return {0, redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, 0}",
);

/// `KEYS lease`, `ARGV owner, ms` → whether it is still the owner's.
pub(super) static RENEW_LEASE: Script = Script::new(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
);

/// `KEYS lease`, `ARGV owner` → whether it was the owner's.
pub(super) static RELEASE_LEASE: Script = Script::new(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])",
);

/// One exchange of a shared rate; see the file.
pub(super) static EXCHANGE: Script = Script::new(include_str!("rate.lua"));
