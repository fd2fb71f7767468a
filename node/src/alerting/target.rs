//! Where notifications may go: the guard against requests into one's own network (OWASP, SSRF).
//!
//! A host is resolved once, every address it has is checked, and the connection goes to the address
//! that was checked: a second answer of the name server is never asked for. Redirects are not
//! followed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use pga_config::Notify;

/// Why a target is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    /// It has no address.
    #[error("{host} has no address: {why}")]
    Unknown {
        /// Host.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// It is not on the public internet, and no setting allows it.
    #[error(
        "{host} is {address}, which is not on the public internet: add its network to notify.allow-targets"
    )]
    Forbidden {
        /// Host.
        host: String,
        /// Its address.
        address: IpAddr,
    },
}

/// The address to connect to.
pub(crate) async fn resolve(
    host: &str,
    port: u16,
    settings: &Notify,
) -> Result<SocketAddr, TargetError> {
    let unknown = |why: String| TargetError::Unknown {
        host: host.to_owned(),
        why,
    };
    let found = tokio::net::lookup_host((host, port)).await;
    let addresses: Vec<SocketAddr> = found.map_err(|error| unknown(error.to_string()))?.collect();
    for address in &addresses {
        if !is_allowed(address.ip(), settings) {
            return Err(TargetError::Forbidden {
                host: host.to_owned(),
                address: address.ip(),
            });
        }
    }
    addresses
        .first()
        .copied()
        .ok_or_else(|| unknown("none".to_owned()))
}

fn is_allowed(address: IpAddr, settings: &Notify) -> bool {
    is_named(address, settings) || is_public(plain(address))
}

/// Whether a network of `notify.allow-targets` holds an address.
pub(super) fn is_named(address: IpAddr, settings: &Notify) -> bool {
    let address = plain(address);
    let mut networks = settings.networks().flatten();
    networks.any(|network| network.contains(&address))
}

/// An IPv4 address inside an IPv6 one counts as the IPv4 one: mapped, or by NAT64 (RFC 6052).
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else {
        return address;
    };
    let segments = six.segments();
    if segments.starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]) {
        let mapped = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, segments[6], segments[7]);
        return mapped.to_canonical();
    }
    six.to_canonical()
}

/// Whether the registries of special addresses (RFC 6890) leave it to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let [a, b, c, _] = four.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_protocol = a == 192 && b == 0 && c == 0;
            let is_benchmark = a == 198 && (b == 18 || b == 19);
            !(four.is_private()
                || four.is_loopback()
                || four.is_link_local()
                || four.is_unspecified()
                || four.is_multicast()
                || four.is_broadcast()
                || four.is_documentation()
                || a == 0
                || a >= 240
                || is_shared
                || is_protocol
                || is_benchmark)
        }
        IpAddr::V6(six) => {
            let first = six.segments()[0];
            // Global unicast is 2000::/3; 2001:db8::/32 is for documents, 2002::/16 wraps IPv4.
            (0x2000..0x4000).contains(&first)
                && !(first == 0x2001 && six.segments()[1] == 0xdb8)
                && first != 0x2002
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(allow: &str) -> Notify {
        Notify {
            allow_targets: allow.to_owned(),
        }
    }

    #[test]
    fn only_the_public_internet_and_what_is_named_is_allowed() {
        for (address, allow, want) in [
            ("93.184.216.34", "", true),
            ("2606:2800:220::1", "", true),
            ("127.0.0.1", "", false),
            ("127.0.0.1", "127.0.0.0/8, ::1/128", true),
            ("::1", "127.0.0.0/8", false),
            ("10.1.2.3", "192.168.0.0/16", false),
            ("169.254.169.254", "", false),
            ("::ffff:127.0.0.1", "", false),
            ("::ffff:10.0.0.1", "10.0.0.0/8", true),
            ("64:ff9b::a9fe:a9fe", "", false),
            ("64:ff9b::5db8:d822", "", true),
            ("fd00::1", "", false),
            ("fe80::1", "", false),
            ("0.0.0.0", "", false),
            ("100.64.0.1", "", false),
            ("2002:7f00:1::", "", false),
        ] {
            let found = is_allowed(address.parse().unwrap(), &settings(allow));
            assert_eq!(found, want, "{address} with {allow:?}");
        }
    }

    #[tokio::test]
    async fn other_ways_to_write_an_address_are_no_way_around() {
        for host in ["127.1", "0177.0.0.1", "2130706433", "0x7f.1", "localhost"] {
            let found = resolve(host, 80, &settings("")).await;
            assert!(found.is_err(), "{host}: {found:?}");
        }
    }
}
