//! The JSON form of the known hosts, as `known_hosts` and `junction-bridge hosts --json` show them.

use std::time::Duration;

use junction_engine::hubs::probe::{Health, HostStatus, HubMode, Survey};
use junction_engine::transport::tls::Security;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::local_gateway::LocalGateway;
use serde::Serialize;

use crate::wording::Wording;
use crate::wording::hubs::host_problem;

/// The known hosts, and what is wrong with the settings that name them.
#[derive(Debug, Serialize)]
pub(crate) struct SurveyJson {
    hosts: Vec<HostJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HostJson {
    name: String,
    address: String,
    health_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp_url: Option<String>,
    current: bool,
    linked: bool,
    reachable: bool,
    #[serde(flatten)]
    health: Option<HealthJson>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthJson {
    latency_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_peers: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl SurveyJson {
    /// The JSON form of a survey, with the address at which this machine serves MCP over HTTP.
    pub(crate) fn new(survey: Survey, mcp_url: Option<&str>) -> Self {
        let problems = problems(&survey);
        let mut hosts: Vec<HostJson> = survey.hosts.into_iter().map(Into::into).collect();
        let local = hosts.iter_mut().find(|host| host.name == LOCAL);
        local.into_iter().for_each(|host| host.mcp_url = mcp_url.map(str::to_owned));
        Self { hosts, problems }
    }
}

/// Where the gateway of this directory serves MCP over HTTP, if one runs: the address that takes any client, else the one
/// below which each agent has its own. Neither holds a secret.
pub(crate) fn mcp_url(dir: &ConfigDir) -> Option<String> {
    let addresses = LocalGateway::of(dir).running().ok()??;
    addresses.open.or_else(|| addresses.bases.into_iter().next())
}

impl From<HostStatus> for HostJson {
    fn from(host: HostStatus) -> Self {
        let address = host.endpoint.address();
        let scheme = if host.endpoint.security == Security::Loopback { "http" } else { "https" };
        Self {
            health_url: format!("{scheme}://{address}/health"),
            mcp_url: None,
            name: host.name,
            address,
            current: host.is_current,
            linked: host.is_linked,
            reachable: host.health.is_ok(),
            health: host.health.ok().map(Into::into),
        }
    }
}

impl From<Health> for HealthJson {
    fn from(health: Health) -> Self {
        Self {
            latency_ms: rounded_ms(health.latency),
            active_peers: health.active_peers,
            mode: health.mode.map(HubMode::name),
            version: health.version,
        }
    }
}

/// What is wrong with the settings that name hosts, and with the hosts themselves.
pub(crate) fn problems(survey: &Survey) -> Vec<String> {
    let settings = survey.problems.iter().map(Wording::wording);
    settings.chain(survey.hosts.iter().filter_map(host_problem)).collect()
}

/// Milliseconds with one decimal.
pub(crate) fn rounded_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use junction_engine::hubs::probe::ProbeError;
    use junction_engine::transport::endpoint::Endpoint;
    use junction_shared::machine::local_gateway::GatewayAddresses;
    use serde_json::json;

    use super::*;

    fn host(name: &str, port: u16, health: Result<Health, ProbeError>) -> HostStatus {
        let endpoint = Endpoint::plain(SocketAddr::from(([10, 0, 0, 7], port)));
        let (is_current, is_linked) = (name == "attic", name != "attic");
        HostStatus { name: name.to_owned(), endpoint, is_current, is_linked, health }
    }

    #[test]
    fn reachable_hosts_show_their_health_and_others_do_not() {
        let health = Health {
            latency: Duration::from_micros(1_234),
            active_peers: Some(2),
            mode: Some(HubMode::Lan),
            version: None,
            uptime: None,
        };
        let mut far = host("far", 2, Err(ProbeError::NoAnswer));
        far.endpoint.security = Security::Unknown;
        let hosts = vec![host("attic", 1, Ok(health)), far];
        let json = serde_json::to_value(SurveyJson::new(Survey { hosts, problems: vec![] }, None));
        let expected = json!({ "hosts": [
            {
                "name": "attic", "address": "10.0.0.7:1", "healthUrl": "http://10.0.0.7:1/health",
                "current": true, "linked": false, "reachable": true,
                "latencyMs": 1.2, "activePeers": 2, "mode": "lan",
            },
            {
                "name": "far", "address": "10.0.0.7:2", "healthUrl": "https://10.0.0.7:2/health",
                "current": false, "linked": true, "reachable": false,
            },
        ] });
        assert_eq!(json.unwrap(), expected);
    }

    #[test]
    fn local_host_alone_shows_where_the_gateway_serves() {
        let hosts = ["far", "local"].map(|name| host(name, 1, Err(ProbeError::NoAnswer)));
        let survey = Survey { hosts: hosts.into(), problems: vec![] };
        let json = SurveyJson::new(survey, Some("http://127.0.0.1:4201/mcp"));
        let json = serde_json::to_value(json).unwrap();
        assert_eq!(json["hosts"][0].get("mcpUrl"), None);
        assert_eq!(json["hosts"][1]["mcpUrl"], "http://127.0.0.1:4201/mcp");
    }

    #[test]
    fn gateway_is_known_by_its_open_address_or_the_first_of_its_addresses() {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        assert_eq!(mcp_url(&dir), None);
        let claim = LocalGateway::of(&dir).try_claim().unwrap().unwrap();
        let text = |text: &str| text.to_owned();
        let bases = vec![text("http://127.0.0.1:4201/mcp"), text("https://10.0.0.7:4201/mcp")];
        claim.publish(&GatewayAddresses { bases: bases.clone(), open: None }).unwrap();
        assert_eq!(mcp_url(&dir), Some(text("http://127.0.0.1:4201/mcp")));
        let open = Some(text("http://127.0.0.1:4200/mcp"));
        claim.publish(&GatewayAddresses { bases, open: open.clone() }).unwrap();
        assert_eq!(mcp_url(&dir), open);
    }

    #[test]
    fn host_with_another_key_is_a_problem() {
        let error = ProbeError::OtherKey { expected: [1; 32], found: [2; 32] };
        let survey = Survey { hosts: vec![host("attic", 1, Err(error))], problems: vec![] };
        let [problem] = problems(&survey).try_into().unwrap();
        assert!(problem.starts_with("attic: What answers at 10.0.0.7:1 is not the hub"));
    }
}
