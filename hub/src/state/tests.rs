//! Tests of the state: directed ones by topic, and random sequences of events against invariants.

mod delivery;
mod model;
mod naming;
mod presence;
mod queries;
mod world;
