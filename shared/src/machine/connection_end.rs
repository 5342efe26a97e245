//! What the system knows of one end of a TCP connection.

/// One end of a TCP connection of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEnd {
    /// The id of the user whose program has it.
    pub user: u32,
    /// Whether both sides may still send. The system may name another user for an end that its program has closed.
    pub is_established: bool,
    /// Bytes that were written here, and that the other end's system has not acknowledged.
    pub unacknowledged: u32,
    /// Bytes that have come here, and that the program has not taken. That the other end sends no more counts as one.
    pub untaken: u32,
}

/// What the system says about an end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionLook {
    /// There is such an end.
    Here(ConnectionEnd),
    /// There is none, or none any more.
    Gone,
    /// The system does not tell.
    Unknown,
}
