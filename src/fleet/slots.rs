//! Which master of a cluster has which slot, as `CLUSTER SLOTS` and redirects say.

use std::collections::HashSet;

use redis::{RedisError, Value};

use super::FleetError;
use super::failure::{NO_SLOTS, odd_response};
use super::link::Node;
use super::returned::read_plain;

/// The masters, and what each of them has.
#[derive(Clone)]
pub(super) struct Slots {
    masters: Vec<Node>,
    /// By which nodes know each other, wherever they are reached.
    ids: HashSet<Vec<u8>>,
    /// The nodes that may become one of them.
    replicas: Vec<Node>,
    /// Of each slot, which of the masters has it.
    owners: Vec<Option<usize>>,
}

impl Slots {
    /// From what a node says: of each range the first slot, the last one, and the master with its port,
    /// before its replicas. One without a host of its own is where the node was `reached`.
    pub(super) fn of(said: Value, reached: &str) -> Result<Self, FleetError> {
        let owners = vec![None; usize::from(COUNT)];
        let mut slots =
            Self { masters: Vec::new(), ids: HashSet::new(), replicas: Vec::new(), owners };
        let Value::Array(ranges) = said else { return Err(odd_response()) };
        for range in ranges {
            let Value::Array(parts) = range else { return Err(odd_response()) };
            let mut parts = parts.into_iter();
            let (Some(first), Some(last)) = (parts.next(), parts.next()) else {
                return Err(odd_response());
            };
            let (first, last) = (number(first)?, number(last)?);
            let Some(Value::Array(master)) = parts.next() else { continue };
            if let Some(Value::BulkString(id)) = master.get(2) {
                slots.ids.insert(id.clone());
            }
            let master = node_of(master, reached)?.map(|master| slots.index_of(master));
            let range = slots.owners.get_mut(usize::from(first)..=usize::from(last));
            range.ok_or_else(odd_response)?.fill(master);
            if slots.masters.len() > MOST_MASTERS {
                return Err(odd_response());
            }
            for replica in parts {
                let Value::Array(replica) = replica else { continue };
                let replica = node_of(replica, reached).ok().flatten();
                let replica = replica.filter(|replica| !slots.replicas.contains(replica));
                slots.replicas.extend(replica.filter(|_| slots.replicas.len() < MOST_MASTERS));
            }
        }
        match slots.masters.is_empty() {
            true => Err(FleetError::Server { reason: NO_SLOTS.into() }),
            false => Ok(slots),
        }
    }

    /// Whether each slot has the same owner, or none. Nodes list the masters in different orders.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let there = |master| other.masters.iter().position(|it| it == master);
        let theirs: Vec<_> = self.masters.iter().map(there).collect();
        self.owners.iter().zip(&other.owners).all(|(own, other)| match own {
            Some(own) => other.is_some() && theirs.get(*own) == Some(other),
            None => other.is_none(),
        })
    }

    /// Whether they have a master in common, which may be reached by several names.
    pub(super) fn has_master_of(&self, other: &Self) -> bool {
        let is_there = self.masters.iter().any(|master| other.masters.contains(master));
        is_there || !self.ids.is_disjoint(&other.ids)
    }

    /// Those that have any slot, as far as is known.
    pub(super) fn masters(&self) -> &[Node] {
        &self.masters
    }

    pub(super) fn replicas(&self) -> &[Node] {
        &self.replicas
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Node> {
        let master = self.owners.get(usize::from(slot)).copied().flatten()?;
        self.masters.get(master)
    }

    pub(super) fn have_owners(&self) -> bool {
        self.owned() == self.owners.len()
    }

    /// How many have an owner.
    pub(super) fn owned(&self) -> usize {
        self.owners.iter().flatten().count()
    }

    pub(super) fn adopt(&mut self, slot: u16, owner: Node) {
        let master = self.index_of(owner);
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = Some(master);
        }
    }

    fn index_of(&mut self, master: Node) -> usize {
        let known = self.masters.iter().position(|known| *known == master);
        known.unwrap_or_else(|| {
            self.masters.push(master);
            self.masters.len() - 1
        })
    }
}

