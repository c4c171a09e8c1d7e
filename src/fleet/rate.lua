-- The rate that the processes of an app share: what `Pool` in `middleware/rate_limit` does, step by step.
-- KEYS state, members
-- ARGV member, and as doubles epoch, succeeded, is open, others wait, refused for or -1, refused in, last rate or 0, starts, is urgent
-- -> as doubles epoch, closed for, rate or 0, active, starts, first in, step, come back in
local W, NEVER, NOTHING = 30, -1e15, string.rep('\0', 120)
local min, max, floor, sub = math.min, math.max, math.floor, string.sub
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local member = ARGV[1]
local told_epoch, succeeded, is_open, others_wait, pause, refused_in, last_rate, starts, is_urgent =
  struct.unpack('<ddddddddd', ARGV[2])
succeeded, others_wait, is_urgent = min(succeeded, 100000), others_wait == 1, is_urgent == 1

-- The state is in locals, and what is rare in functions that are not made before: half of what a call takes
-- would be tables and closures.
local seen, closed, epoch, row, run, opening, is_first, kept, kept_at, before_row, tried, base, hold, next,
  lateness, newest, first, urgent, active_until, ahead, refused_epoch, turn, rejoining =
  now, 0, 0, 0, 0, NEVER, 0, 0, NEVER, 0, 0, 0, 0, 0, 0, 0, NEVER, NEVER, 0, 0, 0, 0, NEVER
-- What went through in each of the last 30 seconds, in four bytes.
local slots = NOTHING
-- No more than tells a longer one.
local packed = redis.call('GETRANGE', KEYS[1], 0, 306)
if packed ~= '' then
  if #packed ~= 306 or sub(packed, 1, 2) ~= 'R2' then
    return redis.error_reply('LAYOUT the rate of this app was written by something else; use another prefix')
  end
  seen, closed, epoch, row, run, opening, is_first, kept, kept_at, before_row, tried, base, hold, next,
    lateness, newest, first, urgent, active_until, ahead, refused_epoch, turn, rejoining =
    struct.unpack('<ddddddddddddddddddddddd', packed, 3)
  slots = sub(packed, 187)
end

-- A clock that was set back takes everything along.
local back = seen - now
if back > 1 then
  local function moved(time) return time > 0 and time - back or time end
  closed, opening, kept_at, hold = moved(closed), moved(opening), moved(kept_at), moved(hold)
  next, first, urgent, rejoining = moved(next), moved(first), moved(urgent), moved(rejoining)
  slots, newest, active_until = NOTHING, 0, 0
  redis.call('DEL', KEYS[2])
end
seen = now

-- History.
local function advance()
  local second = floor(now)
  if second - newest >= W then slots = NOTHING
  else
    for passed = newest + 1, second do
      local place = passed % W * 4
      slots = sub(slots, 1, place) .. '\0\0\0\0' .. sub(slots, place + 5)
    end
  end
  newest = max(newest, second)
end
local function count(successes)
  if successes < 1 then return end
  if first == NEVER then first = now end
  advance()
  local place = newest % W * 4
  local there = struct.unpack('<I4', slots, place + 1)
  slots = sub(slots, 1, place) .. struct.pack('<I4', there + successes) .. sub(slots, place + 5)
end

-- The rate, which is `tried` and grows after its hold; `tried` is 0 where none is known.
local function at(time)
  return tried * 2 ^ min(max(time - hold, 0) / 9, 64)
end
local function new_rate(rate, held_until, starts_at)
  tried = max(rate, 0.1)
  base, hold, next, lateness = tried, held_until, starts_at, 0.02
end
-- They are as far apart as the rate is by then.
local function reserve(number)
  local opens = max(closed, now)
  local planned = max(next, opens - max(lateness, 0.1))
  next = planned + number / at(planned)
  if next > opens - 0.02 then lateness = 0.02 end
  return max(planned, opens)
end

-- What a refusal says about the rate.
local function measured()
  return before_row / min(max(closed - (first ~= NEVER and first or closed), 0.1), W)
end
local function first_rate()
  if run < 2 or (before_row < 10 and run < 4) then return end
  is_first = 1
  new_rate(measured() * 2, closed + W, closed)
