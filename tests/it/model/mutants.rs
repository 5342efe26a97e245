//! The rules of the protocol, each broken.

/// A protocol with one rule changed. Each must break a promise, or nobody would know what the rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutant {
    // Delivery.
    /// A receiver does not recognise a message that it opened before.
    NoDedupe,
    /// A sender takes the hub's acceptance for a receipt.
    DoneOnAccept,
    /// A sender takes `opened` for `read`.
    DoneOnOpen,
    /// A sender hands nothing over again on a new connection.
    NoResend,
    /// A receiver sends no receipt for a message that it has read before.
    NoRereceipt,
    /// A hub does not say that a session is gone.
    NoGone,
    /// A hub forgets a message once it has pushed it.
    DropOnPush,
    /// A hub forgets a message once it was opened.
    DeleteOnOpen,
    // Return words.
    /// A sender seals to the newer process while messages to the older one have no end.
    NoWaitForOlderLane,
    /// A sender seals what is queued before what was returned.
    QueuedBeforeReturned,
    /// A return word leaves out what was read.
    ReturnAfterRead,
    /// A process goes on opening messages after its return word.
    ReadAfterReturn,
    /// A process that lost its seat goes on handing out what it had opened, and its word does not name it.
    UnseatedReadsOn,
    /// A return word leaves out what is leased.
    LeasedCountsAsReturned,
    /// A return word is taken from anyone.
    ReturnWithoutMac,
    /// A hub passes a return word on once, although the sender's connection may break.
    WordSaidOnce,
    /// A process that ends in order gives no word.
    NoReturnAtExit,
    /// A returned message is sealed again to the process that returned it.
    SealedAgainUnderTheSameIk,
    /// A message is sealed again because the hub says that its receiver is gone.
    SealedAgainWithoutReturn,
    /// A message that is sealed again is handed over as if for the first time.
    ReturnedRefusedWhenFull,
    /// A returned message is sealed again although it was reported as `unconfirmed`.
    LateReturnResealedAfterUnconfirmed,
    /// An answer of the hub to the hand-over of an older sealing counts for the newer.
    AnswerOfTheOlderSealing,
    /// A receipt for an older sealing counts.
    ReceiptOfTheOlderSealing,
    /// What a return word keeps ends with the session of its process.
    GoneEndsWhatAWordKeeps,
    /// A sender seals to the process whose card it saw last, whatever its incarnation.
    LowerIncarnationHolds,
    // A sender that restarts.
    /// Only messages of the same process wait behind one whose sender is looked up.
    SenderRestartOvertakes,
    /// The hub goes on taking messages from a process whose seat has passed on.
    FormerSenderHandsOver,
    /// A receiver opens messages of an older process after those of a newer one.
    OlderSenderAfterNewer,
    // Who has a seat.
    /// A hub takes a claim without the seat's signature.
    UnsignedHello,
    /// A peer takes a card without the seat's signature.
    UnsignedCard,
    /// A card alone moves a contact to the seat that it shows.
    PinMovedByACard,
    /// A contact stays with the `ik` although that has named its seat.
    PinStaysOnTheKey,
    /// A move counts without the signature of the seat that is left.
    UnsignedMove,
    /// A move counts although the seat has been taken again since.
    OldMoveCounts,
    /// Of two processes with the same incarnation both have the seat.
    EqualIncarnationsBothHold,
    /// A hub lets an older process have the seat of a newer one.
    LowerIncarnationTakesOver,
    /// A seat passes at the heir's hello, before its first card.
    SeatPassesAtHello,
}