/// `None` of one that cannot be reached, which is no trouble of the others: without a port for TLS, say,
/// while a cluster is being changed to it.
fn node_of(node: Vec<Value>, reached: &str) -> Result<Option<Node>, FleetError> {
    let mut node = node.into_iter();
    let (Some(host), Some(port)) = (node.next(), node.next()) else {
        return Err(odd_response());
    };
    let port = number(port)?;
    let Ok(host) = read_plain::<Option<String>>(host) else { return Ok(None) };
    let host = host.unwrap_or_default();
    Ok((port > 0).then(|| (named(&host, reached).to_owned(), port)))
}

/// The driver takes what is too large for something else.
fn number(value: Value) -> Result<u16, FleetError> {
    u16::try_from(read_plain::<i64>(value)?).map_err(|_| odd_response())
}

/// A host that is not told is the one at which the node that says so was `reached`.
fn named<'a>(host: &'a str, reached: &'a str) -> &'a str {
    if matches!(host, "" | "?") { reached } else { host }
}

/// Which slot a node that was `reached` at a host sends elsewhere, and where.
pub(super) fn redirected(error: &RedisError, reached: &str) -> Option<(u16, Node)> {
    let (to, slot) = error.redirect_node()?;
    let (host, port) = to.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (slot < COUNT).then(|| (slot, (named(host, reached).to_owned(), port)))
}

/// The slot of a key, which is that of what stands in its first braces, if anything does.
pub(super) fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let tag = tag.map(|(tag, _)| tag).filter(|tag| !tag.is_empty());
    crc16(tag.unwrap_or(key).as_bytes()) % COUNT
}

/// CRC-16/XMODEM, by the [specification of clusters](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| match crc & 0x8000 {
            0 => crc << 1,
            _ => crc << 1 ^ 0x1021,
        })
    })
}

/// How many slots a cluster has.
const COUNT: u16 = 16_384;

/// As many nodes as a cluster should have at most.
const MOST_MASTERS: usize = 1_000;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that fails is a test that panics")]
pub(super) mod tests {
    use redis::parse_redis_value;

    use super::*;

    /// As `CLUSTER KEYSLOT` says.
    #[test]
    fn the_slot_of_a_key_is_the_one_of_its_tag() {
        for (key, slot) in [
            ("foo", 12_182),
            ("bar", 5_061),
            ("123456789", 0x31c3),
            ("", 0),
            ("user1000", 3_443),
            ("{user1000}.following", 3_443),
            ("{user1000}.{followers}", 3_443),
            ("a{b}c", slot_of("b")),
            ("foo{{bar}}zap", slot_of("{bar")),
            ("foo{bar", slot_of("foo{bar")),
        ] {
            assert_eq!(slot_of(key), slot, "{key}");
        }
        assert_ne!(slot_of("{}a"), slot_of("{}b"), "what is empty is no tag");
        assert_eq!(slot_of("a}{b}c"), slot_of("b"), "a brace that closes nothing");
    }

    pub(in super::super) fn node(host: &str, port: u16) -> Node {
        (host.to_owned(), port)
    }

    pub(in super::super) fn said(text: &str) -> Result<Slots, FleetError> {
        Slots::of(parse_redis_value(text.replace(' ', "\r\n").as_bytes()).unwrap(), "reached")
    }

    #[test]
    fn each_slot_has_the_master_that_a_node_says_it_has() {
        let slots = said(
            "*4 *4 :0 :9 *3 $1 a :1 $2 id *2 $1 r :9 *3 :10 :10 *2 $1 b :1 \
             *3 :20 :16383 *2 $1 a :1 *3 :11 :11 *2 $-1 :7 ",
        )
        .unwrap();

        let owners = [0, 9, 10, 11, 12, 19, 20, 16_383].map(|slot| slots.owner(slot).cloned());
        let (a, b, own) = (node("a", 1), node("b", 1), node("reached", 7));
        let [a, b, own] = [a, b, own].map(Some);
        let expected = [a.clone(), a.clone(), b, own, None, None, a.clone(), a];
        assert_eq!(owners, expected);
        assert_eq!(slots.masters().len(), 3);
        assert_eq!(slots.owner(16_384), None);
        assert!(!slots.have_owners());
    }

    #[test]
    fn the_replicas_are_those_that_can_be_reached() {
        let slots = said(
            "*2 *6 :0 :9 *2 $1 a :1 *2 $1 r :2 *2 $1 s :0 :7 *5 :10 :16383 *2 $1 b :1 *2 $1 r :2 *2 $1 t :3 ",
        )
        .unwrap();

        assert_eq!(slots.replicas(), [node("r", 2), node("t", 3)]);
    }

