//! The hubs that this machine knows by name, and which of them can be reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use junction_shared::invite_link::{Link, address_text};
use junction_shared::machine::config_dir::{ConfigDir, ConfigError};
use junction_shared::machine::hosts::{HostsFile, LOCAL, is_host_name};
use junction_shared::machine::settings::env;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::hubs::target::addresses;
use crate::label::label;
use crate::transport::dial::{Tcp, dial_one};
use crate::transport::tls::{Channel, Insecure, Security, secure};
use crate::trouble::other_key;

/// Hosts known at most: they are all probed at once.
const MAX_HOSTS: usize = 64;
/// How long a host has to answer.
const PROBE_TIME: Duration = Duration::from_secs(1);
/// The longest body of an answer to `/health`: that of a hub has about 100 bytes.
const MAX_HEALTH: usize = 16 * 1024;

/// Where hosts are known from.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    /// The directory of `hosts.toml`.
    pub dir: ConfigDir,
    /// The value of `JUNCTION_KNOWN_HOSTS`.
    pub listed: Option<String>,
    /// The port of the `local` hub, and of hosts listed without one.
    pub port: u16,
}

/// A host known by name.
pub struct KnownHost {
    /// Its name.
    pub name: String,
    /// A DNS name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What joins its group, where that is known.
    pub link: Option<Link>,
}

/// What `known_hosts` answers.
#[derive(Debug, Serialize)]
pub struct Survey {
    /// Each host.
    pub hosts: Vec<HostView>,
    /// What is wrong with the settings that name hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// A host as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostView {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    health_url: String,
    /// Whether it is the one in use.
    pub current: bool,
    /// Whether its link is known.
    pub linked: bool,
    reachable: bool,
    /// What it says of itself, if it answers.
    #[serde(flatten)]
    pub health: Option<Health>,
}

/// What is told of a host that answers.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    latency_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_peers: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl Health {
    /// Whether the hub serves other machines.
    pub fn is_lan(&self) -> bool {
        self.mode == Some("lan")
    }

    /// What it is, in a few words.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![format!("answers in {} ms", self.latency_ms)];
        words.extend(self.active_peers.map(|peers| format!("{peers} sessions")));
        words.extend(self.mode.map(|mode| format!("mode {mode}")));
        words.extend(self.version.as_ref().map(|version| format!("version {version}")));
        words
    }
}

impl KnownHosts {
    /// The hosts in the file of this directory and in the environment. `port` is that of the `local` hub.
    pub fn new(dir: ConfigDir, port: u16) -> Self {
        Self { dir, listed: env("JUNCTION_KNOWN_HOSTS"), port }
    }

    /// The hosts, `local` always among them, and a line of text for each thing that is wrong with the
    /// settings that name them. The lines quote nothing.
    pub fn list(&self) -> (Vec<KnownHost>, Vec<String>) {
        let unreadable = |error: ConfigError| HostsFile {
            problems: vec![error.to_string()],
            ..HostsFile::default()
        };
        self.list_with(HostsFile::load(&self.dir).unwrap_or_else(unreadable))
    }

    /// As [`KnownHosts::list`], with what the file holds.
    pub fn list_with(&self, file: HostsFile) -> (Vec<KnownHost>, Vec<String>) {
        let mut problems = file.problems;
        let mut hosts = vec![self.local()];
        for entry in file.entries {
            let host = KnownHost {
                name: entry.name,
                host: entry.host,
                port: entry.port,
                link: entry.link,
            };
            match hosts.iter_mut().find(|known| known.name == host.name) {
                // The file has the link of `local`; where it is, is a setting.
                Some(local) => local.link = host.link,
                None => hosts.push(host),
            }
        }
        self.add_listed(&mut hosts, &mut problems);
        if hosts.len() > MAX_HOSTS {
            hosts.truncate(MAX_HOSTS);
            problems.push(format!(
                "More than {MAX_HOSTS} hosts are known. Remove those that are not needed."
            ));
        }
        (hosts, problems)
    }

    fn local(&self) -> KnownHost {
        let host = Ipv4Addr::LOCALHOST.to_string();
        KnownHost { name: LOCAL.to_owned(), host, port: self.port, link: None }
    }

    fn add_listed(&self, hosts: &mut Vec<KnownHost>, problems: &mut Vec<String>) {
        let parts = self.listed.as_deref().unwrap_or_default().split(',').map(str::trim);
        for (index, part) in parts.enumerate().filter(|(_, part)| !part.is_empty()) {
            let place = index + 1;
            match parse_listed(part, self.port) {
                Some(host) if hosts.iter().any(|known| known.name == host.name) => problems.push(format!(
                    "JUNCTION_KNOWN_HOSTS part {place}: There is a host of this name already. Choose another name."
                )),
                Some(host) => hosts.push(host),
                None => problems.push(format!(
                    "JUNCTION_KNOWN_HOSTS part {place}: This is not a host. Write name=IP or name=IP:PORT."
                )),
            }
        }
    }

