//! What the kernel knows of a connection at the server's end.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use anyhow::{Result, bail};

/// A connection on loopback, seen from the server.
#[derive(Debug, Clone, Copy)]
pub struct FarEnd {
    server: SocketAddrV4,
    client: SocketAddrV4,
}

impl FarEnd {
    /// Of the connection between these two.
    ///
    /// # Errors
    /// When one is not IPv4.
    pub fn new(server: SocketAddr, client: SocketAddr) -> Result<Self> {
        match (server, client) {
            (SocketAddr::V4(server), SocketAddr::V4(client)) => Ok(Self { server, client }),
            _ => bail!("the far end is looked up by IPv4"),
        }
    }

    /// Bytes that the kernel holds for the client; nothing once the server closed it. A client that does not read learns
    /// nothing of a close, since it comes behind what it has not read.
    #[must_use]
    pub fn unread(self) -> Option<u64> {
        let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let ends = format!("{} {} ", hex(self.server), hex(self.client));
        let line = table.lines().find_map(|line| Some(line.split_once(&ends)?.1))?;
        let (state, queues) = line.split_once(' ')?;
        let waiting = queues.split_once(':')?.0;
        // 01 is ESTABLISHED.
        if state == "01" { u64::from_str_radix(waiting, 16).ok() } else { None }
    }
}

/// As /proc/net/tcp has it: the address as a number in the machine's own order.
fn hex(address: SocketAddrV4) -> String {
    let ip: Ipv4Addr = *address.ip();
    format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_far_end_holds_what_is_not_read_until_it_closes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let far = FarEnd::new(client.peer_addr().unwrap(), client.local_addr().unwrap()).unwrap();
        assert_eq!(far.unread(), Some(0));
        server.set_nonblocking(true).unwrap();
        while server.write(&[0; 65_536]).is_ok() {}
        assert!(far.unread() > Some(0));
        server.shutdown(Shutdown::Write).unwrap();
        assert_eq!(far.unread(), None);
    }
}
