//! Requests of the user's commands and page, answered from the agents that the gateway runs.

use std::sync::Arc;

use super::host::GatewayHost;
use crate::ipc::server::{IpcConnection, RequestHandler};
use crate::ipc::{BridgeRequest, BridgeResponse, HttpAgent, MAX_AGENTS_LINE};

/// What a line takes beside its agents, in bytes, at most.
const FRAME: usize = 64;

/// Answers the requests to one gateway.
#[derive(Clone)]
pub(crate) struct GatewayRequests(Arc<GatewayHost>);

impl GatewayRequests {
    /// Answers from this host's agents.
    pub(crate) fn new(host: Arc<GatewayHost>) -> Self {
        Self(host)
    }

    /// All agents that run.
    async fn agents(&self) -> Vec<HttpAgent> {
        let agents = &self.0.agents;
        let described = agents.descriptions().into_iter();
        let agent = described.map(|(key, session)| HttpAgent {
            id: key.id(agents.secret()),
            name: key.name().map(str::to_owned),
            session,
        });
        agent.collect()
    }
}

impl RequestHandler for GatewayRequests {
    async fn handle(&self, request: BridgeRequest, mut connection: IpcConnection) {
        self.0.sweep();
        let response = match request {
            BridgeRequest::Agents { after } => page(self.agents().await, after.as_deref()),
            BridgeRequest::RemoveAgent { agent } if self.0.agents.remove(&agent).await => {
                BridgeResponse::Done
            }
            _ => BridgeResponse::Nothing,
        };
        connection.respond(&response).await;
    }
}

/// The agents after this id, in the order of their ids, as many as a line takes.
fn page(mut agents: Vec<HttpAgent>, after: Option<&str>) -> BridgeResponse {
    agents.sort_by(|one, other| one.id.cmp(&other.id));
    agents.retain(|agent| after.is_none_or(|after| agent.id.as_str() > after));
    let mut room = MAX_AGENTS_LINE - FRAME;
    let fits = agents.iter().take_while(|agent| {
        let length = serde_json::to_vec(agent).map_or(usize::MAX, |json| json.len() + 1);
        let left = room.checked_sub(length);
        room = left.unwrap_or_default();
        left.is_some()
    });
    let fitting = fits.count();
    let more = fitting < agents.len();
    agents.truncate(fitting);
    BridgeResponse::Agents { agents, more }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An agent whose texts are as long as they may be, and need an escape for each byte.
    fn agent(number: usize) -> HttpAgent {
        let long = "\u{1}".repeat(600);
        let session = json!({
            "version": "0", "directory": long, "place": "here", "hub": long, "alias": "a".repeat(32),
            "connection": "away", "why": long, "client": long, "reach": "pull", "hindrance": "no-way", "way": null,
        });
        let session = serde_json::from_value(session).unwrap();
        HttpAgent { id: format!("{number:024}"), name: None, session }
    }

    #[test]
    fn every_agent_is_on_one_page_and_each_page_fits_into_a_line() {
        let all: Vec<_> = (0..1_024).rev().map(agent).collect();
        let (mut found, mut pages, mut after) = (Vec::new(), 0, None);
        loop {
            let page = page(all.clone(), after.as_deref());
            assert!(serde_json::to_vec(&page).unwrap().len() < MAX_AGENTS_LINE);
            let BridgeResponse::Agents { agents, more } = page else { panic!("no page") };
            found.extend(agents.into_iter().map(|agent| agent.id));
            pages += 1;
            if !more {
                break;
            }
            after = found.last().cloned();
        }
        let mut ids: Vec<_> = all.into_iter().map(|agent| agent.id).collect();
        ids.reverse();
        assert_eq!(found, ids);
        assert!(pages > 1);
    }
}