    /// All hosts, each asked for its health at once. `current` names the one in use.
    pub async fn survey(&self, current: &str) -> Survey {
        let (hosts, mut problems) = self.list();
        let views = hosts.into_iter().map(|host| view(host, current));
        let (hosts, others): (Vec<_>, Vec<_>) = join_all(views).await.into_iter().unzip();
        problems.extend(others.into_iter().flatten());
        Survey { hosts, problems }
    }
}

impl KnownHost {
    /// What the host has to prove when it is dialled.
    pub fn security(&self) -> Security {
        match &self.link {
            // The hub of this machine serves without TLS here.
            _ if self.name == LOCAL => Security::Loopback,
            Some(link) => Security::Pinned(link.pin),
            None if is_loopback(&self.host) => Security::Loopback,
            None => Security::Unknown,
        }
    }
}

fn parse_listed(part: &str, port: u16) -> Option<KnownHost> {
    let (name, address) = part.split_once('=')?;
    let (name, address) = (name.trim(), address.trim());
    let with_port = |ip: IpAddr| SocketAddr::new(ip, port);
    let address = address.parse().or_else(|_| address.parse().map(with_port)).ok()?;
    let usable = is_host_name(name) && address.port() != 0;
    let host = address.ip().to_string();
    usable.then(|| KnownHost { name: name.to_owned(), host, port: address.port(), link: None })
}

/// A host, and what is wrong with it if another has its place.
async fn view(host: KnownHost, current: &str) -> (HostView, Option<String>) {
    let address = address_text(&host.host, host.port);
    let security = host.security();
    let (health, problem) = match inquire(&host.host, host.port, security).await {
        Ok(health) => (Some(health), None),
        Err(Some(Insecure::OtherKey { expected, found })) => {
            let what = other_key(&address, &expected, &found);
            (
                None,
                Some(format!(
                    "{}: {what} Join it again only with a link from whoever runs it.",
                    host.name
                )),
            )
        }
        Err(_) => (None, None),
    };
    let view = HostView {
        health_url: format!(
            "{}://{address}/health",
            if security == Security::Loopback { "http" } else { "https" }
        ),
        current: current == host.name || current == address,
        linked: host.link.is_some(),
        reachable: health.is_some(),
        name: host.name,
        address,
        health,
    };
    (view, problem)
}

/// Whether this is a name or an address of this machine that no other can have.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}

/// What a hub says of its health.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: String,
    mode: Option<String>,
    active_peers: Option<u64>,
    version: Option<String>,
}

/// What a hub says of its health, if one answers in time and proves what it has to.
pub async fn probe(host: &str, port: u16, security: Security) -> Option<Health> {
    inquire(host, port, security).await.ok()
}

/// The same, and why not, as far as it has to do with its key.
///
/// # Errors
/// Nothing, or what its key proved.
pub async fn inquire(
    host: &str,
    port: u16,
    security: Security,
) -> Result<Health, Option<Insecure>> {
    let started = Instant::now();
    let asked = timeout(PROBE_TIME, ask(host, port, security)).await;
    let body = asked.map_err(|_| None)??;
    health(&body, started.elapsed()).ok_or(None)
}

fn health(body: &[u8], latency: Duration) -> Option<Health> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let mode = ["localhost", "lan"].into_iter().find(|mode| answer.mode.as_deref() == Some(mode));
    (answer.status == "ok").then(|| Health {
        latency_ms: (latency.as_secs_f64() * 10_000.0).round() / 10.0,
        active_peers: answer.active_peers,
        mode,
        version: answer.version.as_deref().and_then(label),
    })
}

/// The body of the answer to `GET /health`.
async fn ask(host: &str, port: u16, security: Security) -> Result<Bytes, Option<Insecure>> {
    let addresses = addresses(host, port).await.map_err(|_| None)?;
    // A hub refuses every name but its own address: a name is what a browser is led astray by.
    let (stream, address) = dial_one(&Tcp, &addresses).await.map_err(|_| None)?;
    let (stream, _) = secure(stream, security).await.map_err(Some)?;
    request(stream, address).await.ok_or(None)
}

