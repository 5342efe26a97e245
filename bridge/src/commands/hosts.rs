//! `junction-bridge hosts`: the known hosts, and which of them answer.

use junction_shared::machine::hosts::LOCAL;

use crate::config::Config;
use crate::survey::{SurveyJson, mcp_url, problems, rounded_ms};
use crate::terminal::{Cell, Style, Terminal, remark, tell};
use junction_engine::hubs::known::KnownHosts;
use junction_engine::hubs::probe::{Health, HostStatus, ProbeError, survey};

/// Shows the known hosts: as JSON, in the form of the tool `known_hosts`, or one a line.
///
/// # Errors
/// Nothing can be written to stdout.
pub(crate) async fn hosts(config: &Config, json: bool) -> anyhow::Result<()> {
    let known = KnownHosts::new(config.dir.clone(), config.port);
    let survey = survey(&known, &config.hub).await;
    let mcp_url = mcp_url(&config.dir);
    if json {
        return tell(&serde_json::to_string(&SurveyJson::new(survey, mcp_url.as_deref()))?);
    }
    let mcp_url_of = |host: &HostStatus| mcp_url.as_deref().filter(|_| host.name == LOCAL);
    let rows: Vec<_> = survey.hosts.iter().map(|host| row(host, mcp_url_of(host))).collect();
    for line in Terminal::stdout().table(&rows) {
        tell(&line)?;
    }
    problems(&survey).iter().for_each(|problem| remark(problem));
    Ok(())
}

fn row(host: &HostStatus, mcp_url: Option<&str>) -> Vec<Cell> {
    let style = match host.health {
        Ok(_) => Style::Good,
        Err(ProbeError::NoAnswer) => Style::Warning,
        Err(_) => Style::Bad,
    };
    let address = Cell::plain(host.endpoint.address());
    vec![Cell::new(Style::Strong, &*host.name), address, Cell::new(style, state(host, mcp_url))]
}

fn state(host: &HostStatus, mcp_url: Option<&str>) -> String {
    let mut words = vec![if host.is_linked { "linked" } else { "not linked" }.to_owned()];
    match &host.health {
        Ok(health) => words.extend(health_words(health)),
        Err(error) => words.push(error_words(*error).to_owned()),
    }
    if host.is_current {
        words.push("in use".to_owned());
    }
    words.extend(mcp_url.map(|url| format!("MCP over HTTP at {url}")));
    words.join(", ")
}

fn error_words(error: ProbeError) -> &'static str {
    match error {
        ProbeError::NoAnswer => "does not answer",
        ProbeError::Stranger => "what listens there is not this group's hub",
        ProbeError::OldLink => "answers, but its link is no longer valid",
        ProbeError::OtherKey { .. } => "answers with another key",
    }
}

fn health_words(health: &Health) -> Vec<String> {
    let mut words = vec![format!("answers in {} ms", rounded_ms(health.latency))];
    words.extend(health.active_peers.map(|peers| format!("{peers} sessions")));
    words.extend(health.mode.map(|mode| format!("mode {}", mode.name())));
    words.extend(health.version.as_ref().map(|version| format!("version {version}")));
    words
}
