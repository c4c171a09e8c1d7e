//! What runs in the server, in one step each. Every script on logins may run twice with the same
//! effect; that on rates is sent once.
//!
//! Each place has a number that grows with what is written there. That of a login or of a removal is at least the
//! server's time in ms when it was made, which may be long before it is saved: so it grows also where a server has
//! forgotten it, or another has taken over, and says of two places which has the later login. `g` in a user's hash is
//! a gravestone: the number from which on the user has no login that is older, with its moment (`gl`) and when it was
//! put back (`gp`). A removal has a moment beside its number, as a login has in its record: it says which was later
//! where a server's clock is behind that of the one before. What was put back says so (`p`), also when it is
//! refreshed. Where the number of a removal is not the time at which it was made, by this server's clock, that time is
//! beside it (`a`, and `ga` of a gravestone), if it is known.

use std::sync::OnceLock;
use std::time::Duration;

use redis::Cmd;

pub(super) use self::leases::{RELEASE_LEASE, RENEW_LEASE, TAKE_LEASE, TAKE_TURN};
pub(super) use self::logins::{FORGET, LIST, LOAD, RAISE, RESEAL, SAVE, SETTLE, TAKE_OVER};
pub(super) use self::removals::{
    PUT_BACK_GRAVESTONE, PUT_BACK_REMOVAL, REMOVE, REMOVE_ALL, REMOVE_SEEN,
};

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
local call, key = redis.call, KEYS[1]
local function length(field) return call('HSTRLEN', key, field) end
local function get(...)
  local fields, found = {...}, nil
  for i = 1, #fields do
    if length(fields[i]) > 64 then
      found = found or {}
      found[i] = string.rep('X', 65)
    end
  end
  if not found then return call('HMGET', key, ...) end
  for i = 1, #fields do found[i] = found[i] or call('HGET', key, fields[i]) end
  return found
end
"
        )
    };
}

/// A script that reads what stands beside records, by `get`: of what is longer than anything that the fleet writes there
/// it reads the length alone, and takes it for something as long. A number that is not whole, or is more than [`HIGHEST`], ends it,
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
///
/// It does not try them, as what ends logins does: `HSET` cannot be tried without writing something, each try that fails
/// on purpose counts as an error of the server (`INFO errorstats`), and after an `HDEL` a full server would take a lease.
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

// After the macros, which they use.
mod leases;
mod logins;
mod removals;

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

/// As the scripts know it, in ms.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(366 * 24 * 3600);

/// In bytes, as the scripts know it: tokens have a few hundred. Who has longer ones keeps up nobody
/// else.
pub(super) const LONGEST_RECORD: usize = 65_536;

/// `KEYS which life of the server this is`, `ARGV the life that is known, or *, the life that it is, ms to keep it, 1 where
/// the server tells it, how other names of it end, or nothing, 1 where it is known since now` → the life that stands
/// there now, for how many ms it has been known, or -1, and whether that is written.
///
/// Of a life that the server tells, the first of all is known since ever; of another nobody can say. A full server
/// takes it, since something is removed first.
pub(super) static LIVES: Script = Script::new(
    "local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local life, since = string.match(redis.call('GETRANGE', KEYS[1], 0, 255), '^(%S+) (%d+)$')
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