async fn request(stream: Channel<TcpStream>, address: SocketAddr) -> Option<Bytes> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    // Dropped with this function, and the connection with it.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = Request::get("/health").header(HOST, address.to_string());
    let response = sender.send_request(request.body(Empty::<Bytes>::new()).ok()?).await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let body = Limited::new(response.into_body(), MAX_HEALTH).collect().await.ok()?;
    Some(body.to_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn known(listed: &str) -> (KnownHosts, TempDir) {
        let dir = TempDir::new().unwrap();
        let config = ConfigDir::at(dir.path().join("config"));
        config.open().unwrap();
        (KnownHosts { dir: config, listed: Some(listed.to_owned()), port: 4200 }, dir)
    }

    /// A server that gives one answer to everybody, and the heads of the requests it got.
    async fn server(answer: &'static str) -> (u16, tokio::sync::mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heads, receiver) = tokio::sync::mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 1024];
                let read = stream.read(&mut head).await.unwrap();
                heads.send(String::from_utf8_lossy(&head[..read]).into_owned()).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (port, receiver)
    }

    async fn survey(listed: &str, current: &str) -> Value {
        let (known, _dir) = known(listed);
        serde_json::to_value(known.survey(current).await).unwrap()
    }

    #[test]
    fn local_is_always_known_and_file_and_setting_add_to_it() {
        let (mut known, _dir) = known(
            "a=192.168.1.2, b=192.168.1.3:5000,c=[::1]:6000 ,d=::1,,local=10.0.0.1,E=10.0.0.1,f=x,g=1.2.3.4:0,nonsense",
        );
        known.port = 4201;
        known
            .dir
            .write_private("hosts.toml", "[hosts]\nattic = \"attic.lan:4300\"\nb = 1\n")
            .unwrap();
        let (hosts, problems) = known.list();
        let hosts: Vec<_> =
            hosts.iter().map(|h| (h.name.as_str(), h.host.as_str(), h.port)).collect();
        let expected = [
            ("local", "127.0.0.1", 4201),
            ("attic", "attic.lan", 4300),
            ("a", "192.168.1.2", 4201),
            ("b", "192.168.1.3", 5000),
            ("c", "::1", 6000),
            ("d", "::1", 4201),
        ];
        assert_eq!(hosts, expected);
        assert_eq!(problems.len(), 6, "{problems:?}");
        assert!(problems[0].contains("line 3"));
        assert!(problems[1].contains("part 6: There is a host of this name already."));
        assert!(problems[2].contains("part 7: This is not a host."));
        assert!(!problems.concat().contains("nonsense"));
    }

    #[test]
    fn hosts_are_not_without_number() {
        let listed: Vec<_> = (0..100).map(|i| format!("h{i}=10.0.0.1")).collect();
        let (hosts, problems) = known(&listed.join(",")).0.list();
        assert_eq!((hosts.len(), problems.len()), (MAX_HOSTS, 1));
    }

    #[tokio::test]
    async fn healthy_hub_is_reachable_and_described() {
        let (port, mut heads) = server(
            "HTTP/1.1 200 OK\r\ncontent-length: 88\r\n\r\n\
             {\"status\":\"ok\",\"mode\":\"lan\",\"activePeers\":2,\"uptime\":3600,\"version\":\"0.1.0\\u001b[31m\"}  ",
        )
        .await;
        let survey = survey(&format!("attic=127.0.0.1:{port}"), "attic").await;
        let attic = &survey["hosts"][1];
        assert_eq!(attic["address"], format!("127.0.0.1:{port}"));
        assert_eq!(attic["healthUrl"], format!("http://127.0.0.1:{port}/health"));
        assert_eq!((&attic["current"], &attic["linked"]), (&json!(true), &json!(false)));
        assert_eq!((&attic["reachable"], &attic["activePeers"]), (&json!(true), &json!(2)));
        assert_eq!((&attic["mode"], &attic["version"]), (&json!("lan"), &json!("0.1.0?[31m")));
        assert!(attic["latencyMs"].is_number());
        assert_eq!(survey["hosts"][0]["current"], false);
        assert!(survey.get("problems").is_none());
        let head = heads.recv().await.unwrap();
        assert!(head.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{head}");
    }

    #[tokio::test]
    async fn whatever_is_no_healthy_hub_is_not_reachable() {
        for answer in [
            "nonsense\r\n\r\n",
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"status\":\"gone\"} ",
            "HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n{\"status\":\"ok\"}",
        ] {
            let (port, _heads) = server(answer).await;
            let survey = survey(&format!("attic=127.0.0.1:{port}"), "local").await;
            let attic = survey["hosts"][1].as_object().unwrap();
            assert_eq!(attic["reachable"], false, "{answer}");
            assert!(!attic.contains_key("latencyMs"));
            assert_eq!(survey["hosts"][0]["current"], true);
        }
    }
}
