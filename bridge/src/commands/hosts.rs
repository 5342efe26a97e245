//! `junction-bridge hosts`: the known hosts, and which of them answer.

use super::{remark, tell};
use crate::config::Config;
use junction_engine::hubs::known::{HostView, KnownHosts};

/// Shows the known hosts: as the tool does, or a line each.
///
/// # Errors
/// If stdout takes nothing.
pub(crate) async fn hosts(config: &Config, json: bool) -> anyhow::Result<()> {
    let survey = KnownHosts::new(config.dir.clone(), config.port).survey(&config.hub).await;
    if json {
        return tell(&serde_json::to_string(&survey)?);
    }
    let width = |text: fn(&HostView) -> &str| {
        survey.hosts.iter().map(|host| text(host).len()).max().unwrap_or(0)
    };
    let (names, addresses) = (width(|host| &host.name), width(|host| &host.address));
    for host in &survey.hosts {
        let (name, address) = (&host.name, &host.address);
        tell(&format!("{name:names$}  {address:addresses$}  {}", state(host)))?;
    }
    survey.problems.iter().for_each(|problem| remark(problem));
    Ok(())
}

fn state(host: &HostView) -> String {
    let mut words = vec![if host.linked { "linked" } else { "not linked" }.to_owned()];
    match &host.health {
        Some(health) => words.extend(health.words()),
        None => words.push("does not answer".to_owned()),
    }
    if host.current {
        words.push("in use".to_owned());
    }
    words.join(", ")
}
