//! A person as a member of the group: the session, its alias, and its end.

use std::time::Duration;

use anyhow::{anyhow, bail};
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::local_hub::{LocalHub, RunningHub};
use junction_shared::machine::seat_secret::{next_incarnation, seat_secret};
use junction_shared::protocol::alias::{Alias, MAX_ALIAS, MIN_ALIAS};
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::protocol::wire::{Context, Reach};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::names::{SpokenNames, spoken_as};
use crate::config::Config;
use crate::project::machine;
use crate::terminal::remark;
use crate::wording::people::for_person;
use junction_engine::error::Error;
use junction_engine::{Availability, Change, Engine, PeerQuery, SeatBasis, SeatToClaim, wall_ms};

/// How long the hub may take to answer: the command may have to start it.
const HUB_TIME: Duration = Duration::from_secs(5);
/// How long other sessions may take to come back to a hub that was started: as long as their longest pause.
const RETURN_TIME: Duration = Duration::from_secs(6);
/// How often to look whether one has.
const RETURN_INTERVAL: Duration = Duration::from_millis(100);
/// How long the goodbye may take.
const GOODBYE_TIME: Duration = Duration::from_millis(500);
/// How many names are tried before the hub is to offer one.
const ATTEMPTS: usize = 8;
/// What others see as the person's client.
pub(crate) const CLIENT: &str = "terminal";

/// A person's session.
pub(crate) struct PersonMember {
    pub(crate) engine: Engine,
    pub(crate) alias: Alias,
    dir: ConfigDir,
    /// Whether this command has started the hub.
    is_hub_new: bool,
}

impl PersonMember {
    /// Joins the hub: under this alias, or under the user's name or one like it. `sees` says whether the person sees
    /// messages as they come.
    ///
    /// # Errors
    /// The hub does not answer, or the alias is taken.
    pub(crate) async fn join(
        config: &Config,
        alias: Option<Alias>,
        sees: bool,
    ) -> anyhow::Result<Self> {
        Self::begin(config, alias, sees, false).await
    }

    /// Joins the hub as the person's page, which comes back if it was ended a while ago: with its name, which peers know,
    /// and with what it had not read.
    ///
    /// # Errors
    /// The hub does not answer, or the alias is taken.
    pub(crate) async fn join_page(config: &Config, alias: Option<Alias>) -> anyhow::Result<Self> {
        Self::begin(config, alias, false, true).await
    }

    async fn begin(
        config: &Config,
        alias: Option<Alias>,
        sees: bool,
        is_page: bool,
    ) -> anyhow::Result<Self> {
        let is_hub_new = config.hub == LOCAL
            && LocalHub::of(&config.dir).running().is_ok_and(|hub| hub == RunningHub::None);
        let spoken = SpokenNames::load(&config.dir);
        let own = own_name();
        let names: Vec<Alias> = match &alias {
            Some(alias) => vec![alias.clone()],
            None => spoken.left(&own).take(ATTEMPTS).collect(),
        };
        let page = is_page.then(|| alias.as_ref().unwrap_or(&own).to_string());
        let wish = names.first().cloned().unwrap_or(own);
        let client = Some(CLIENT.to_owned());
        let engine = Engine::start(junction_engine::Config {
            alias: Some(wish),
            seen: Context { machine: machine(), client, ..Context::default() },
            ..config.engine()
        });
        let reach = if sees { Reach::Push } else { Reach::Pull };
        let availability = Availability { reach, unwoken: reach, ..Availability::default() };
        engine.set_availability(availability).await;
        let returned = match page {
            Some(page) => came_back(&engine, config, &page).await,
            None => None,
        };
        connected(&engine).await?;
        if let Some(alias) = returned {
            return Ok(Self { engine, alias, dir: config.dir.clone(), is_hub_new });
        }
        match named(&engine, names).await {
            Ok(alias) => {
                if spoken.holds(&alias) {
                    remark(&format!(
                        "An earlier session of yours was {alias}. Peers that exchanged messages with it are told that the \
                         key behind the name has changed."
                    ));
                }
                Ok(Self { engine, alias, dir: config.dir.clone(), is_hub_new })
            }
            Err(error) => {
                let _ = timeout(GOODBYE_TIME, engine.stop()).await;
                Err(error)
            }
        }
    }