end
local function refused(active)
  local function recent()
    advance()
    local sum = 0
    for place = 1, 117, 4 do sum = sum + struct.unpack('<I4', slots, place) end
    return sum
  end
  -- The last one that was counted was none.
  local function uncount()
    advance()
    for number = newest, newest - W + 1, -1 do
      local place = number % W * 4
      local there = struct.unpack('<I4', slots, place + 1)
      if there > 0 then
        slots = sub(slots, 1, place) .. struct.pack('<I4', there - 1) .. sub(slots, place + 5)
        return
      end
    end
  end
  local function lower(to_try, to_keep)
    base = max(to_keep, 0.1)
    tried = max(to_try, base)
    next, lateness = max(next, closed), 0.02
  end
  local function keeps(pause)
    local since = now - kept_at
    if since <= W then kept = kept + 1 else kept, kept_at = 1, now end
    if kept >= 3 then
      tried, run, kept, kept_at = 0, 0, 0, NEVER
    elseif since > W and since * tried < 50 then
      lower(tried * 0.96, tried * 0.96)
    else
      lateness = 0.02 + pause
    end
  end
  local function holds(told)
    local since = first ~= NEVER and now - first or 0
    if since < W then
      hold = closed + min(max(since, 5), W)
    else
      hold = now + max(min(240 / tried, 300), 20 * told)
    end
  end
  local function is_kept_to()
    local since = first ~= NEVER and now - first or 0
    return recent() + 1 >= 0.9 * tried * min(since, W)
  end
  local function judge(told, pause)
    local level = measured() * ((not others_wait and row == 1) and 2 or 0.96)
    local held = is_kept_to()
    if tried == 0 or (is_first == 1 and row > 1) then return first_rate() end
    if now > hold and row == 1 then
      lower(max(at(now - 1 / at(now)) * 0.93, tried), tried)
    elseif tried > base then
      local lowered = max(min(level, tried), base)
      lower(lowered, lowered)
    elseif row == 1 and held then
      return keeps(pause)
    else
      local lowered = min(level, tried)
      lower(lowered, lowered)
    end
    holds(told)
  end

  local told = min(pause, W)
  -- While some are back and some still send by themselves, a refusal says nothing about the rate.
  if refused_in < refused_epoch or refused_in > epoch or now < rejoining then
    -- Refusals of one burst are told one after the other, and are one closing.
    if now + told > closed + 0.1 then
      ahead, next = 0, min(next, now)
      closed, epoch = now + told, epoch + 1
      opening = closed
    end
    next = max(next, closed)
    return
  end
  -- Starts of an earlier epoch are void.
  ahead, next = 0, min(next, now)
  -- What is counted under a rate is what was granted, the refused one too.
  if tried > 0 then uncount() end
  row = row + 1
  run = now - opening <= W and run + 1 or 1
  if row == 1 then before_row = recent() end
  local doubled = told * 2 ^ (min(row, 40) - 1)
  local longer = min(max(told, min(doubled, W)), W)
  closed = max(closed, now + longer)
  epoch, opening = epoch + 1, closed
  refused_epoch = epoch
  local before = tried > 0 and at(now) or 0
  judge(told, longer)
  -- What could not start during the pause may not start all at once.
  next = max(next, closed)
  -- One process that gives up pacing is one; of many, all would send at once.
  if before > 0 and before <= 10000 and tried == 0 and active > 1 then
    new_rate(before * 0.9, now + W, closed)
  end
end

-- Who takes part.
local begins = now >= active_until
if begins then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  local earliest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
  active_until = min(tonumber(earliest) or now + 2, now + 2)
end
local there = redis.call('ZSCORE', KEYS[2], member)
local until_ = max(tonumber(there or 0), now + 2)
local active = redis.call('ZCARD', KEYS[2]) + (there and 0 or 1)

-- What is told. Under a rate what counts are the starts that were granted, as their time comes: of many
-- processes each tells of its successes late.
if succeeded > 0 and is_open == 1 and told_epoch >= refused_epoch and told_epoch <= epoch then
  row, is_first = 0, 0
end
if tried > 0 and at(now) > 10000 then tried = 0 end
-- From before a closing: the first rate that it taught is measured again.
if told_epoch < epoch and now < closed then
  before_row = before_row + succeeded
  if is_first == 1 or tried == 0 then first_rate() end
end
if tried > 0 then
  -- The last start that was granted is one step before the next.
  local unsent = max(math.ceil((max(next, now) - now) * at(now) - 1), 0)
  local sent = max(ahead - unsent, 0)
  ahead = ahead - sent
  count(sent)
else
  ahead = 0
  count(succeeded)
end
-- While the first are back that were alone, the others still send by themselves.
if tried == 0 and last_rate > 0 and last_rate <= 10000 then
  new_rate(last_rate, now + W, now + 1)
  rejoining = now + 4
end
if pause >= 0 then refused(active) end

-- What is granted.
local rate = tried > 0 and at(now) or 0
if rate > 10000 then rate = 0 end
local granted, first_in, step, come_back = 0, 0, 0, 0
if rate > 0 then
  local opens = max(closed, now)
  local takes_urgent = false
  if is_urgent and opens == now then
    urgent = max(urgent, now - 15 / rate)
    takes_urgent = urgent <= now
    if takes_urgent then urgent = urgent + 5 / rate end
  end
  if takes_urgent then
    reserve(1)
    ahead = ahead + 1
    granted, step = 1, 1 / rate
  elseif starts == 0 then
    come_back = is_urgent and max(urgent, opens) - now or 0
  elseif is_first == 1 and now < closed then
    come_back = opens - now
  elseif max(next, opens) - opens > 10 then
    -- If all came back when there is room for one start, the same one would always come first.
    turn = (turn + 0.61803398875) % 1
    local round = active / rate
    come_back = max(next, opens) - 10 - now + turn * min(max(round - 10, 0), 10)
  else
    granted = floor(min(max(rate * 0.1 / active, 1), starts))
    local start = reserve(granted)
    ahead = ahead + granted
    first_in, step = start - now, 1 / rate
    until_ = max(until_, start + granted / rate + 2)
  end
end

redis.call('ZADD', KEYS[2], until_, member)
if begins or not there then redis.call('PEXPIRE', KEYS[2], 1800000 + 2000) end
packed = struct.pack('<ddddddddddddddddddddddd', seen, closed, epoch, row, run, opening, is_first, kept, kept_at,
  before_row, tried, base, hold, next, lateness, newest, first, urgent, active_until, ahead, refused_epoch, turn, rejoining)
redis.call('SET', KEYS[1], 'R2' .. packed .. slots, 'PX', 1800000)
return struct.pack('<dddddddd', epoch, max(closed - now, 0), rate, active, granted, first_in, step, max(come_back, 0))
