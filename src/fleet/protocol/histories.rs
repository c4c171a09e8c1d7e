//! A server that comes back as another one, and what is done before and after it.

use super::Rules;
use super::process::{Entry, MOST_REQUESTS, NOBODY, NOTHING, Process, Step};
use super::world::{Checked, HOUR, World};

impl Rules {
    /// The number that a process has in mind when it writes.
    pub(super) fn known(self, process: &Process) -> u8 {
        if self.counts_on_from_what_is_known { process.remembered.0 } else { 0 }
    }
}

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
        let are_logins = revision.1 > 0 && there.revision.1 > 0;
        if rules.later_login_stays && are_logins && revision.0 < there.revision.0 {
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
        // A removal does not say when it was made, other than by its number.
        let is_grave = |it: &Process| it.remembered.1.1 == 0 && it.remembered.0 > 0;
        let may = !self.is_slow || self.knows_all(index) || !self.alive().any(is_grave);
        if self.left.own_logins == 0 || !may {
            return Ok(false);
        }
        let is_done = self.do_at(index, 1, rules)?;
        self.left.own_logins -= u8::from(is_done);
        Ok(is_done)
    }

    /// The login and whatever else there is.
    pub(super) fn remove_at(&mut self, index: usize, rules: Rules) -> Checked<bool> {
        let may = !self.is_slow || self.knows_all(index);
        if self.left.removals == 0 || !may {
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
        let number = self.number_of_another(rules.known(&process), rules);
        self.write(Entry::new((self.made, token), number))?;
        self.processes[index] = Process::new(process.refreshes_left, &self.entry);
        Ok(true)
    }

    /// Before a server whose clock is behind, only who knows the latest number writes a later one.
    fn knows_all(&self, index: usize) -> bool {
        let known = self.processes[index].remembered.0;
        self.alive().all(|process| process.remembered.0 <= known)
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
