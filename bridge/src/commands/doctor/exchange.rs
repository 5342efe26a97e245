//! A real message between two sessions of the doctor's own, which nobody else sees.

use std::time::Duration;

use data_encoding::HEXLOWER;
use junction_shared::protocol::alias::Alias;
use junction_shared::secret::random_bytes;
use tokio::time::{Instant, timeout};

use super::finding::{Finding, Gravity};
use crate::config::Config;
use crate::wording::people::for_person;
use crate::wording::{Audience, Wording as _};
use junction_engine::error::Error;
use junction_engine::hubs::selection::AwayReason;
use junction_engine::hubs::target::HubTarget;
use junction_engine::transport::tls::Security;
use junction_engine::{ChainLimit, ConnectionState, Draft, Engine, PageLimits, PeerQuery};

const CHECK: &str = "message";
/// How long a session may take to join. A hub that has to be started needs a moment.
const JOIN_TIME: Duration = Duration::from_secs(3);
/// How long the second session may take to join, and the message to be read and receipted.
const TALK_TIME: Duration = Duration::from_secs(4);

/// Why no message arrived.
enum ExchangeError {
    /// The hub was not reached.
    Away(AwayReason),
    /// The engine refused.
    Engine(Error),
    /// The exchange took too long.
    Late,
    /// Another text arrived than was sent.
    OtherText,
}

/// What is said where something else has failed that every message needs.
pub(super) fn not_tried() -> Finding {
    Finding::warning(
        CHECK,
        "No message was tried, because of the failures above.",
        "Fix them, then run this again.",
    )
}

/// Sends a message from one session to another on this hub. Both are in nobody's list, and leave at once.
pub(super) async fn exchange(config: &Config, target: &HubTarget) -> Finding {
    if target.endpoint.security != Security::Loopback {
        return Finding::ok(
            CHECK,
            format!("Not tried on {}: two more sessions would be seen there.", target.name),
        );
    }
    let one = member(config);
    let outcome = match joined(&one).await {
        Err(error) => Err(error),
        Ok(_) => {
            // Only now, so that no two hubs are started.
            let other = member(config);
            let outcome = timeout(TALK_TIME, talk(&one, &other)).await;
            other.stop().await;
            outcome.unwrap_or(Err(ExchangeError::Late))
        }
    };
    one.stop().await;
    match outcome {
        Ok(time) => {
            let time = (time.as_secs_f64() * 1000.0).ceil();
            Finding::ok(CHECK, format!("Two test sessions exchanged a message in {time} ms."))
        }
        Err(ExchangeError::Away(why)) => away(&why),
        Err(ExchangeError::Engine(error)) => {
            Finding::error(CHECK, Gravity::Failure, &for_person(&error))
        }
        Err(ExchangeError::Late) => Finding::failure(
            CHECK,
            "A message between two sessions of its own did not arrive in time.",
            "Run junction-bridge stop and then junction-bridge doctor again.",
        ),
        Err(ExchangeError::OtherText) => Finding::failure(
            CHECK,
            "A message arrived with another text than was sent.",
            "Please report this with junction-bridge --version.",
        ),
    }
}

/// No hub was reached, or one that would show the sessions to others.
fn away(why: &AwayReason) -> Finding {
    let is_older = matches!(why, AwayReason::WouldBeListed { .. });
    let gravity = if is_older { Gravity::Warning } else { Gravity::Failure };
    Finding::error(CHECK, gravity, &why.words_for(Audience::Person))
}

fn member(config: &Config) -> Engine {
    Engine::start(junction_engine::Config {
        send_limit: None,
        chain_limit: ChainLimit::OFF,
        is_unlisted: true,
        awaits_session: false,
        ..config.engine()
    })
}

/// The time that a message took from one to the other, until it was read.
async fn talk(one: &Engine, other: &Engine) -> Result<Duration, ExchangeError> {
    let to = joined(other).await?;
    let text = HEXLOWER.encode(&random_bytes::<16>());
    let started = Instant::now();
    let draft = Draft::new(to, text.clone());
    one.send_message(draft).await.map_err(ExchangeError::Engine)?;
    let page = other.read(PageLimits::default(), TALK_TIME).await;
    let page = page.map_err(ExchangeError::Engine)?;
    let time = started.elapsed();
    let [message] = &page.messages[..] else { return Err(ExchangeError::Late) };
    if *message.body != text {
        return Err(ExchangeError::OtherText);
    }
    page.lease.ack();
    // Ends once the receipt is here: nothing stays on the hub.
    let (unconfirmed, _) = tokio::join!(one.disconnect(), other.disconnect());
    if unconfirmed.unconfirmed.is_empty() { Ok(time) } else { Err(ExchangeError::Late) }
}

/// The session's alias, once the hub has welcomed it. The last reason why it was not is told.
async fn joined(engine: &Engine) -> Result<Alias, ExchangeError> {
    let mut snapshot = engine.watch();
    let decided = snapshot.wait_for(|now| match &now.state {
        ConnectionState::Connected => now.alias.is_some(),
        ConnectionState::Left | ConnectionState::Removed => true,
        ConnectionState::Away(why) => matches!(why, AwayReason::WouldBeListed { .. }),
    });
    let _ = timeout(JOIN_TIME, decided).await;
    let now = engine.snapshot();
    if let ConnectionState::Away(why) = now.state {
        return Err(ExchangeError::Away(why));
    }
    // Once the hub answers this, it has the session's card, by which others find it.
    let query = PeerQuery { limit: 1, ..PeerQuery::default() };
    engine.list(query).await.map_err(ExchangeError::Engine)?;
    now.alias.ok_or(ExchangeError::Late)
}
