//! The machines whose hubs are known, and how others come in.

use std::io::Cursor;

use junction_engine::hubs::known::KnownHosts;
use junction_engine::hubs::probe::{HostStatus, ProbeError, survey};
use junction_shared::invite_link::address_text;
use junction_shared::machine::hosts::{HostsFile, LOCAL};
use junction_shared::machine::identity;
use serde::Deserialize;
use serde_json::{Value, json};

use super::host::PageHost;
use super::page_error::PageError;
use crate::invitation::{WARNING, link_of, own_links};
use crate::joining::{check_name, forget_host, join_by};
use crate::qr_code::qr_path;
use crate::results::object;
use crate::survey::{SurveyJson, mcp_url};

/// Whose link is asked for.
#[derive(Deserialize)]
pub(super) struct InviteAsked {
    host: Option<String>,
}

/// A link to join by.
#[derive(Deserialize)]
pub(super) struct JoinAsked {
    link: String,
    name: Option<String>,
}

/// The known hosts, and which of them answer.
pub(super) async fn known(page: &PageHost) -> Value {
    let known = KnownHosts::new(page.config.dir.clone(), page.config.port);
    let found = survey(&known, &page.config.hub).await;
    let file = HostsFile::load(&page.config.dir).unwrap_or_default();
    let is_kept = |host: &HostStatus| file.find(&host.name).is_some();
    let more: Vec<_> = found.hosts.iter().map(|host| (trouble(host), is_kept(host))).collect();
    let mut shown = object(&SurveyJson::new(found, mcp_url(&page.config.dir).as_deref()));
    let hosts = shown.get_mut("hosts").and_then(Value::as_array_mut).into_iter().flatten();
    for (host, (why, is_kept)) in hosts.zip(more) {
        // Only what the file has can be forgotten: the environment may name hosts, too.
        host["kept"] = is_kept.into();
        if let Some(why) = why {
            host["trouble"] = why.into();
        }
    }
    shown.into()
}

/// The word for what is wrong with a host that something answers for.
fn trouble(host: &HostStatus) -> Option<&'static str> {
    match host.health {
        Ok(_) | Err(ProbeError::NoAnswer) => None,
        Err(ProbeError::OldLink) => Some("old_link"),
        Err(ProbeError::OtherKey { .. }) => Some("other_key"),
        Err(ProbeError::Stranger) => Some("stranger"),
    }
}

/// Links by which others join, and each as the path of a QR code.
pub(super) async fn invite(page: &PageHost, asked: InviteAsked) -> Result<Value, PageError> {
    page.config.dir.check().map_err(anyhow::Error::from)?;
    let links = match asked.host.filter(|host| host != LOCAL) {
        Some(name) => vec![link_of(&page.config, &name)?],
        None => own_links(&page.config).await?,
    };
    let links: Vec<Value> = links
        .iter()
        .map(|link| {
            let text = link.to_text();
            let (path, size) = qr_path(&text).unwrap_or_default();
            json!({ "link": *text, "qr": path, "size": size })
        })
        .collect();
    Ok(json!({ "links": links, "warning": WARNING }))
}

/// Verifies a link with its hub, and keeps it.
pub(super) async fn join(page: &PageHost, asked: JoinAsked) -> Result<Value, PageError> {
    let name = asked.name.filter(|name| !name.is_empty());
    name.iter().try_for_each(|name| check_name(name))?;
    page.config.dir.check().map_err(anyhow::Error::from)?;
    let joined = join_by(&page.config, &mut Cursor::new(asked.link), name).await?;
    let address = address_text(&joined.link.host, joined.link.port);
    Ok(json!({ "name": joined.name, "address": address, "remark": joined.remark }))
}

/// Removes a known host.
pub(super) fn forget(page: &PageHost, name: &str) -> Result<Value, PageError> {
    forget_host(&page.config, name)?;
    Ok(json!({}))
}

/// Makes all links to this machine's hub invalid.
pub(super) fn rotate(page: &PageHost) -> Result<Value, PageError> {
    identity::rotate(&page.config.dir, false).map_err(anyhow::Error::from)?;
    Ok(json!({
        "said": "Links that were made before are no longer valid. A running hub ends all sessions within a second; those on this \
                 machine come back by themselves.",
    }))
}
