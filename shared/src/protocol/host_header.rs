//! The `Host` header of requests to servers of this machine.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a `Host` is `localhost` or an IP address, with or without a port. The owner of any other
/// name could make it resolve to this machine.
#[must_use]
pub fn is_own_name(host: &str) -> bool {
    let is_v4 = |host: &str| host.parse::<Ipv4Addr>().is_ok();
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = port.strip_prefix(':').map_or(port.is_empty(), is_port);
        return port && address.parse::<Ipv6Addr>().is_ok();
    }
    let (name, port) =
        host.split_once(':').map_or((host, true), |(name, port)| (name, is_port(port)));
    port && (name.eq_ignore_ascii_case("localhost") || is_v4(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_localhost_and_addresses_are_accepted_as_host() {
        let own = [
            "localhost",
            "LOCALHOST",
            "localhost:4200",
            "127.0.0.1",
            "127.0.0.1:65535",
            "192.168.1.7:4200",
            "[::1]",
            "[::1]:4200",
            "[fe80::1]:1",
        ];
        for host in own {
            assert!(is_own_name(host), "{host}");
        }
        let foreign = [
            "",
            "evil.example",
            "localhost.evil.example",
            "localhost.",
            "127.0.0.1.evil.example",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "127.0.0.1:",
            "127.0.0.1:+1",
            "127.0.0.1:65536",
            "localhost:4200:1",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[127.0.0.1]",
            "user@127.0.0.1",
            "127.0.0.1, evil.example",
            " localhost",
            "localhost/",
            "[fe80::1%eth0]",
        ];
        for host in foreign {
            assert!(!is_own_name(host), "{host}");
        }
    }
}
