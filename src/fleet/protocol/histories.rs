//! A server that comes back as another one, and what is done before and after it.

use super::Rules;
use super::process::{Entry, MOST_REQUESTS, NOBODY, NOTHING, Process, Revision, Step};
use super::world::{Checked, HOUR, World};

impl<const N: usize> World<N> {
    /// The last process knows nothing of what was there before.
    pub(super) fn with_newcomer(mut self) -> Self {
        let refreshes = self.processes[N - 1].refreshes_left;
        self.processes[N - 1] = Process::new(refreshes, &Entry::new(NOTHING, 0));
        self
    }

    /// Whether the server has an earlier state than a process knows.
    pub(super) fn is_forgotten(&self, process: &Process, rules: Rules) -> bool {
        rules.puts_back && process.remembered.0 > self.entry.number
    }

    /// What was put back may not be the latest: those who know a later one come first.
    pub(super) fn waits_for_others(&self, rules: Rules) -> bool {
        let waits = rules.waits_for_others && self.entry.was_put_back;
        waits && self.alive().any(|process| self.is_forgotten(process, rules))
    }

    /// `load` of `tokens.rs`: a save of what has been there before, over what is there. A login that
    /// is later stays, and gets the later number.
    pub(super) fn put_back(&mut self, process: &mut Process, rules: Rules) -> Checked<bool> {
        if !self.is_forgotten(process, rules) {
            return Ok(false);
        }
        let (mut number, revision, is_ended) = process.remembered;
        let there = self.entry;
        if self.is_later_than(revision, rules) {
            self.write(Entry { number, ..there })?;
            process.keep(&self.entry);
            return Ok(true);
        }
        if !rules.puts_back_as_it_was && revision.1 == 0 {
            number = self.number_of_another(number, rules);
        }
        let (is_good, was_put_back, written_by) = (false, true, NOBODY);
        self.write(Entry { revision, number, is_ended, is_good, was_put_back, written_by })?;
        process.remembered = (number, revision, is_ended);
        Ok(true)
    }

    /// Whether what is there is later than what a process knows, by their moments: see `tokens.rs`.
    fn is_later_than(&self, known: Revision, rules: Rules) -> bool {
        let there = self.entry;
        let may_be = match (known.1 > 0, there.revision.1 > 0) {
            (true, true) => rules.later_login_stays,
            (false, true) => rules.removals_have_moments && !there.was_put_back,
            (true, false) => rules.removals_have_moments && self.is_slow && !there.was_put_back,
            (false, false) => false,
        };
        may_be && known.0 < there.revision.0
    }

    /// The number of a login or of a removal, by who knows a number.
    pub(super) fn number_of_another(&self, known: u8, rules: Rules) -> u8 {
        let counted = self.entry.number.max(known) + 1;
        match rules.numbers_are_times && !self.is_slow {
            true => counted.max(HOUR * (self.made + 1)),
            false => counted,
        }
    }

    /// Over what is there, by a process that does nothing else.
    pub(super) fn log_in_at(&mut self, index: usize, rules: Rules) -> Checked<bool> {
        if self.left.own_logins == 0 {
            return Ok(false);
        }
        let is_done = self.do_at(index, 1, rules)?;
        self.left.own_logins -= u8::from(is_done);
        Ok(is_done)
    }

    /// To be saved later.
    pub(super) fn make_late_login_at(&mut self, index: usize) -> Checked<bool> {
        let process = &mut self.processes[index];
        if self.left.late_logins == 0 || process.step != Step::Idle {
            return Ok(false);
        }
        self.left.late_logins -= 1;
        self.made += 1;
        process.late = Some(self.made);
        Ok(true)
    }

    /// `SAVE`: over what was made before it.
    pub(super) fn save_late_login_at(&mut self, index: usize, rules: Rules) -> Checked<bool> {
        let process = self.processes[index];
        let Some(login) = process.late.filter(|_| process.step == Step::Idle) else {
            return Ok(false);
        };
        let there = self.entry.revision;
        let is_ended = there.1 > 0 || rules.removals_end_late_logins;
        if there.0 < login || !is_ended {
            let number = self.number_of_another(process.remembered.0, rules);
            self.write(Entry::new((login, 1), number))?;
        }
        self.processes[index] = Process::new(process.refreshes_left, &self.entry);
        Ok(true)
    }

    /// The login and whatever else there is.
    pub(super) fn remove_at(&mut self, index: usize, rules: Rules) -> Checked<bool> {
        if self.left.removals == 0 {
            return Ok(false);
        }
        let is_done = self.do_at(index, 0, rules)?;
        self.left.removals -= u8::from(is_done);
        if is_done && !rules.leaves_gravestones {
            self.entry.number = 0;
        }
        Ok(is_done)
    }

    fn do_at(&mut self, index: usize, token: u8, rules: Rules) -> Checked<bool> {
        let process = self.processes[index];
        if process.step != Step::Idle {
            return Ok(false);
        }
        self.made += 1;
        let number = self.number_of_another(process.remembered.0, rules);
        self.write(Entry::new((self.made, token), number))?;
        self.processes[index] = Process::new(process.refreshes_left, &self.entry);
        Ok(true)
    }

    /// What a server may have that takes the place of this one.
    pub(super) fn old_states(&self) -> [Entry; 3] {
        [Entry::new(NOTHING, 0), Self::first(), self.before]
    }

    /// The server is another from now on, which has no leases.
    pub(super) fn restart(&mut self, entry: Entry) -> Checked<bool> {
        let Some(is_slow) = self.begin_restart() else { return Ok(false) };
        self.is_slow = is_slow;
        let is_held = self.lease.take().is_some_and(|owner| self.is_at_work(owner));
        self.may_send_again += if is_held { MOST_REQUESTS } else { 0 };
        match entry.revision == NOTHING {
            true => self.was_emptied = true,
            // An old token stands there like a new one.
            false => self.is_gone = true,
        }
        (self.before, self.entry) = (entry, entry);
        Ok(true)
    }

    /// By who sets it right, or wrong.
    pub(super) fn set_clock_back(&mut self) -> Checked<bool> {
        if self.left.slow_restarts == 0 || self.is_slow {
            return Ok(false);
        }
        self.left.slow_restarts -= 1;
        self.is_slow = true;
        Ok(true)
    }

    /// Whether its clock is behind; `None` when there are no more restarts.
    fn begin_restart(&mut self) -> Option<bool> {
        if self.left.restarts > 0 {
            self.left.restarts -= 1;
            return Some(false);
        }
        self.left.slow_restarts = self.left.slow_restarts.checked_sub(1)?;
        Some(true)
    }
}
