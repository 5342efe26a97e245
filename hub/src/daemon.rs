//! The program `junction-hub`: a hub as a process on its machine.

mod hub_lock;
mod key_watch;
mod process;
mod service;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;
use junction_shared::invite_link::holds_link;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::descriptor_limit::raise_descriptor_limit;
use junction_shared::machine::harden::{harden, private_umask};
use junction_shared::machine::identity::{self, hub_key};
use junction_shared::machine::log::{self, LogGuard, say};
use junction_shared::machine::network;
use junction_shared::machine::running_system::port_owner;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::{Pin, fingerprint};
use junction_shared::protocol::limits::PORT;
use tokio::runtime::Runtime;
use tracing_subscriber::filter::Targets;

use crate::cli::{HubCommand, HubFlags, ServiceFlags};
use crate::config::{Settings, Wish};
use crate::{Hub, ProcessState};
use hub_lock::HubLock;
use key_watch::KeyWatch;
use service::install_service;

/// The exit code for a command line that is not understood, as other programs have it.
const USAGE: u8 = 2;
/// How long the last lines may take at the end. Nobody may be reading them.
const LAST_LINES: Duration = Duration::from_millis(50);
/// How long the words of a failure may take. A person may be reading them at the other end of a slow line.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the program and returns its exit code. An error is one line on stderr.
#[must_use]
pub fn main() -> ExitCode {
    private_umask();
    let _log = LogGuard(LAST_LINES);
    // The location of a panic is enough: its message may contain private data.
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        say(&format!("junction-hub: internal error at {location}. Please report it."));
    }));
    if std::env::args_os().any(|argument| holds_link(&argument.to_string_lossy())) {
        return last_words(
            "junction-hub: A link on the command line can be read by every user of this machine. Start again without it.",
            ExitCode::from(USAGE),
        );
    }
    let args = match HubFlags::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() => {
            return last_words(error.to_string().trim_end(), ExitCode::from(USAGE));
        }
        Err(help) => help.exit(),
    };
    if args.autostarted {
        // Called before this process opens any descriptor of its own.
        process::detach();
    }
    let outcome = match args.command.clone() {
        Some(HubCommand::Rotate { config_dir, key }) => {
            rotate(config_dir.or(args.serve.config_dir), key)
        }
        Some(HubCommand::InstallService(flags)) => {
            let flags = ServiceFlags { serve: flags.serve.or(args.serve), ..flags };
            event_loop().and_then(|event_loop| event_loop.block_on(install_service(flags)))
        }
        None => run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => last_words(&format!("junction-hub: {error}"), ExitCode::FAILURE),
    }
}

/// Says why the program fails.
fn last_words(why: &str, code: ExitCode) -> ExitCode {
    say(why);
    log::finish(LAST_WORDS);
    code
}

fn run(args: HubFlags) -> anyhow::Result<()> {
    let descriptors = raise_descriptor_limit();
    let settings = Settings::resolve(args, descriptors)?;
    start_log(&settings.log)?;
    if !harden() {
        tracing::warn!("this system cannot prevent other processes from reading the hub's memory");
    }
    // One thread is enough: the hub does little between system calls, and the processors are for the agents.
    let runtime = event_loop()?;
    let outcome = runtime.block_on(serve(settings));
    // Without waiting for anything that still runs.
    runtime.shutdown_background();
    outcome
}

fn event_loop() -> anyhow::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("The event loop could not be started. Try again.")
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let Settings { wish, config_dir, .. } = settings;
    let mut shutdown = std::pin::pin!(process::shutdown_signal()?);
    // Lock and port come first: a hub that cannot have them makes no keys. The lock goes last.
    let lock = HubLock::take(&config_dir, wish).await?;
    let listeners = lock.bind(wish).await?;
    // The address of the link is that of a setting: where the hub is today is in a file of its own.
    let link_port = wish.port.unwrap_or(PORT);
    if settings.ephemeral {
        identity::renew(&config_dir, link_port)?;
    }
    let mut key = hub_key(&config_dir, link_port)?;
    publish(&lock, wish, listeners.port())?;
    say_addresses(wish, listeners.port(), &key.pin(), identity::own_link(&config_dir).is_ok());
    let state = ProcessState::default();
    loop {
        let watch = KeyWatch::new(&config_dir, &key);
        let ends = async {
            let why = tokio::select! {
                () = &mut shutdown => Close::GoingAway,
                () = lock.must_yield(), if wish.autostarted => Close::GoingAway,
                () = lock.stopped() => {
                    say("junction-hub was stopped by junction-bridge stop");
                    Close::GoingAway
                }
                () = watch.changed() => Close::Rotated,
            };
            if why == Close::GoingAway {
                lock.withdraw();
            }
            why
        };
        let hub = Hub::with(settings.hub.clone(), key, state.clone())?;
        if hub.serve(listeners.clone(), ends).await != Close::Rotated {
            return Ok(());
        }
        key = hub_key(&config_dir, link_port)?;
        say(
            "junction-hub has new keys: all sessions have ended, and old links are no longer valid",
        );
    }
}

/// Tells bridges and the person where the hub serves.
fn publish(lock: &HubLock, wish: Wish, port: u16) -> anyhow::Result<()> {
    match lock.publish(port) {
        // The bridges know this port without being told.
        Err(error) if port == wish.port.unwrap_or(PORT) => say(&format!("junction-hub: {error}")),
        published => published?,
    }
    if wish.port.is_none() && port != PORT && !wish.autostarted {
        say(&format!(
            "Port {PORT} is in use by {}: another one was chosen. Set JUNCTION_PORT for one that stays the same",
            port_owner(PORT)
        ));
    }
    Ok(())
}

/// Prints the addresses the hub serves, one per line.
fn say_addresses(wish: Wish, port: u16, pin: &Pin, is_own_group: bool) {
    let (host, localhost) = (wish.host, IpAddr::from(Ipv4Addr::LOCALHOST));
    say(&serving(localhost, port));
    let others = match host {
        _ if host == localhost => return,
        _ if host.is_loopback() => return say(&serving(host, port)),
        _ if host.is_unspecified() => {
            let mut all = network::addresses();
            // The IPv4 wildcard covers IPv4 addresses only.
            all.retain(|address| address.is_ipv4() || host.is_ipv6());
            all
        }
        _ => vec![host],
    };
    for address in others {
        say(&serving(address, port));
    }
    say(&format!("The fingerprint of the hub's key is {}", fingerprint(pin)));
    if is_own_group {
        say("Run junction-bridge invite here for a link that lets another machine join");
    }
}

fn serving(host: IpAddr, port: u16) -> String {
    format!("junction-hub serves {}", SocketAddr::new(host, port))
}

fn rotate(config_dir: Option<PathBuf>, with_tls_key: bool) -> anyhow::Result<()> {
    identity::rotate(&ConfigDir::locate(config_dir)?, with_tls_key)?;
    say("The group of this machine's hub has a new secret. Links made before are no longer valid.");
    say(
        "A running hub ends all sessions within a second. Sessions on this machine reconnect by themselves.",
    );
    Ok(())
}

fn start_log(filter: &str) -> anyhow::Result<()> {
    let Ok(targets) = filter.parse::<Targets>() else {
        return Err(anyhow!(
            "--log (JUNCTION_LOG) is not a valid log filter. Set it to a level such as info."
        ));
    };
    log::start(targets);
    Ok(())
}