    /// Waits a moment for a peer that has not come back yet to a hub that this command has started.
    pub(crate) async fn has_returned(&self, peer: &Alias) {
        let deadline = Instant::now() + RETURN_TIME;
        if self.is_hub_new && self.engine.fingerprint_of(peer.clone()).await.is_none() {
            remark(&format!(
                "The hub has just been started. Waiting for {peer} to come back to it …"
            ));
        }
        while self.is_hub_new
            && Instant::now() < deadline
            && self.engine.fingerprint_of(peer.clone()).await.is_none()
        {
            sleep(RETURN_INTERVAL).await;
        }
    }

    /// Notes that messages are exchanged under this name, so that the next command takes another.
    pub(crate) fn speaks(&self) {
        spoken_as(&self.dir, &self.alias);
    }

    /// Says goodbye to the hub, with the receipts of what was printed.
    pub(crate) async fn leave(&self) {
        let _ = timeout(GOODBYE_TIME, self.engine.stop()).await;
    }
}

/// Claims the seat of the page of this name, unless another one has it that runs. The alias, if the page has come back.
async fn came_back(engine: &Engine, config: &Config, name: &str) -> Option<Alias> {
    let dir = config.dir.clone();
    // The secret may have to be made, for which this may have to wait.
    let secret = spawn_blocking(move || seat_secret(&dir)).await.ok()?.ok()?;
    let keys = SeatKeys::derive(&secret, CLIENT, &format!("page\n{}\n{name}", config.hub));
    let incarnation = next_incarnation(&config.dir, wall_ms());
    let seat = SeatToClaim { keys, incarnation, place: None, basis: SeatBasis::Wished };
    engine.claim_seat(Some(seat)).await.wait().await;
    engine.snapshot().came_back.take()
}

/// Waits until the hub has answered.
async fn connected(engine: &Engine) -> anyhow::Result<()> {
    let deadline = Instant::now() + HUB_TIME;
    let query = || PeerQuery { limit: 1, ..PeerQuery::default() };
    loop {
        match engine.list(query()).await {
            Ok(_) => return Ok(()),
            Err(Error::HubAway(_)) if Instant::now() < deadline => {}
            Err(error) => bail!(for_person(&error)),
        }
    }
}

/// The session's alias: the first of these names that is free, or else one that the hub offers where there are several.
async fn named(engine: &Engine, names: Vec<Alias>) -> anyhow::Result<Alias> {
    let must = names.len() == 1;
    let mut offered = None;
    for name in names {
        if engine.snapshot().alias.as_ref() == Some(&name) {
            return Ok(name);
        }
        let change = Change { alias: Some(name.clone()), ..Change::default() };
        match engine.register(change).await {
            Ok(_) => return Ok(name),
            Err(Error::AliasTaken(free)) if !must => offered = Some(free),
            Err(error) => bail!(for_person(&error)),
        }
    }
    let change = Change { alias: offered, ..Change::default() };
    let registered = engine.register(change).await;
    registered.map(|named| named.alias).map_err(|error| anyhow!(for_person(&error)))
}

/// The user's name as an alias.
pub(crate) fn own_name() -> Alias {
    let name =
        ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    alias_of(&name.or_else(name_of_this_user).unwrap_or_default())
}

/// The name that the system has for the user of this process.
#[cfg(unix)]
fn name_of_this_user() -> Option<String> {
    let user = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == user).then(|| name.to_owned())
    })
}

#[cfg(not(unix))]
fn name_of_this_user() -> Option<String> {
    None
}

/// An alias made of a name: its letters and digits, with hyphens between them.
fn alias_of(name: &str) -> Alias {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = name.chars().map(plain).take(MAX_ALIAS).collect();
    let text = text.trim_matches('-');
    let text = match text.len() {
        0 => "person".to_owned(),
        length if length < MIN_ALIAS => format!("{text}-person"),
        _ => text.to_owned(),
    };
    #[expect(
        clippy::expect_used,
        reason = "letters, digits and hyphens of a length that is allowed"
    )]
    Alias::parse(&text).expect("an alias")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_makes_an_alias() {
        for (name, alias) in [
            ("kurt", "kurt"),
            ("Anna.Maria", "anna-maria"),
            ("al", "al-person"),
            ("", "person"),
            ("日本", "person"),
            ("DOMAIN\\kurt", "domain-kurt"),
            ("--", "person"),
        ] {
            assert_eq!(alias_of(name).as_str(), alias);
        }
        assert_eq!(alias_of(&"x".repeat(40)).as_str().len(), MAX_ALIAS);
    }
}
