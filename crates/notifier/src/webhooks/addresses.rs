//! Decides which addresses are in the public Internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

/// Networks that are not public, from the IANA IPv4 Special-Purpose Address Registry, and multicast and reserved addresses.
const SPECIAL_V4: [Ipv4Net; 16] = [
    // «This network», which Linux treats as the local host.
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    // Shared by the customers of a provider (carrier-grade NAT). One cloud has its metadata service here.
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    // Link-local, with the metadata services of most clouds.
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    // The host of a virtual machine in Azure. The address looks public, but only the virtual machine reaches it.
    v4(168, 63, 129, 16, 32),
];

const fn v6(first: u16, second: u16, third: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), prefix)
}

/// The only public addresses of IPv6. Outside of it are loopback, link-local, unique-local and multicast addresses, and those that
/// contain an IPv4 address, such as `::ffff:127.0.0.1` and `64:ff9b::7f00:1`.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// Networks within [`GLOBAL_V6`] that are not public, from the IANA IPv6 Special-Purpose Address Registry.
const SPECIAL_V6: [Ipv6Net; 4] = [
    // Protocols. Some of their addresses contain an IPv4 address.
    v6(0x2001, 0, 0, 23),
    v6(0x2001, 0x0db8, 0, 32),
    // A tunnel whose addresses contain an IPv4 address.
    v6(0x2002, 0, 0, 16),
    v6(0x3fff, 0, 0, 20),
];

/// Returns whether an address is in the public Internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in
            ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "223.255.255.255"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for public in ["2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "2001:200::1", "2001:4860:4860::8888"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        let loopback = ["127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::1", "::"];
        let private = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", "fec0::1"];
        let link_local = ["169.254.0.1", "fe80::1"];
        let metadata = ["169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fe80::a9fe:a9fe"];
        let shared = ["100.64.0.1", "100.127.255.255"];
        let mapped = ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::1"];
        let tunnels = ["2002:7f00:1::1", "2001:0:7f00:1::1"];
        let multicast = ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"];
        let reserved = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "2001:db8::1", "100::1"];
        for groups in [&loopback[..], &private, &link_local, &metadata, &shared, &mapped, &tunnels, &multicast, &reserved] {
            for special in groups {
                assert!(!is_public(special.parse().unwrap()), "{special}");
            }
        }
    }
}