    #[test]
    fn a_map_of_more_masters_than_a_cluster_has_is_odd() {
        let ranges = |count: usize| {
            let range = |number| format!("*3 :{number} :{number} *2 $1 a :{} ", number + 1);
            format!("*{count} {}", (0..count).map(range).collect::<String>())
        };
        assert!(said(&ranges(MOST_MASTERS)).is_ok());
        assert!(said(&ranges(MOST_MASTERS + 1)).is_err());
    }

    #[test]
    fn a_master_without_a_host_is_where_the_node_was_reached() {
        for host in ["$0  ", "$1 ? ", "$-1 "] {
            let slots = said(&format!("*1 *3 :0 :16383 *2 {host}:7 ")).unwrap();
            assert_eq!(slots.owner(5), Some(&node("reached", 7)), "{host}");
            assert!(slots.have_owners());
        }
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        for text in [
            ":7 ",
            "$1 x ",
            "*0 ",
            "*1 :7 ",
            "*1 *1 :0 ",
            "*1 *2 :0 :9 ",
            "*1 *3 :0 :16384 *2 $1 a :1 ",
            "*1 *3 :0 :99999999999 *2 $1 a :1 ",
            "*1 *3 :-1 :9 *2 $1 a :1 ",
            "*1 *3 :9 :0 *2 $1 a :1 ",
            "*1 *3 :0 :9 *1 $1 a ",
            "*1 *3 :0 :9 *2 $1 a :65536 ",
            "*1 *3 :0 :9 *2 $1 a :65537 ",
            "*1 *3 :0 :9 *2 $1 a :-1 ",
            "*1 *3 :65536 :65545 *2 $1 a :1 ",
            "*1 *3 :0 :9 *2 $1 a $1 x ",
            "*1 *3 :0 :9 *2 *0 :1 ",
        ] {
            assert!(matches!(said(text).err(), Some(FleetError::Server { .. })), "{text}");
        }
    }

    #[test]
    fn a_master_that_cannot_be_reached_has_no_slots_and_the_others_have_theirs() {
        for odd in ["*2 $1 b :0 ", "*2 *0 :1 ", "*2 :5 :0 "] {
            let text = format!("*2 *3 :0 :9 {odd}*3 :10 :16383 *2 $1 a :1 ");
            let slots = said(&text).unwrap();

            assert_eq!([9, 10].map(|slot| slots.owner(slot)), [None, Some(&node("a", 1))], "{odd}");
            assert_eq!(slots.masters(), [node("a", 1)]);
            assert!(said(&format!("*1 *3 :0 :16383 {odd}")).is_err(), "nobody has any");
        }
    }

    #[test]
    fn a_redirect_names_a_slot_and_a_node() {
        for (text, expected) in [
            ("MOVED 3999 10.0.0.1:6381", Some((3_999, node("10.0.0.1", 6_381)))),
            ("ASK 0 host:1", Some((0, node("host", 1)))),
            ("MOVED 16383 :1", Some((16_383, node("reached", 1)))),
            ("MOVED 1 ?:1", Some((1, node("reached", 1)))),
            ("MOVED 1 ::1:6379", Some((1, node("::1", 6_379)))),
            ("MOVED 1 [::1]:6379", Some((1, node("::1", 6_379)))),
            ("MOVED 16384 host:1", None),
            ("MOVED 1 host:0", None),
            ("MOVED 1 host:65536", None),
            ("MOVED 1 host", None),
            ("MOVED x y", None),
            ("MOVED", None),
            ("ERR 1 host:1", None),
        ] {
            let error = parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap();
            let error = error.extract_error().unwrap_err();
            assert_eq!(redirected(&error, "reached"), expected, "{text}");
        }
    }

    #[test]
    fn a_slot_that_has_moved_is_its_new_masters_and_no_other_is() {
        let mut slots = said("*1 *3 :0 :16383 *2 $1 a :1 ").unwrap();

        slots.adopt(7, node("b", 2));
        slots.adopt(60_000, node("c", 3));

        let owners = [6, 7, 8].map(|slot| slots.owner(slot).cloned());
        assert_eq!(owners, [Some(node("a", 1)), Some(node("b", 2)), Some(node("a", 1))]);
    }
}
