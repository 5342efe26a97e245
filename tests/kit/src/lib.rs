//! What the tests and benches of Agent Junction share: real hubs and bridges, an MCP client, a raw socket, proxies
//! that fail or lie, a network of machines, and simulations. No product crate depends on it.
#![deny(unused_crate_dependencies)]
#![expect(clippy::print_stderr, reason = "a test that fails or is skipped says what it saw")]

#[cfg(unix)]
mod agent;
mod binaries;
mod bridge;
#[cfg(unix)]
mod claude_process;
pub mod client;
mod frame_proxy;
#[cfg(unix)]
mod gateway;
mod home;
mod hub;
#[cfg(target_os = "linux")]
pub mod memory_scan;
#[cfg(target_os = "linux")]
mod network;
#[cfg(unix)]
mod person;
mod process;
mod raw_peer;
#[cfg(unix)]
mod raw_seat;
mod raw_socket;
mod reconnect_storm;
#[cfg(unix)]
mod session;
pub mod sim;
mod slow_client;
mod stranger;
mod tcp_proxy;
mod test_page;
mod transport;
mod wait;

#[cfg(unix)]
pub use agent::{
    HookRun, MessagingSocket, TOKEN, TestAgent, hook, plugin_wait, reaches, rewake_hook,
    status_line,
};
pub use binaries::{bridge_binary, hub_binary, old_binary};
pub use bridge::{TestBridge, Version, answer_to, list, next_json, pair, texts, tool_call};
#[cfg(unix)]
pub use claude_process::ClaudeProcess;
pub use frame_proxy::{FrameProxy, ProxiedFrame, from_bridge, from_hub, pass};
#[cfg(unix)]
pub use gateway::{ACCEPT, HttpAnswer, HttpClient, TestGateway};
pub use home::{TestHome, free_port};
pub use hub::TestHub;
#[cfg(target_os = "linux")]
pub use network::{Network, Recording};
#[cfg(unix)]
pub use person::{PersonRun, TestWatch, finished, installed_person, person, run_person};
#[cfg(target_os = "linux")]
pub use process::stuck_pipe;
pub use process::{is_gone, memory, processes_of, raise_file_limit, signal};
pub use raw_peer::RawPeer;
#[cfg(unix)]
pub use raw_seat::RawSeat;
pub use raw_socket::{RawSocket, look_up};
pub use reconnect_storm::{Recovery, reconnect_storm};
#[cfg(unix)]
pub use session::{BridgeEnding, TestSession};
pub use slow_client::{SlowClient, large};
pub use stranger::{STRANGERS, Stranger, StrangerServer};
pub use tcp_proxy::{ConnectionFault, Cut, TcpProxy};
pub use test_page::{PageVisit, TestPage, TestTab};
pub use transport::{ByteStream, Transport, health, http_at};
pub use wait::{DEADLINE, at, eventually, settles, skipped, within};
