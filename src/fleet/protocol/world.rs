//! The server, the accounts service, and all that may happen to both.

use super::process::{Entry, MOST_REQUESTS, NOBODY, Owner, Process, Revision, Step};
use super::{Faults, Rules};

pub(super) type Checked<T> = Result<T, String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct World<const N: usize> {
    pub(super) entry: Entry,
    pub(super) before: Entry,
    pub(super) lease: Option<Owner>,
    pub(super) processes: [Process; N],
    pub(super) left: Faults,
    /// How many logins and removals there were after the first login.
    pub(super) made: u8,
    /// The newest token of each login, at the accounts service.
    newest: [u8; 4],
    /// Whether the server's clock is behind that of the one before.
    pub(super) is_slow: bool,
    /// How often a token may be sent again: by who lost a lease while alive, and for who was
    /// killed before it told that a token has ended.
    pub(super) may_send_again: u8,
    /// What followed a token is gone: with its process, its response, or the server's last write.
    pub(super) is_gone: bool,
    /// The server came back with nothing, which those who know more put back.
    pub(super) was_emptied: bool,
}

impl<const N: usize> World<N> {
    pub(super) fn new(refreshes: u8, left: Faults) -> Self {
        let entry = Self::first();
        Self {
            entry,
            before: entry,
            lease: None,
            processes: [Process::new(refreshes, &entry); N],
            left,
            made: 0,
            newest: [1; 4],
            is_slow: false,
            may_send_again: 0,
            is_gone: false,
            was_emptied: false,
        }
    }

    /// A login whose access token has expired.
    pub(super) fn first() -> Entry {
        Entry { is_good: false, ..Entry::new((0, 1), HOUR) }
    }

    pub(super) fn description(&self) -> String {
        format!("{} refreshes each, {:?}", self.processes[0].refreshes_left, self.left)
    }

    fn owner(&self, index: usize) -> Owner {
        (index as u8, self.processes[index].refreshes_left)
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(|process| process.step != Step::Dead)
    }

    /// By one that is alive.
    fn is_known(&self, revision: Revision) -> bool {
        self.alive().any(|it| it.remembered.1 == revision || it.revision == revision)
    }

    /// Whether it is in the refresh for which it took the lease.
    pub(super) fn is_at_work(&self, owner: Owner) -> bool {
        let index = usize::from(owner.0);
        self.processes[index].step != Step::Dead && owner == self.owner(index)
    }

    /// All that may happen next.
    pub(super) fn next(&self, rules: Rules) -> Checked<Vec<Self>> {
        let mut next = Vec::new();
        for index in 0..N {
            next.extend(self.with(|world| world.go_on(index, rules))?);
            next.extend(self.with(|world| world.look_in_the_background(index, rules))?);
            next.extend(self.with(|world| world.save_late_login_at(index, rules))?);
        }
        next.extend(self.with(Self::end_lease)?);
        if next.is_empty() {
            self.check_end()?;
        }
        for index in 0..N {
            next.extend(self.with(|world| world.lose_a_response(index, rules))?);
            next.extend(self.with(|world| world.kill(index))?);
            next.extend(self.with(|world| world.log_in_at(index, rules))?);
            next.extend(self.with(|world| world.make_late_login_at(index))?);
            next.extend(self.with(|world| world.remove_at(index, rules))?);
        }
        for happen in [Self::expire, Self::forget, Self::set_clock_back] {
            next.extend(self.with(happen)?);
        }
        next.extend(self.with(|world| world.log_in(rules))?);
        for entry in self.old_states() {
            next.extend(self.with(|world| world.restart(entry))?);
        }
        Ok(next)
    }

    /// A world in which something happened, if it could.
    fn with(&self, happen: impl FnOnce(&mut Self) -> Checked<bool>) -> Checked<Option<Self>> {
        let mut world = *self;
        Ok(happen(&mut world)?.then_some(world))
    }

