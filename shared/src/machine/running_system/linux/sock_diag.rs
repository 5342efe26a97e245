//! One TCP connection, as the kernel knows it, by a `NETLINK_SOCK_DIAG` socket: see sock_diag(7). To read the table in
//! `/proc` takes as long as there are connections.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use crate::machine::connection_end::ConnectionEnd;

/// The type of the request and of its answer, and that of an error.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
/// The flag of every request.
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const TCP_ESTABLISHED: u8 = 1;
/// The state of a socket that listens. The kernel answers with one where there is no such connection.
const TCP_LISTEN: u8 = 10;
/// The error for a connection that there is not.
const ENOENT: i32 = 2;
/// The length of a message's header, and of the whole request.
const HEADER: usize = 16;
const REQUEST: u32 = 72;
/// Places in the answer, after the header of the message: bytes that wait to be taken and to be acknowledged, and the user.
const STATE: usize = HEADER + 1;
const UNTAKEN: usize = HEADER + 56;
const UNACKNOWLEDGED: usize = HEADER + 60;
const USER: usize = HEADER + 64;

/// The end of a connection at `local`, whose other end is at `remote`; `None` if there is no such connection.
///
/// # Errors
/// The kernel does not tell.
pub(super) fn connection_end(
    local: SocketAddr,
    remote: SocketAddr,
) -> io::Result<Option<ConnectionEnd>> {
    let kind = SocketType::RAW;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, kind, flags, Some(netlink::SOCK_DIAG))?;
    send(&socket, &request(local, remote), SendFlags::empty())?;
    let mut answer = [0; 512];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    read(&answer[..length])
}

fn request(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let mut request = Vec::with_capacity(REQUEST as usize);
    request.extend_from_slice(&REQUEST.to_ne_bytes());
    request.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    request.extend_from_slice(&[0; 8]); // sequence number and sender
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    request.extend_from_slice(&[family, IPPROTO_TCP, 0, 0]);
    request.extend_from_slice(&u32::MAX.to_ne_bytes()); // in every state
    for end in [local, remote] {
        request.extend_from_slice(&end.port().to_be_bytes());
    }
    for end in [local, remote] {
        let mut address = [0; 16];
        match end.ip() {
            IpAddr::V4(ip) => address[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => address = ip.octets(),
        }
        request.extend_from_slice(&address);
    }
    request.extend_from_slice(&[0; 4]); // on every interface
    request.extend_from_slice(&[0xff; 8]); // whatever its cookie
    request
}

fn read(answer: &[u8]) -> io::Result<Option<ConnectionEnd>> {
    let word = |at: usize| answer.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let kind = answer.get(4..6).and_then(<[u8]>::first_chunk).map(|kind| u16::from_ne_bytes(*kind));
    match kind {
        Some(SOCK_DIAG_BY_FAMILY) => {
            let [Some(untaken), Some(unacknowledged), Some(user)] =
                [UNTAKEN, UNACKNOWLEDGED, USER].map(word)
            else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let state = answer[STATE];
            let is_connection = state != TCP_LISTEN;
            let is_established = state == TCP_ESTABLISHED;
            let end = ConnectionEnd { user, is_established, unacknowledged, untaken };
            Ok(is_connection.then_some(end))
        }
        Some(NLMSG_ERROR) => match word(HEADER).map(u32::cast_signed) {
            Some(error) if error == -ENOENT => Ok(None),
            Some(error) => Err(io::Error::from_raw_os_error(-error)),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        },
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn end_of_a_connection_tells_its_user_and_what_was_not_taken() {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(at).unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (far, _) = listener.accept().unwrap();
            let (local, remote) = (far.local_addr().unwrap(), far.peer_addr().unwrap());
            let end = connection_end(local, remote).unwrap().unwrap();
            let own = rustix::process::geteuid().as_raw();
            assert_eq!((end.user, end.is_established, end.unacknowledged), (own, true, 0), "{at}");
            far.set_nonblocking(true).unwrap();
            while (&far).write(&[0; 1 << 16]).is_ok() {}
            assert!(connection_end(local, remote).unwrap().unwrap().unacknowledged > 0, "{at}");
            drop(near);
            // What is dropped unread resets the connection, so that there is none any more.
            assert_eq!(connection_end(local, remote).unwrap(), None, "{at}");
            let stranger = SocketAddr::new(remote.ip(), 1);
            assert_eq!(connection_end(local, stranger).unwrap(), None, "a socket listens there");
        }
    }

    #[test]
    fn end_of_a_connection_tells_what_its_program_has_not_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let (local, remote) = (near.local_addr().unwrap(), near.peer_addr().unwrap());
        let untaken = || connection_end(local, remote).unwrap().map(|end| end.untaken);
        far.write_all(&[0; 10]).unwrap();
        assert_eq!(untaken(), Some(10));
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(untaken(), Some(10));
        near.read_exact(&mut [0; 9]).unwrap();
        assert_eq!(untaken(), Some(1));
        near.read_exact(&mut [0]).unwrap();
        assert_eq!(untaken(), Some(0));
    }

    #[test]
    fn answers_that_are_none_are_errors() {
        for answer in [
            &[][..],
            &[0; 4],
            &[0; 20],
            &request("[::1]:1".parse().unwrap(), "[::1]:2".parse().unwrap())[..40],
        ] {
            assert!(read(answer).is_err(), "{answer:?}");
        }
    }
}
