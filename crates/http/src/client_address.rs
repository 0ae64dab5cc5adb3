//! The client's address, taken from `X-Forwarded-For` if a trusted proxy sent the request.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::{HttpRequest, web};
use ipnet::IpNet;

/// The networks of proxies whose `X-Forwarded-For` is trusted.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(pub(crate) Vec<IpNet>);

impl TrustedProxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the last address of the chain that is not a trusted proxy. The client may have forged the addresses before it.
    fn client(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = IpAddr>) -> IpAddr {
        let mut client = peer;
        let mut hops = forwarded.rev();
        while self.trusts(client) {
            match hops.next() {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }
}

/// Returns the address by which rate limits count a request, or `None` if the connection has no peer address. An IPv6 address is
/// reduced to its /64 network, because a single customer usually controls at least that much.
pub fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let forwarded: Vec<IpAddr> = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        // An invalid entry becomes the unspecified address, which no network contains, so the chain ends there.
        .map(|text| text.trim().parse().unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
        .map(|address: IpAddr| address.to_canonical())
        .collect();
    let trusted = request.app_data::<web::Data<TrustedProxies>>();
    let client = trusted.map_or(peer, |trusted| trusted.client(peer, forwarded.into_iter()));
    Some(match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & (u128::MAX << 64)).into()),
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let trusted = TrustedProxies(vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap()).app_data(web::Data::new(trusted));
        for value in forwarded {
            request = request.append_header(("x-forwarded-for", *value));
        }
        client_address(&request.to_http_request()).unwrap().to_string()
    }

    #[test]
    fn only_a_trusted_proxy_can_set_the_client_address() {
        assert_eq!(address("192.0.2.7:1", &["198.51.100.1"]), "192.0.2.7");
        assert_eq!(address("10.1.2.3:1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("10.1.2.3:1", &[]), "10.1.2.3");
    }

    #[test]
    fn a_forged_forwarded_address_is_ignored() {
        assert_eq!(address("10.1.2.3:1", &["203.0.113.9, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("10.1.2.3:1", &["203.0.113.9", "198.51.100.1, 10.9.9.9"]), "198.51.100.1", "a chain of proxies");
        assert_eq!(address("10.1.2.3:1", &["203.0.113.9, nonsense"]), "::");
    }

    #[test]
    fn an_ipv6_network_counts_as_one_client() {
        assert_eq!(address("[2001:db8:1:2:3:4:5:6]:1", &[]), "2001:db8:1:2::");
        assert_eq!(address("[::ffff:192.0.2.7]:1", &[]), "192.0.2.7");
    }
}