    fn go_on(&mut self, index: usize, rules: Rules) -> Checked<bool> {
        let owner = self.owner(index);
        let mut process = self.processes[index];
        process.step = match process.step {
            Step::Idle if process.late.is_none() && process.refreshes_left > 0 => Step::Turn,
            Step::Turn if self.entry.is_good && self.entry.revision != process.revision => {
                Step::Look
            }
            Step::Turn if rules.has_leases && self.lease.is_some_and(|held| held != owner) => {
                return Ok(false);
            }
            Step::Turn => {
                (self.lease, process.has_lease) = (Some(owner), true);
                Step::Look
            }
            Step::Look | Step::LookAgain | Step::Reread => {
                if self.is_forgotten(&process, rules) || self.waits_for_others(rules) {
                    return Ok(false);
                }
                let before = process.revision;
                let is_adopted = process.look(&self.entry);
                if process.revision.0 < before.0 {
                    return Err(format!("{before:?} was given up for {:?}", process.revision));
                }
                process.after_look(is_adopted, &self.entry, rules.marks_what_was_sent)
            }
            Step::Send => self.send(&mut process)?,
            Step::Sent { renewed: true } => process.receive(self.newest),
            Step::Sent { renewed: false } => Step::LookAgain,
            Step::Save { replaces, is_second } => {
                let saved = self.save(&mut process, replaces, false, owner, rules)?;
                match (saved, is_second) {
                    (true, _) => Step::Release,
                    // A server that has forgotten what this replaces gets it back first.
                    (false, false) => {
                        self.put_back(&mut process, rules)?;
                        process.keep(&self.entry);
                        Step::Save { replaces, is_second: true }
                    }
                    (false, true) => Step::Reread,
                }
            }
            Step::Mark => {
                process.is_ended = true;
                let replaces = process.revision;
                self.save(&mut process, replaces, true, owner, rules)?;
                Step::Release
            }
            Step::Release => {
                if self.lease == Some(owner) || !rules.releases_compare {
                    self.lease = None;
                }
                process.refreshes_left -= 1;
                (process.requests, process.has_lease) = (0, false);
                Step::Idle
            }
            Step::Idle | Step::Dead => return Ok(false),
        };
        self.processes[index] = process;
        Ok(true)
    }

    fn send(&mut self, process: &mut Process) -> Checked<Step> {
        let (login, token) = process.revision;
        let newest = self.newest[usize::from(login)];
        process.requests += 1;
        if token == newest {
            self.newest[usize::from(login)] += 1;
            return Ok(Step::Sent { renewed: true });
        }
        let is_forgotten = self.was_emptied && !self.is_known((login, newest));
        if self.may_send_again == 0 && !self.is_gone && !is_forgotten {
            return Err(format!("{:?} was sent again", process.revision));
        }
        self.may_send_again = self.may_send_again.saturating_sub(1);
        Ok(Step::Sent { renewed: false })
    }

    /// `SAVE`: compare and swap. Where a process does the same again, it finds that it is done.
    fn save(
        &mut self,
        process: &mut Process,
        replaces: Revision,
        is_ended: bool,
        owner: Owner,
        rules: Rules,
    ) -> Checked<bool> {
        let there = self.entry;
        let compares = if is_ended { rules.marks_compare } else { rules.saves_compare };
        let is_done = there.revision == process.revision && there.written_by == owner;
        if !is_done || there.is_ended != is_ended {
            if rules.saves_over_what_is_known && process.remembered.1 != replaces {
                return Ok(false);
            }
            if compares && there.revision != replaces {
                return Ok(false);
            }
            let step = u8::from(there.revision != process.revision);
            let number = there.number.max(process.remembered.0) + step;
            self.write(Entry {
                revision: process.revision,
                number,
                is_ended,
                is_good: !is_ended,
                was_put_back: there.was_put_back,
                written_by: owner,
            })?;
        }
        process.remembered = (self.entry.number, process.revision, is_ended);
        process.ancestor = None;
        Ok(true)
    }

    pub(super) fn write(&mut self, entry: Entry) -> Checked<()> {
        let there = self.entry;
        let is_mark = entry.is_ended && entry.revision.1 > 0 && entry.written_by != NOBODY;
        if is_mark && entry.revision != there.revision {
            return Err(format!("the mark of {:?} hit {:?}", entry.revision, there.revision));
        }
        if entry.revision < there.revision {
            return Err(format!("{:?} was overwritten by {:?}", there.revision, entry.revision));
        }
        (self.before, self.entry) = (there, entry);
        Ok(())
    }

