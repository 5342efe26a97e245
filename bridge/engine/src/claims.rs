//! Claims: what sessions of one repository are about to change, and what they have just changed, so that two of them do
//! not trip over each other.
//!
//! Each session has one state a repository: its claims and the paths that it has touched. It sends the newest whole to
//! every other session of the repository, so nothing has to arrive in order and nothing is kept at the hub. All here is
//! pure: the time is an argument, and what to send is returned.

mod book;
mod collisions;
mod conflicts;
mod heard;
mod listeners;
mod news_quota;
mod others;
mod own;
mod pace;
mod page;
mod pattern;
mod repository;
mod request;

pub(crate) use book::{ClaimBook, ClaimsFrame};
pub(crate) use listeners::ClaimListeners;
pub(crate) use repository::ClaimsView;

/// Whether two claims meet: whether some path is covered by both patterns.
#[must_use]
pub fn claims_meet(one: &str, other: &str, ignores_case: bool) -> bool {
    pattern::Pattern::new(one).meets(&pattern::Pattern::new(other), ignores_case)
}

pub use page::{ClaimConflict, ClaimInfo, ClaimNews, ClaimsPage, Collision, CollisionKind};
pub use request::{ClaimError, ClaimRequest, Release, Repository};
