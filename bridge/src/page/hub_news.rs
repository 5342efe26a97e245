//! Whether the hub is there, and what it calls the person.

use std::time::Duration;

use junction_engine::error::{Error, Unanswered};
use junction_engine::hubs::autostart::HubStart;
use junction_engine::hubs::selection::AwayReason;
use junction_engine::{ConnectionState, Engine, PeerQuery, PeerWait, wall_ms};
use junction_shared::protocol::alias::Alias;
use serde_json::json;

use super::live::LiveScene;
use super::page_error::PageError;
use crate::wording::people::{for_person, on_page};

/// How long a session may take to come back to a hub that was started again: its bridge looks for one every few seconds.
const RETURN_TIME: Duration = Duration::from_secs(5);

/// Shows it, as it changes.
pub(crate) async fn look(engine: Engine, live: LiveScene) {
    let mut snapshot = engine.watch();
    let mut was_away = false;
    loop {
        let seen = snapshot.borrow_and_update().clone();
        let (mut is_startable, mut is_stopped) = (false, false);
        let (state, why) = match seen.state {
            ConnectionState::Connected => ("connected", None),
            ConnectionState::Left | ConnectionState::Removed => ("left", None),
            ConnectionState::Away(AwayReason::NotYet) => ("connecting", None),
            ConnectionState::Away(why) => {
                is_startable = starts_for_a_call(&why);
                is_stopped = matches!(why, AwayReason::Stopped { .. });
                ("away", Some(on_page(&for_person(&Error::HubAway(Unanswered::Away(why))))))
            }
        };
        let is_away = why.is_some();
        let note = match &why {
            Some(why) if !was_away => Some(format!("The hub is away. {why}")),
            None if was_away => Some("The hub is back.".to_owned()),
            _ => None,
        };
        was_away = is_away;
        let alias = seen.alias.map(|alias| alias.to_string()).unwrap_or_default();
        let renamed = seen.renamed.take().map(|alias| format!("The hub calls you {alias} now."));
        live.scene(|scene| {
            scene.set_hub(json!({
                "state": state, "why": why, "stopped": is_stopped, "startable": is_startable,
            }));
            scene.change_hello(|hello| {
                hello["you"] = json!({ "alias": alias, "fingerprint": seen.fingerprint });
            });
            note.iter().chain(&renamed).for_each(|note| scene.note(wall_ms(), note));
        });
        if snapshot.changed().await.is_err() {
            return;
        }
    }
}

/// Whether a call that needs the hub starts it: the user has stopped it, or one that was started has ended.
fn starts_for_a_call(why: &AwayReason) -> bool {
    match why {
        AwayReason::Stopped { is_startable } => *is_startable,
        AwayReason::Unreachable { start, is_own_group, .. } => {
            *is_own_group && *start == HubStart::Ended
        }
        _ => false,
    }
}

/// Starts the hub of this machine, as the call of an agent does: by asking it for something. Then waits a while for the
/// session of this alias to come back, if there is one.
///
/// # Errors
/// Why the hub does not answer, and what to do.
pub(crate) async fn start(engine: &Engine, alias: Option<Alias>) -> Result<(), PageError> {
    let question = PeerQuery { limit: 1, ..PeerQuery::default() };
    let mut answer = engine.list(question).await.map(|_| ());
    if alias.is_some() && answer.is_ok() {
        let wanted = PeerWait { alias, ..PeerWait::default() };
        answer = engine.wait_for_peer(wanted, RETURN_TIME).await.map(|_| ());
    }
    answer.map_err(|error| PageError::conflict(on_page(&for_person(&error))))
}
