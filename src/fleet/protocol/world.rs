//! The server, the accounts service, and all that may happen to both.

use super::process::{Entry, MOST_REQUESTS, Owner, Process, Revision, Step};
use super::{Faults, Rules};

pub(super) type Checked<T> = Result<T, String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct World<const N: usize> {
    entry: Entry,
    before: Entry,
    lease: Option<Owner>,
    processes: [Process; N],
    left: Faults,
    /// The newest token of each login, at the accounts service.
    newest: [u8; 2],
    /// How often a token may be sent again: by whoever lost a lease while alive, and for who was
    /// killed before it told that a token has ended.
    may_send_again: u8,
    /// What followed a token is gone: with its process, its response, or the server's last write.
    is_gone: bool,
}

impl<const N: usize> World<N> {
    pub(super) fn new(refreshes: u8, left: Faults) -> Self {
        let first = (0, 1);
        let entry = Entry {
            revision: first,
            number: 1,
            is_ended: false,
            is_good: false,
            was_put_back: false,
            written_by: (u8::MAX, 0),
        };
        let process = Process {
            step: Step::Idle,
            refreshes_left: refreshes,
            revision: first,
            ancestor: None,
            is_ended: false,
            has_lease: false,
            requests: 0,
            remembered: (1, first, false),
        };
        Self {
            entry,
            before: entry,
            lease: None,
            processes: [process; N],
            left,
            newest: [1, 1],
            may_send_again: 0,
            is_gone: false,
        }
    }

    fn owner(&self, index: usize) -> Owner {
        (index as u8, self.processes[index].refreshes_left)
    }

    fn is_alive(&self, owner: Owner) -> bool {
        self.processes[usize::from(owner.0)].step != Step::Dead
    }

    /// All that may happen next.
    pub(super) fn next(&self, rules: Rules) -> Checked<Vec<Self>> {
        let mut next = Vec::new();
        for index in 0..N {
            next.extend(self.with(|world| world.go_on(index, rules))?);
            next.extend(self.with(|world| world.look_in_the_background(index, rules))?);
        }
        next.extend(self.with(Self::end_lease)?);
        if next.is_empty() {
            self.check_end()?;
        }
        for index in 0..N {
            next.extend(self.with(|world| world.lose_a_response(index, rules))?);
            next.extend(self.with(|world| world.kill(index))?);
        }
        for happen in [Self::expire, Self::forget, Self::log_in] {
            next.extend(self.with(happen)?);
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
            Step::Idle if process.refreshes_left > 0 => Step::Turn,
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
                let is_adopted = process.look(&self.entry);
                process.after_look(is_adopted, &self.entry, rules.marks_what_was_sent)
            }
            Step::Send => self.send(&mut process)?,
            Step::Sent { renewed: true } => process.receive(self.newest),
            Step::Sent { renewed: false } => Step::LookAgain,
            Step::Save { replaces, is_second } => {
                let saved = self.save(&mut process, replaces, false, owner, rules.saves_compare)?;
                match (saved, is_second) {
                    (true, _) => Step::Release,
                    // A server that has forgotten what this replaces gets it back first.
                    (false, false) => {
                        self.put_back(&process, rules)?;
                        Step::Save { replaces, is_second: true }
                    }
                    (false, true) => Step::Reread,
                }
            }
            Step::Mark => {
                process.is_ended = true;
                let replaces = process.revision;
                self.save(&mut process, replaces, true, owner, rules.marks_compare)?;
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
        let newest = &mut self.newest[usize::from(login)];
        process.requests += 1;
        if token == *newest {
            *newest += 1;
            return Ok(Step::Sent { renewed: true });
        }
        if self.may_send_again == 0 && !self.is_gone {
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
        compares: bool,
    ) -> Checked<bool> {
        let there = self.entry;
        let is_done = there.revision == process.revision && there.written_by == owner;
        if !is_done || there.is_ended != is_ended {
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
                was_put_back: false,
                written_by: owner,
            })?;
        }
        process.remembered = (self.entry.number, process.revision, is_ended);
        process.ancestor = None;
        Ok(true)
    }

    fn write(&mut self, entry: Entry) -> Checked<()> {
        let there = self.entry;
        if entry.is_ended && entry.revision != there.revision {
            return Err(format!("the mark of {:?} hit {:?}", entry.revision, there.revision));
        }
        if entry.revision < there.revision {
            return Err(format!("{:?} was overwritten by {:?}", there.revision, entry.revision));
        }
        (self.before, self.entry) = (there, entry);
        Ok(())
    }

    /// Whether the server has an earlier state than a process knows.
    fn is_forgotten(&self, process: &Process, rules: Rules) -> bool {
        rules.puts_back && process.remembered.0 > self.entry.number
    }

    /// What was put back may not be the latest: those who know a later one come first.
    fn waits_for_others(&self, rules: Rules) -> bool {
        let mut alive = self.processes.iter().filter(|process| process.step != Step::Dead);
        self.entry.was_put_back && alive.any(|process| self.is_forgotten(process, rules))
    }

    /// A save of what has been there before, over what is there.
    fn put_back(&mut self, process: &Process, rules: Rules) -> Checked<bool> {
        if !self.is_forgotten(process, rules) {
            return Ok(false);
        }
        let (number, revision, is_ended) = process.remembered;
        let (is_good, written_by) = (false, (u8::MAX, 0));
        let was_put_back = true;
        self.write(Entry { revision, number, is_ended, is_good, was_put_back, written_by })?;
        Ok(true)
    }

    fn look_in_the_background(&mut self, index: usize, rules: Rules) -> Checked<bool> {
        let process = self.processes[index];
        Ok(process.step != Step::Dead && self.put_back(&process, rules)?)
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
        let is_lost = self.is_alive(owner) && owner == self.owner(usize::from(owner.0));
        if is_lost {
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
    fn log_in(&mut self) -> Checked<bool> {
        if self.left.logins == 0 {
            return Ok(false);
        }
        self.left.logins -= 1;
        let number = self.entry.number + 1;
        let (revision, written_by) = ((1, 1), (u8::MAX, 0));
        let (is_ended, is_good, was_put_back) = (false, true, false);
        self.write(Entry { revision, number, is_ended, is_good, was_put_back, written_by })?;
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
        let login = self.entry.revision.0;
        let newest = (login, self.newest[usize::from(login)]);
        let works = !self.entry.is_ended && self.entry.revision == newest;
        let has_it =
            |process: &Process| process.remembered.1 == newest || process.revision == newest;
        let is_known = self.processes.iter().any(|it| it.step != Step::Dead && has_it(it));
        match works || (self.is_gone && !is_known) {
            true => Ok(()),
            false => Err("the login was lost".into()),
        }
    }
}
