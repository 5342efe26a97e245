//! What hubs and members do that does not keep to the protocol. The two are kept apart: an agent is told that its hub
//! misbehaves only where an honest hub would have prevented it, whatever a member does.

/// What only a hub can have done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Misbehaviour {
    /// The hub began a second handshake on a connection.
    SecondHandshake,
    /// An answer does not fit the question.
    UnfittingAnswer,
    /// The granted alias is not the one that was asked for.
    OtherAlias,
    /// A card made by a member is not that of the alias or key that it was shown for. A hub takes a card only with the
    /// key and the alias of its connection.
    OtherCard,
    /// A pushed envelope is not for this session, claims to come from it, or is larger than a hub takes.
    OtherReceiver,
    /// The granted alias breaks the grammar of aliases.
    BadAlias,
}

/// What a member of the group can have done as well as a hub, because an honest hub cannot verify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerFault {
    /// The mac of a card does not hold, or what it holds is no card of this protocol.
    ForgedCard,
    /// A card is not newer than one that its owner published before: an owner can come back and start again at one.
    OldCard,
    /// An envelope names another group. Older hubs do not verify that.
    OtherGroup,
    /// A message cannot be opened with the key that it names.
    BrokenMessage,
    /// The mac of a receipt does not hold.
    ForgedReceipt,
    /// A state of claims cannot be opened.
    BrokenClaims,
    /// The mac of a return word does not hold.
    ForgedReturn,
}

impl PeerFault {
    /// Logs the fault. A member can repeat it without end; the log writes a warning once and then counts it.
    pub(super) fn log(self) {
        tracing::warn!(fault = ?self, "peer_fault");
    }
}
