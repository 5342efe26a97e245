//! The session and claims: what its agent claims and touches, and what the others do.

use std::time::Instant;

use junction_shared::protocol::wire::ToBridge;

use super::Session;
use crate::claims::ClaimsPage;
use crate::command::ClaimCommand;

impl Session {
    /// Takes in a frame about the sessions of a repository.
    pub(super) fn claims_frame(&mut self, _frame: ToBridge, _now: Instant) {}

    /// Carries out what is asked of claims, and notes what is said for them.
    pub(super) fn claim_command(&mut self, command: ClaimCommand, _now: Instant) {
        match command {
            ClaimCommand::Claim(_, reply)
            | ClaimCommand::Release(_, _, reply)
            | ClaimCommand::List(_, reply) => drop(reply.send(Ok(ClaimsPage::default()))),
            ClaimCommand::Collisions(_, _, reply) => drop(reply.send(Vec::new())),
            ClaimCommand::Touched(..) | ClaimCommand::WorkIn(_) => {}
        }
    }
}
