//! The addresses by which other machines can reach this one.

use std::net::IpAddr;

/// The addresses of this machine's network interfaces, in the system's order, without loopback and link-local addresses
/// (another machine could not dial the latter without its own name for that interface). Empty if the system does not
/// tell.
#[must_use]
pub fn addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut found = Vec::new();
    for address in interfaces.iter().map(if_addrs::Interface::ip) {
        if is_dialable(address) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

fn is_dialable(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !address.is_loopback() && !address.is_unspecified() && !address.is_multicast() && !is_link_local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_single_links_are_left_out() {
        let dialable = |text: &str| is_dialable(text.parse().unwrap());
        for text in ["192.168.1.7", "10.0.0.1", "fd00::1", "2001:db8::1"] {
            assert!(dialable(text), "{text}");
        }
        for text in ["127.0.0.1", "::1", "169.254.3.4", "fe80::1", "0.0.0.0", "::", "ff02::1"] {
            assert!(!dialable(text), "{text}");
        }
        assert!(addresses().into_iter().all(is_dialable));
    }
}
