//! The gateway of this machine: whether it serves the agents that it has.

use junction_shared::machine::config_dir::ConfigDir;

use super::finding::{Finding, Gravity};
use crate::commands::gateway::GatewayOverview;

const CHECK: &str = "gateway";
/// Names that are shown in one line, at most.
const MOST_SHOWN: usize = 8;

/// Checks the gateway of this directory. There is nothing to say where none is in use.
pub(super) async fn gateway(dir: &ConfigDir) -> Option<Finding> {
    match GatewayOverview::of(dir).await {
        Ok(gateway) => finding(&gateway),
        Err(error) => Some(Finding::error(CHECK, Gravity::Failure, &error.to_string())),
    }
}

fn finding(gateway: &GatewayOverview) -> Option<Finding> {
    if gateway.is_unused() {
        return None;
    }
    if gateway.addresses.is_some() {
        let words = gateway.words().join(", ");
        return Some(Finding::ok(CHECK, format!("Serves MCP over HTTP {words}.")));
    }
    let names: Vec<_> =
        gateway.agents.iter().take(MOST_SHOWN).map(|agent| agent.name.as_str()).collect();
    let more = if gateway.agents.len() > MOST_SHOWN { ", …" } else { "" };
    Some(Finding::warning(
        CHECK,
        format!(
            "No gateway is running, so these agents cannot use their addresses: {}{more}.",
            names.join(", ")
        ),
        "Run junction-bridge gateway, and leave it running; or remove what is not needed with junction-bridge gateway \
         remove NAME.",
    ))
}

#[cfg(test)]
mod tests {
    use junction_shared::machine::local_gateway::GatewayAddresses;
    use junction_shared::protocol::alias::Alias;

    use super::*;
    use crate::gateway::names::NamedAgent;
    use crate::terminal::Terminal;

    #[test]
    fn gateway_is_told_where_it_is_in_use() {
        let names = |names: &[&str]| {
            let agent = |name: &&str| NamedAgent {
                name: Alias::parse(name).unwrap(),
                generation: String::new(),
            };
            names.iter().map(agent).collect()
        };
        let of = |addresses, agents| {
            let sessions = Vec::new();
            let gateway = GatewayOverview { addresses, process: None, agents, sessions };
            finding(&gateway).map(|finding| finding.line(Terminal::PIPE))
        };
        assert_eq!(of(None, names(&[])), None);
        let idle = of(None, names(&["claude", "desk"])).unwrap();
        assert!(
            idle.starts_with("warn  gateway: No gateway is running, so these agents cannot use their addresses: claude, desk. Run"),
            "{idle}"
        );
        let bases = vec!["http://127.0.0.1:4201/mcp".to_owned()];
        let serving = of(Some(GatewayAddresses { bases, open: None }), names(&["desk"])).unwrap();
        assert_eq!(
            serving,
            "ok    gateway: Serves MCP over HTTP at http://127.0.0.1:4201/mcp, 1 agent with an address, 0 agents running."
        );
    }
}
