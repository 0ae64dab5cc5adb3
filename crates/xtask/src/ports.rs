//! Ports on 127.0.0.1. Rowlock's ports are below 32768, where the kernel does not allocate ports for outgoing connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use crate::{
    failure::{Result, sentence},
    files,
};

/// RabbitMQ's tools use one of this many consecutive ports.
pub(crate) const AMQP_TOOLS_PORTS: u16 = 5;

/// The port of the gateway, which only the person who runs `make up` chooses.
pub(crate) const GATEWAY: &str = "GATEWAY";
pub(crate) const POSTGRES: &str = "POSTGRES";
pub(crate) const AMQP: &str = "AMQP";
pub(crate) const AMQP_DIST: &str = "AMQP_DIST";
pub(crate) const EPMD: &str = "EPMD";
pub(crate) const AMQP_TOOLS: &str = "AMQP_TOOLS";
pub(crate) const SERVERS: [&str; 5] = [POSTGRES, AMQP, AMQP_DIST, EPMD, AMQP_TOOLS];

/// Returns whether a program listens on the port.
pub(crate) fn is_open(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Duration::from_secs(1)).is_ok()
}

/// Returns the first port of `count` consecutive free ports from `first` on.
pub(crate) fn free_block(first: u16, count: u16) -> Result<u16> {
    find_block(first, count, is_open).ok_or_else(|| sentence!("There are no {count} consecutive free ports above {first}."))
}

fn find_block(first: u16, count: u16, is_taken: impl Fn(u16) -> bool) -> Option<u16> {
    let mut start = first;
    let mut port = first;
    while port.checked_sub(start)? < count {
        if is_taken(port) {
            start = port.checked_add(1)?;
        }
        port = port.checked_add(1)?;
    }
    Some(start)
}

/// The ports of a system by name, as in `ports.env`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ports(BTreeMap<String, u16>);

impl Ports {
    /// Reads the ports that an earlier start has chosen; `None` if there was none.
    pub(crate) fn load(file: &Path) -> Option<Self> {
        let text = files::read_note(file)?;
        let ports =
            text.lines().filter_map(|line| line.split_once('=')).filter_map(|(name, port)| Some((name.to_owned(), port.parse().ok()?)));
        Some(Self(ports.collect()))
    }

    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        let lines: Vec<String> = self.0.iter().map(|(name, port)| format!("{name}={port}")).collect();
        files::write_private(file, lines.join("\n") + "\n")
    }

    pub(crate) fn find(&self, name: &str) -> Option<u16> {
        self.0.get(name).copied()
    }

    pub(crate) fn get(&self, name: &str) -> Result<u16> {
        self.find(name).ok_or_else(|| sentence!("No port has been chosen for {name}. Run 'make up' first."))
    }

    pub(crate) fn set(&mut self, name: &str, port: u16) {
        self.0.insert(name.to_owned(), port);
    }

    /// Gives consecutive ports from `first` on to the names; RabbitMQ's tools get several.
    pub(crate) fn consecutive(first: u16, names: &[&str]) -> Self {
        let mut ports = Self::default();
        let mut next = first;
        for name in names {
            ports.set(name, next);
            next = next.saturating_add(count_of(name));
        }
        ports
    }

    /// Keeps every port chosen before that `is_kept` accepts, and chooses free ones from `first` on for the other names.
    pub(crate) fn choose(
        mut self,
        names: &[&str],
        first: u16,
        is_kept: impl Fn(&str, u16) -> bool,
        is_taken: impl Fn(u16) -> bool,
    ) -> Result<Self> {
        self.0.retain(|name, port| name == GATEWAY || (names.contains(&name.as_str()) && is_kept(name, *port)));
        let mut reserved: BTreeSet<u16> = self.0.iter().flat_map(|(name, port)| *port..port.saturating_add(count_of(name))).collect();
        for name in names {
            if self.0.contains_key(*name) {
                continue;
            }
            let port = find_block(first, count_of(name), |port| reserved.contains(&port) || is_taken(port))
                .ok_or_else(|| sentence!("There is no free port above {first} for {name}."))?;
            reserved.extend(port..port.saturating_add(count_of(name)));
            self.set(name, port);
        }
        Ok(self)
    }
}

fn count_of(name: &str) -> u16 {
    if name == AMQP_TOOLS { AMQP_TOOLS_PORTS } else { 1 }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_open_port_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_open(port));
        drop(listener);
        assert!(!is_open(port));
    }

    #[test]
    fn a_block_contains_no_taken_port() {
        assert_eq!(find_block(100, 3, |_| false), Some(100));
        assert_eq!(find_block(100, 3, |port| port == 101 || port == 103), Some(104));
        assert_eq!(find_block(65_534, 4, |_| false), None);
        assert_eq!(find_block(100, 1, |_| true), None);
    }

    #[test]
    fn new_ports_are_consecutive_and_skip_taken_ones() {
        let names = [POSTGRES, AMQP_TOOLS, "AUTH"];
        let ports = Ports::default().choose(&names, 100, |_, _| true, |port| port == 100).unwrap();
        assert_eq!((ports.find(POSTGRES), ports.find(AMQP_TOOLS), ports.find("AUTH")), (Some(101), Some(102), Some(107)));
    }

    #[test]
    fn ports_are_kept_unless_another_program_has_taken_them() {
        let names = [POSTGRES, AMQP, "AUTH"];
        let mut before = Ports::consecutive(100, &names);
        before.set(GATEWAY, 3000);
        let ports = before.choose(&names, 100, |name, _| name != AMQP, |port| port == 101).unwrap();
        assert_eq!((ports.find(POSTGRES), ports.find(AMQP), ports.find("AUTH")), (Some(100), Some(103), Some(102)));
        assert_eq!(ports.find(GATEWAY), Some(3000));
    }

    #[test]
    fn ports_are_saved_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ports.env");
        assert_eq!(Ports::load(&file), None);
        let ports = Ports::consecutive(100, &SERVERS);
        ports.save(&file).unwrap();
        assert_eq!(Ports::load(&file), Some(ports));
    }
}
