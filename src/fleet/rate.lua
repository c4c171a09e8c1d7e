-- The rate that the processes of an app share: what `Pool` in `middleware/rate_limit` does, step by step.
-- KEYS state, members
-- ARGV member, epoch, succeeded, is open, others wait, refused for or '', refused in, last rate or '', starts, is urgent
-- -> epoch, closed for, rate or '', active, starts, first in, step, come back in
local W, NEVER = 30, -1e15
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local member, told_epoch = ARGV[1], tonumber(ARGV[2])
local succeeded, others_wait = math.min(tonumber(ARGV[3]), 100000), ARGV[5] == '1'
local starts, is_urgent = tonumber(ARGV[9]), ARGV[10] == '1'

local names = {'seen', 'closed', 'epoch', 'row', 'run', 'opening', 'is_first', 'kept', 'kept_at', 'before_row',
  'tried', 'base', 'hold', 'next', 'lateness', 'newest', 'first', 'urgent', 'active_until', 'ahead',
  'refused_epoch', 'turn'}
local times = {'closed', 'opening', 'kept_at', 'hold', 'next', 'first', 'urgent'}
local s, slots = {}, {}
local packed = redis.call('GET', KEYS[1])
if packed then
  local is_read, values = pcall(cmsgpack.unpack, packed)
  if not is_read or type(values) ~= 'table' or #values ~= #names + 30 then
    return redis.error_reply('LAYOUT the rate of this app was written by something else; use another prefix')
  end
  for i, name in ipairs(names) do s[name] = values[i] end
  for i = 0, 29 do slots[i] = values[#names + 1 + i] end
else
  for _, name in ipairs(names) do s[name] = 0 end
  for i = 0, 29 do slots[i] = 0 end
  s.opening, s.kept_at, s.first, s.urgent, s.seen = NEVER, NEVER, NEVER, NEVER, now
end

-- A clock that was set back takes everything along.
local back = s.seen - now
if back > 1 then
  for _, name in ipairs(times) do
    if s[name] > 0 then s[name] = s[name] - back end
  end
  for i = 0, 29 do slots[i] = 0 end
  s.newest = 0
  redis.call('DEL', KEYS[2])
end
s.seen = now

-- History.
local function advance()
  local number = math.floor(now)
  local passed = math.min(math.max(number - s.newest, 0), 30)
  for old = 0, passed - 1 do slots[(number - old) % 30] = 0 end
  s.newest = math.max(s.newest, number)
end
local function recent()
  advance()
  local sum = 0
  for i = 0, 29 do sum = sum + slots[i] end
  return sum
end

-- The rate, which is `tried` and grows after its hold; `tried` is 0 where none is known.
local function at(time)
  return s.tried * 2 ^ math.min(math.max(time - s.hold, 0) / 9, 64)
end
local function new_rate(rate, hold, next)
  rate = math.max(rate, 0.1)
  s.tried, s.base, s.hold, s.next, s.lateness = rate, rate, hold, next, 0.02
end
local function lower(tried, base)
  s.base = math.max(base, 0.1)
  s.tried = math.max(tried, s.base)
  s.next, s.lateness = math.max(s.next, s.closed), 0.02
end
local function forget() s.tried = 0 end
-- They are as far apart as the rate is by then.
local function reserve(count)
  local opens = math.max(s.closed, now)
  local planned = math.max(s.next, opens - math.max(s.lateness, 0.1))
  s.next = planned + count / at(planned)
  if s.next > opens - 0.02 then s.lateness = 0.02 end
  return math.max(planned, opens)
end

-- What a refusal says about the rate.
local function measured()
  local first = s.first ~= NEVER and s.first or s.closed
  return s.before_row / math.min(math.max(s.closed - first, 0.1), W)
end
local function first_rate()
  if s.run < 2 or (s.before_row < 10 and s.run < 4) then return end
  s.is_first = 1
  new_rate(measured() * 2, s.closed + W, s.closed)
end
local function kept(pause)
  local since = now - s.kept_at
  if since <= W then s.kept = s.kept + 1 else s.kept, s.kept_at = 1, now end
  if s.kept >= 3 then
    forget()
    s.run, s.kept, s.kept_at = 0, 0, NEVER
  elseif since > W and since * s.tried < 50 then
    lower(s.tried * 0.96, s.tried * 0.96)
  else
    s.lateness = 0.02 + pause
  end
end
local function hold(pause)
  local seen = s.first ~= NEVER and now - s.first or 0
  if seen < W then
    s.hold = s.closed + math.min(math.max(seen, 5), W)
  else
    s.hold = now + math.max(math.min(240 / s.tried, 300), 20 * pause)
  end
end
local function holds()
  local since = s.first ~= NEVER and now - s.first or 0
  return recent() + 1 >= 0.9 * s.tried * math.min(since, W)
end
local function judge(told, pause)
  local level = measured() * ((not others_wait and s.row == 1) and 2 or 0.96)
  local held = holds()
  if s.tried == 0 or (s.is_first == 1 and s.row > 1) then return first_rate() end
  if now > s.hold and s.row == 1 then
    lower(math.max(at(now - 1 / at(now)) * 0.93, s.tried), s.tried)
  elseif s.tried > s.base then
    local lowered = math.max(math.min(level, s.tried), s.base)
    lower(lowered, lowered)
  elseif s.row == 1 and held then
    return kept(pause)
  else
    local lowered = math.min(level, s.tried)
    lower(lowered, lowered)
  end
  hold(math.min(told, W))
end
local function refused(told, epoch, active)
  local pause = math.min(told, W)
  if epoch < s.refused_epoch or epoch > s.epoch then
    -- Refusals of one burst are told one after the other, and are one closing.
    if now + pause > s.closed + 0.1 then
      s.ahead, s.next = 0, math.min(s.next, now)
      s.closed, s.epoch = now + pause, s.epoch + 1
      s.opening = s.closed
    end
    s.next = math.max(s.next, s.closed)
    return
  end
  -- Starts of an earlier epoch are void.
  s.ahead, s.next = 0, math.min(s.next, now)
  s.row = s.row + 1
  s.run = now - s.opening <= W and s.run + 1 or 1
  if s.row == 1 then s.before_row = recent() end
  local doubled = pause * 2 ^ (math.min(s.row, 40) - 1)
  pause = math.min(math.max(pause, math.min(doubled, W)), W)
  s.closed = math.max(s.closed, now + pause)
  s.epoch, s.opening = s.epoch + 1, s.closed
  s.refused_epoch = s.epoch
  local before = s.tried > 0 and at(now) or 0
  judge(told, pause)
  -- What could not start during the pause may not start all at once.
  s.next = math.max(s.next, s.closed)
  -- One process that gives up pacing is one; of many, all would send at once.
  if before > 0 and before <= 10000 and s.tried == 0 and active > 1 then
    new_rate(before * 0.9, now + W, s.closed)
  end
end

-- Who takes part.
if now >= s.active_until then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.17g', now))
  local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
  s.active_until = math.min(tonumber(first) or now + 2, now + 2)
end
local until_ = math.max(tonumber(redis.call('ZSCORE', KEYS[2], member) or 0), now + 2)
redis.call('ZADD', KEYS[2], string.format('%.17g', until_), member)
local active = redis.call('ZCARD', KEYS[2])

-- What is told. Under a rate what counts are the starts that were granted, as their time comes: of many
-- processes each tells of its successes late.
local function count(successes)
  if successes < 1 then return end
  if s.first == NEVER then s.first = now end
  advance()
  slots[s.newest % 30] = slots[s.newest % 30] + successes
end
if succeeded > 0 and ARGV[4] == '1' and told_epoch >= s.refused_epoch and told_epoch <= s.epoch then
  s.row, s.is_first = 0, 0
end
if s.tried > 0 and at(now) > 10000 then forget() end
-- From before a closing: the first rate that it taught is measured again.
if told_epoch < s.epoch and now < s.closed then
  s.before_row = s.before_row + succeeded
  if s.is_first == 1 or s.tried == 0 then first_rate() end
end
if s.tried > 0 then
  local unsent = math.ceil((math.max(s.next, now) - now) * at(now))
  local sent = math.max(s.ahead - unsent, 0)
  s.ahead = s.ahead - sent
  count(sent)
else
  s.ahead = 0
  count(succeeded)
end
local last_rate = tonumber(ARGV[8])
-- While the first are back that were alone, the others still send by themselves.
if s.tried == 0 and last_rate then new_rate(last_rate, now + W, now + 1) end
local pause = tonumber(ARGV[6])
if pause then refused(pause, tonumber(ARGV[7]), active) end

-- What is granted.
local rate = s.tried > 0 and at(now) or 0
if rate > 10000 then rate = 0 end
local granted, first_in, step, come_back = 0, 0, 0, 0
if rate > 0 then
  local opens = math.max(s.closed, now)
  local takes_urgent = false
  if is_urgent and opens == now then
    s.urgent = math.max(s.urgent, now - 15 / rate)
    takes_urgent = s.urgent <= now
    if takes_urgent then s.urgent = s.urgent + 5 / rate end
  end
  if takes_urgent then
    reserve(1)
    s.ahead = s.ahead + 1
    granted, step = 1, 1 / rate
  elseif starts == 0 then
    come_back = is_urgent and math.max(s.urgent, opens) - now or 0
  elseif s.is_first == 1 and now < s.closed then
    come_back = opens - now
  elseif math.max(s.next, opens) - opens > 10 then
    -- If all came back when there is room for one start, the same one would always come first.
    s.turn = (s.turn + 0.61803398875) % 1
    local round = active / rate
    come_back = math.max(s.next, opens) - 10 - now + s.turn * math.min(math.max(round - 10, 0), 10)
  else
    granted = math.floor(math.min(math.max(rate * 0.1 / active, 1), starts))
    local first = reserve(granted)
    s.ahead = s.ahead + granted
    first_in, step = first - now, 1 / rate
    until_ = math.max(until_, first + granted / rate + 2)
    redis.call('ZADD', KEYS[2], string.format('%.17g', until_), member)
  end
end

local values = {}
for i, name in ipairs(names) do values[i] = s[name] end
for i = 0, 29 do values[#names + 1 + i] = slots[i] end
redis.call('SET', KEYS[1], cmsgpack.pack(values), 'PX', 1800000)
redis.call('PEXPIRE', KEYS[2], 1800000)
local function text(number) return string.format('%.17g', number) end
return {text(s.epoch), text(math.max(s.closed - now, 0)), rate > 0 and text(rate) or '', text(active),
  text(granted), text(first_in), text(step), text(math.max(come_back, 0))}
