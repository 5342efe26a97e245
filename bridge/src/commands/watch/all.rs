//! `junction-bridge watch --all`: what goes on at the hub of this machine, seen from outside.

use std::time::Duration;

use anyhow::anyhow;
use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::local_hub::LocalHub;
use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::onlooker::LivingHub;
use crate::people::feed_lines::FeedLines;
use crate::people::printer::{OutputStream, Printer, stdout_closed};
use crate::person::invoker::refuse_agents_to_look;
use crate::process::signals::Signals;
use crate::terminal::Terminal;
use crate::wording::Wording;
use junction_engine::hubs::feed::{FeedError, HubFeed};
use junction_engine::hubs::known::KnownHosts;

/// How long to wait before the hub is looked for again.
const PAUSE: Duration = Duration::from_millis(250);
/// How long an error may last that a hub shows which stops, or which starts with other keys.
const GRACE: Duration = Duration::from_secs(5);

/// Prints what goes on at the hub until the command is ended. No hub is started, and nobody there sees it.
///
/// # Errors
/// The hub does not tell it, or the output cannot be written.
pub(super) async fn watch_all(config: &Config, json: bool) -> anyhow::Result<()> {
    refuse_agents_to_look()?;
    let mut signals = Signals::new()?;
    tokio::select! {
        outcome = run(config, json) => outcome,
        () = stdout_closed() => Ok(()),
        () = signals.next() => Ok(()),
    }
}

async fn run(config: &Config, json: bool) -> anyhow::Result<()> {
    if config.hub == LOCAL {
        // Waits for a hub that starts just now.
        LivingHub::find(&LocalHub::of(&config.dir)).await?;
    }
    let known = KnownHosts::new(config.dir.clone(), config.port);
    let opened = HubFeed::open(&known, &config.hub).await;
    let mut feed = opened.map_err(|error| anyhow!(error.wording()))?;
    let mut lines = FeedLines::new(Terminal::stdout(), json);
    let printer = Printer::start(OutputStream::Stdout)?;
    printer.print(lines.began(feed.port())).await?;
    loop {
        let error = print(&mut feed, &mut lines, &printer).await?;
        if error != FeedError::Ended {
            return Err(anyhow!(error.wording()));
        }
        let start = feed.start();
        feed = match HubFeed::open(&known, &config.hub).await {
            Ok(feed) if feed.start() == start => {
                printer.print(lines.missed()).await?;
                feed
            }
            _ => {
                printer.print(lines.away()).await?;
                let feed = again(&known, &config.hub).await?;
                printer.print(lines.back(feed.port())).await?;
                feed
            }
        };
    }
}

/// Prints events until they end.
async fn print(
    feed: &mut HubFeed,
    lines: &mut FeedLines,
    printer: &Printer,
) -> anyhow::Result<FeedError> {
    loop {
        match feed.next().await {
            Ok(event) => {
                let text = lines.event(event);
                if !text.is_empty() {
                    printer.print(text).await?;
                }
            }
            Err(error) => return Ok(error),
        }
    }
}

/// Waits until the hub is there again.
async fn again(known: &KnownHosts, hub: &str) -> anyhow::Result<HubFeed> {
    let grace = Instant::now() + GRACE;
    loop {
        match HubFeed::open(known, hub).await {
            Ok(feed) => return Ok(feed),
            Err(error) if error.is_passing() || Instant::now() < grace => sleep(PAUSE).await,
            Err(error) => return Err(anyhow!(error.wording())),
        }
    }
}
