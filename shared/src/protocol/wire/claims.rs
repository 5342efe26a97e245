//! The frames by which sessions of one repository find each other, and the states that they seal for each other: what each
//! is about to change there, and what it has just changed.
//!
//! ```text
//! one session                     hub                       the others there
//! Repositories     →                        → RepositoryJoined
//!                  ← SameRepository
//! Claims           → (kept nowhere)         → Claims
//! Repositories     →                        → RepositoryLeft
//! ```

use bytes::Bytes;
use minicbor::{Decode, Encode};

use crate::protocol::id::{PeerKey, RepositoryTag};
use crate::protocol::wire::envelope::sealed_bytes;

/// The state of one session in one repository, sealed for another session there.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SealedClaims {
    /// On the way to the hub the receiver, on the way from it the sender.
    #[n(0)]
    pub peer: PeerKey,
    /// The repository.
    #[n(1)]
    pub repository: RepositoryTag,
    /// The sender's number of the frame: higher than that of every frame before, to this receiver or another.
    #[n(2)]
    pub number: u64,
    /// AES-256-GCM ciphertext and tag.
    #[cbor(n(3), with = "sealed_bytes")]
    pub sealed: Bytes,
}

/// What a session says to the others of a repository. It travels sealed, so no hub sees it. All times are durations: the
/// clocks of two machines need not agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SharedClaims {
    /// Whether paths that differ in case alone are one file where the session works.
    #[n(0)]
    pub ignores_case: bool,
    /// The claims, those together that were made together.
    #[n(1)]
    pub claims: Vec<ClaimGroup>,
    /// The paths that the session has changed a moment ago.
    #[n(2)]
    pub touched: Vec<TouchedPath>,
}

/// Claims that were made together.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClaimGroup {
    /// What the claimant says of them.
    #[n(0)]
    pub note: Option<String>,
    /// Milliseconds since they were made.
    #[n(1)]
    pub age_ms: u64,
    /// Milliseconds until they end.
    #[n(2)]
    pub left_ms: u64,
    /// The number that decides which of two claims holds: one above the highest that its claimant knew in the repository.
    /// The lower one holds; of two equal ones, that of the lower key.
    #[n(3)]
    pub counter: u64,
    /// The patterns that are claimed.
    #[n(4)]
    pub paths: Vec<String>,
}

/// A path that was changed a moment ago.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TouchedPath {
    /// The path, relative to the repository.
    #[n(0)]
    pub path: String,
    /// Milliseconds since it was changed.
    #[n(1)]
    pub age_ms: u64,
}
