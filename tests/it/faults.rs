//! Faults: hubs that are killed, connections that break, processes that sleep, clocks that jump.

#[cfg(target_os = "linux")]
mod clocks;
mod reconnect;
mod restart;
mod rng;
mod simulation;
mod storm;
mod suspend;
