//! Whether the hub is there, and what it calls the person.

use junction_engine::error::{Error, Unanswered};
use junction_engine::{ConnectionState, Engine, wall_ms};
use serde_json::json;

use super::live::LiveScene;
use crate::wording::people::{for_person, on_page};

/// Shows it, as it changes.
pub(crate) async fn look(engine: Engine, live: LiveScene) {
    let mut snapshot = engine.watch();
    let mut was_away = false;
    loop {
        let seen = snapshot.borrow_and_update().clone();
        let (state, why) = match seen.state {
            ConnectionState::Connected => ("connected", None),
            ConnectionState::Left | ConnectionState::Removed => ("left", None),
            ConnectionState::Away(why) => {
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
            scene.set_hub(json!({ "state": state, "why": why }));
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
