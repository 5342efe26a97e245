//! Tests of the hub as bridges see it, over connections in memory with paused time, and of its HTTP side over
//! real sockets.

mod admission;
mod connection;
mod handshake;
mod harness;
mod http;
mod stop;
