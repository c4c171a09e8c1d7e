//! Who refreshes a token.

use super::Script;

/// Like [`TAKE_LEASE`], unless the token at a place was replaced by one that is good.
///
/// `KEYS logins, lease`, `ARGV scopes, revision that is known, owner, ms that a lease has` → 2 where it was
/// replaced, 1 when the lease is the owner's, -1 where something else stands under the lease, else 0.
pub(in crate::fleet) static TAKE_TURN: Script = Script::new(leasing!(
    "local s = ARGV[1]
local revision = get(s .. 'v')[1] or ''
if revision ~= '' and revision ~= ARGV[2] then
  local t = redis.call('TIME')
  local left = number(get(s .. 'x')[1]) - t[1] * 1000 - math.floor(t[2] / 1000)
  if left > 0 and left <= 31622400000 then return 2 end
end
local owner = redis.pcall('GETRANGE', KEYS[2], 0, 64)
if type(owner) == 'table' then return string.find(owner.err, 'WRONGTYPE') and -1 or owner end
if owner ~= '' and owner ~= ARGV[3] then
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
pub(in crate::fleet) static TAKE_LEASE: Script = Script::new(leasing!(
    "local owner = redis.call('GETRANGE', KEYS[1], 0, 64)
if owner ~= '' and owner ~= ARGV[1] then
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
pub(in crate::fleet) static RENEW_LEASE: Script = Script::new(
    "local owner = redis.call('GETRANGE', KEYS[1], 0, 64)
if owner == '' then
  if ARGV[3] ~= '1' then return 2 end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
if owner ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
);

/// `KEYS lease`, `ARGV owner` → whether it was the owner's.
pub(in crate::fleet) static RELEASE_LEASE: Script = Script::new(
    "if redis.call('GETRANGE', KEYS[1], 0, 64) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])",
);
