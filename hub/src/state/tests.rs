//! Tests of the state: directed tests by topic, and random sequences of events checked against a model.

mod delivery;
mod model;
mod naming;
mod presence;
mod queries;
mod repositories;
mod seat_rules;
mod seats;
mod tickets;
mod transfers;
mod unlisted;
mod world;
