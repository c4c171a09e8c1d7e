//! What may happen, and how often.

/// So much of each; all orders of it are played.
#[derive(Debug, Clone, Default)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) processes: usize,
    /// Whether the store has locks.
    pub(super) locks: bool,
    /// Whether user 0 has logged in before; the access token has expired.
    pub(super) is_logged_in: bool,
    /// Whether the processes have used that login before.
    pub(super) is_warm: bool,
    /// Whether the server takes a refresh token twice.
    pub(super) forgives: bool,
    /// By process.
    pub(super) asks: [u8; 2],
    pub(super) logins: [u8; 2],
    pub(super) log_outs: [u8; 2],
    pub(super) rejections: [u8; 2],
    /// How many callers of a login go away.
    pub(super) leavers: u8,
    /// How many operations fail.
    pub(super) load_failures: u8,
    pub(super) save_failures: u8,
    pub(super) lock_failures: u8,
    pub(super) request_failures: u8,
    /// How often the entry is removed by somebody else.
    pub(super) removals: u8,
    /// How often all access tokens expire.
    pub(super) expiries: u8,
    /// How often a second passes, so that pauses end.
    pub(super) seconds: u8,
    /// How often the runtime ends and another begins.
    pub(super) restarts: u8,
}

impl Scenario {
    /// A few of everything, for every run of the tests.
    pub(super) fn small() -> Vec<Self> {
        let one = Self { processes: 1, locks: true, is_logged_in: true, ..Self::default() };
        let two = Self { processes: 2, ..one.clone() };
        vec![
            Self {
                name: "a refresh, a login, a load fails",
                asks: [1, 0],
                logins: [1, 0],
                load_failures: 1,
                request_failures: 1,
                ..one.clone()
            },
            Self {
                name: "nobody is logged in, a login, a save fails",
                is_logged_in: false,
                asks: [1, 0],
                logins: [1, 0],
                save_failures: 1,
                expiries: 1,
                ..one.clone()
            },
            Self {
                name: "a login whose save only seems to fail, a refresh",
                is_warm: true,
                asks: [1, 0],
                logins: [1, 0],
                load_failures: 1,
                save_failures: 1,
                expiries: 1,
                ..one.clone()
            },
            Self {
                name: "two logins overlap",
                asks: [1, 0],
                logins: [2, 0],
                leavers: 1,
                ..one.clone()
            },
            Self {
                name: "a log-out, a save fails",
                is_warm: true,
                asks: [1, 0],
                log_outs: [1, 0],
                save_failures: 1,
                ..one.clone()
            },
            Self {
                name: "the entry is removed",
                is_warm: true,
                asks: [1, 0],
                logins: [1, 0],
                removals: 1,
                ..one.clone()
            },
            Self {
                name: "the runtime ends",
                asks: [1, 0],
                logins: [1, 0],
                restarts: 1,
                ..one.clone()
            },
            Self { name: "rejections", asks: [1, 0], logins: [1, 0], rejections: [2, 0], ..one },
            Self {
                name: "two processes refresh",
                asks: [1, 1],
                load_failures: 1,
                lock_failures: 1,
                request_failures: 1,
                ..two.clone()
            },
            Self {
                name: "two processes, a save fails",
                asks: [1, 1],
                save_failures: 1,
                ..two.clone()
            },
            Self {
                name: "two processes without locks",
                locks: false,
                asks: [1, 1],
                seconds: 1,
                ..two.clone()
            },
            Self {
                name: "one process refreshes, the other logs in, a save fails",
                is_warm: true,
                asks: [1, 0],
                logins: [0, 1],
                save_failures: 1,
                ..two.clone()
            },
            Self {
                name: "one process refreshes, the other logs out",
                is_warm: true,
                asks: [1, 0],
                log_outs: [0, 1],
                ..two.clone()
            },
            Self {
                name: "one process refreshes, the entry is removed, the other logs in",
                is_warm: true,
                asks: [1, 0],
                logins: [0, 1],
                removals: 1,
                ..two.clone()
            },
            Self { name: "both log in", logins: [1, 1], load_failures: 1, ..two },
        ]
    }

    /// More of everything: takes minutes.
    pub(super) fn large() -> Vec<Self> {
        let one = Self { processes: 1, locks: true, is_logged_in: true, ..Self::default() };
        let two = Self { processes: 2, ..one.clone() };
        vec![
            Self {
                name: "a refresh, a login",
                asks: [2, 0],
                logins: [1, 0],
                load_failures: 1,
                save_failures: 1,
                request_failures: 1,
                expiries: 1,
                ..one.clone()
            },
            Self {
                name: "nobody is logged in, a login",
                is_logged_in: false,
                asks: [2, 0],
                logins: [1, 0],
                load_failures: 1,
                save_failures: 1,
                rejections: [1, 0],
                ..one.clone()
            },
            Self {
                name: "two logins overlap",
                asks: [2, 0],
                logins: [2, 0],
                load_failures: 1,
                leavers: 1,
                ..one.clone()
            },
            Self {
                name: "two logins overlap, a save fails",
                asks: [1, 0],
                logins: [2, 0],
                save_failures: 1,
                expiries: 1,
                ..one.clone()
            },
            Self {
                name: "a login and a log-out",
                asks: [2, 0],
                logins: [1, 0],
                log_outs: [1, 0],
                load_failures: 1,
                save_failures: 1,
                ..one.clone()
            },
            Self {
                name: "the entry is removed",
                asks: [2, 0],
                logins: [1, 0],
                removals: 1,
                load_failures: 1,
                expiries: 1,
                ..one.clone()
            },
            Self {
                name: "the runtime ends",
                asks: [2, 0],
                logins: [1, 0],
                log_outs: [1, 0],
                restarts: 1,
                expiries: 1,
                ..one.clone()
            },
            Self {
                name: "rejections",
                asks: [1, 0],
                logins: [1, 0],
                rejections: [2, 0],
                save_failures: 1,
                ..one
            },
            Self {
                name: "two processes refresh",
                asks: [2, 2],
                expiries: 1,
                load_failures: 1,
                lock_failures: 1,
                request_failures: 1,
                ..two.clone()
            },
            Self {
                name: "two processes, a save fails",
                asks: [2, 1],
                expiries: 1,
                save_failures: 1,
                ..two.clone()
            },
            Self {
                name: "two processes without locks",
                locks: false,
                asks: [1, 1],
                seconds: 2,
                load_failures: 1,
                ..two.clone()
            },
            Self {
                name: "two processes without locks, a server that forgives",
                locks: false,
                forgives: true,
                asks: [1, 1],
                seconds: 1,
                save_failures: 1,
                ..two.clone()
            },
            Self {
                name: "one process refreshes, the other logs in",
                asks: [1, 1],
                logins: [0, 1],
                load_failures: 1,
                save_failures: 1,
                ..two.clone()
            },
            Self {
                name: "one process refreshes, the other logs out",
                asks: [1, 1],
                log_outs: [0, 1],
                save_failures: 1,
                expiries: 1,
                ..two.clone()
            },
            Self {
                name: "one process refreshes, the entry is removed, the other logs in",
                asks: [2, 0],
                logins: [0, 1],
                removals: 1,
                expiries: 1,
                ..two.clone()
            },
            Self {
                name: "both log in",
                asks: [1, 1],
                logins: [1, 1],
                load_failures: 1,
                ..two.clone()
            },
            Self {
                name: "both log in, a save fails",
                asks: [1, 0],
                logins: [1, 1],
                save_failures: 1,
                ..two
            },
        ]
    }
}
