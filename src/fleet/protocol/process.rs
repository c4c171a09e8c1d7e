//! A process that refreshes, and what it makes of what it finds.

/// A revision: the login, and which of its tokens, each of which is good once. Token 0 of a login
/// is that there is none, since it was removed; logins and removals are numbered as they come.
pub(super) type Revision = (u8, u8);

/// Nothing that anybody did.
pub(super) const NOTHING: Revision = (0, 0);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) revision: Revision,
    pub(super) number: u8,
    pub(super) is_ended: bool,
    pub(super) is_good: bool,
    pub(super) was_put_back: bool,
    pub(super) written_by: Owner,
}

impl Entry {
    /// What nobody did under a lease.
    pub(super) fn new(revision: Revision, number: u8) -> Self {
        let is_ended = revision.1 == 0;
        let (is_good, was_put_back) = (!is_ended, false);
        Self { revision, number, is_ended, is_good, was_put_back, written_by: NOBODY }
    }
}

pub(super) const NOBODY: Owner = (u8::MAX, 0);

/// A process, and which of its refreshes.
pub(super) type Owner = (u8, u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Idle,
    Turn,
    Look,
    Send,
    Sent { renewed: bool },
    LookAgain,
    Save { replaces: Revision, is_second: bool },
    Reread,
    Mark,
    Release,
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) step: Step,
    pub(super) refreshes_left: u8,
    pub(super) revision: Revision,
    /// What it was refreshed from, while that is not known to be replaced.
    pub(super) ancestor: Option<Revision>,
    pub(super) is_ended: bool,
    /// Whether it took the lease, as far as it knows.
    pub(super) has_lease: bool,
    pub(super) requests: u8,
    /// A login that was made here, and is in no store yet.
    pub(super) late: Option<u8>,
    /// What it knows to have been in the server.
    pub(super) remembered: (u8, Revision, bool),
}

impl Process {
    /// One that knows what the server has.
    pub(super) fn new(refreshes_left: u8, entry: &Entry) -> Self {
        Self {
            step: Step::Idle,
            refreshes_left,
            revision: entry.revision,
            ancestor: None,
            is_ended: entry.is_ended,
            has_lease: false,
            requests: 0,
            late: None,
            remembered: (entry.number, entry.revision, entry.is_ended),
        }
    }

    /// Remembers what is there, unless it knows a later one; says whether that is another.
    pub(super) fn keep(&mut self, entry: &Entry) -> bool {
        let there = (entry.number, entry.revision, entry.is_ended);
        let is_other = entry.number >= self.remembered.0 && there != self.remembered;
        self.remembered = if is_other { there } else { self.remembered };
        is_other
    }

    /// Whether what is there is adopted: see the table in `auth/cache/credentials.rs`.
    pub(super) fn look(&mut self, entry: &Entry) -> bool {
        self.keep(entry);
        if entry.revision == self.revision {
            (self.ancestor, self.is_ended) = (None, self.is_ended || entry.is_ended);
            return false;
        }
        if self.ancestor == Some(entry.revision) {
            return false;
        }
        (self.revision, self.is_ended, self.ancestor) = (entry.revision, entry.is_ended, None);
        true
    }

    pub(super) fn after_look(
        &self,
        is_adopted: bool,
        entry: &Entry,
        marks_what_was_sent: bool,
    ) -> Step {
        let is_unsaved = self.revision != entry.revision;
        match self.step {
            _ if is_unsaved => Step::Save { replaces: entry.revision, is_second: false },
            _ if self.is_ended || (is_adopted && entry.is_good) => Step::Release,
            Step::LookAgain if !is_adopted || !marks_what_was_sent => Step::Mark,
            Step::LookAgain if self.requests == MOST_REQUESTS => Step::Release,
            Step::Reread => Step::Release,
            // Another had refreshed, but that is of no use any more.
            Step::Look if !self.has_lease => Step::Turn,
            _ => Step::Send,
        }
    }

    pub(super) fn receive(&mut self, newest: [u8; 4]) -> Step {
        let replaces = self.revision;
        self.revision.1 = newest[usize::from(self.revision.0)];
        self.ancestor = Some(replaces);
        Step::Save { replaces, is_second: false }
    }
}

/// In one refresh.
pub(super) const MOST_REQUESTS: u8 = 2;
