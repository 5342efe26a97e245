//! What the system tells about itself and about other programs: which network this process is in, who has a port, and
//! who holds a lock. All of it is for words and names alone, so a system that tells nothing costs a name and no more.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;

pub use system::{connection_end, is_own_connection, port_owner};
pub(crate) use system::{lock_holder, network_place};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::port_owner::PortOwner;

    #[cfg(target_os = "linux")]
    #[test]
    fn owner_of_a_port_is_found_by_its_socket() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
            let listener = std::net::TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            let PortOwner::Program { name, process } = port_owner(port) else {
                panic!("{address}: {}", port_owner(port));
            };
            assert_eq!(process, std::process::id());
            assert!(name.starts_with("junction_shared"), "{name}");
            drop(listener);
            assert_eq!(port_owner(port), PortOwner::Unknown);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn connection_of_this_user_is_known() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let stream = std::net::TcpStream::connect(to).unwrap();
        let from = stream.local_addr().unwrap();
        assert_eq!(is_own_connection(from, to), Some(true));
        assert_eq!(is_own_connection(from, from), Some(false), "no such connection");
        let mapped = |at: std::net::SocketAddr| match at {
            std::net::SocketAddr::V4(at) => (at.ip().to_ipv6_mapped(), at.port()).into(),
            at => at,
        };
        assert_eq!(is_own_connection(mapped(from), mapped(to)), Some(true), "as [::]:0 sees it");
        drop(stream);
        assert_eq!(is_own_connection(from, to), Some(false), "its program has closed it");
    }
}