    /// Also while a request or a save of the same process is under way.
    fn look_in_the_background(&mut self, index: usize, rules: Rules) -> Checked<bool> {
        let mut process = self.processes[index];
        let is_put_back = process.step != Step::Dead && self.put_back(&mut process, rules)?;
        let is_under_way = matches!(process.step, Step::Sent { .. } | Step::Save { .. });
        let is_seen = is_under_way && process.keep(&self.entry);
        self.processes[index] = process;
        Ok(is_put_back || is_seen)
    }

    /// What was called took effect, but the process does not know.
    fn lose_a_response(&mut self, index: usize, rules: Rules) -> Checked<bool> {
        let before = self.processes[index];
        if let Step::Sent { renewed } = before.step {
            if self.left.lost_tokens == 0 {
                return Ok(false);
            }
            self.left.lost_tokens -= 1;
            self.is_gone |= renewed;
            self.processes[index].step = Step::Release;
            return Ok(true);
        }
        let is_call = matches!(before.step, Step::Turn | Step::Save { .. } | Step::Mark);
        if !is_call || self.left.lost_calls == 0 || !self.go_on(index, rules)? {
            return Ok(false);
        }
        self.left.lost_calls -= 1;
        self.processes[index] = before;
        Ok(true)
    }

    fn kill(&mut self, index: usize) -> Checked<bool> {
        let process = &mut self.processes[index];
        if self.left.kills == 0 || process.step == Step::Dead {
            return Ok(false);
        }
        self.left.kills -= 1;
        let is_unsaved = process.ancestor.is_some() && self.entry.revision != process.revision;
        let has_asked = matches!(process.step, Step::Sent { .. } | Step::LookAgain | Step::Mark);
        self.is_gone |= is_unsaved || process.step == Step::Sent { renewed: true };
        self.may_send_again += u8::from(has_asked);
        process.step = Step::Dead;
        Ok(true)
    }

    fn end_lease(&mut self) -> Checked<bool> {
        let Some(owner) = self.lease else { return Ok(false) };
        if self.is_at_work(owner) {
            if self.left.lost_leases == 0 {
                return Ok(false);
            }
            self.left.lost_leases -= 1;
            self.may_send_again += MOST_REQUESTS;
        }
        self.lease = None;
        Ok(true)
    }

    fn expire(&mut self) -> Checked<bool> {
        Ok(std::mem::take(&mut self.entry.is_good))
    }

    fn forget(&mut self) -> Checked<bool> {
        if self.left.lost_writes == 0 || self.entry == self.before {
            return Ok(false);
        }
        self.left.lost_writes -= 1;
        self.is_gone = true;
        self.entry = self.before;
        Ok(true)
    }

    /// Somewhere else, over what is there.
    fn log_in(&mut self, rules: Rules) -> Checked<bool> {
        if self.left.logins == 0 {
            return Ok(false);
        }
        self.left.logins -= 1;
        self.made += 1;
        self.write(Entry::new((self.made, 1), self.number_of_another(0, rules)))?;
        Ok(true)
    }

    /// Where nothing goes on any more: the login works, or nobody is alive who could mend it.
    fn check_end(&self) -> Checked<()> {
        let is_done = |process: &Process| {
            process.step == Step::Dead || (process.step, process.refreshes_left) == (Step::Idle, 0)
        };
        if !self.processes.iter().all(is_done) {
            return Err("a living process cannot go on".into());
        }
        let known = self.alive().map(|it| it.remembered.1.max(it.revision)).max();
        let there = self.entry.revision;
        if known.is_some_and(|known| there < known) {
            return Err(format!("{known:?} is not put back, but {there:?} is there"));
        }
        let login = there.0;
        let newest = (login, self.newest[usize::from(login)]);
        let works = there.1 == 0 || (!self.entry.is_ended && there == newest);
        match works || ((self.is_gone || self.was_emptied) && !self.is_known(newest)) {
            true => Ok(()),
            false => Err("the login was lost".into()),
        }
    }
}

/// What the clock goes on by from one login or removal to the next: more than there are refreshes
/// between them.
pub(super) const HOUR: u8 = 16;
