//! `junction-bridge doctor`: what works, what does not, and what to do about it.

use std::process::ExitCode;

use crate::config::Config;
use crate::terminal::{Terminal, remark, tell};

mod clients;
mod exchange;
mod files;
mod finding;
mod gateway;
mod hindrances;
mod hub;
mod plugins;
mod sessions;
mod trial;

use finding::{Finding, Gravity};

/// Where the findings go, one a line, as they are made.
struct Findings {
    terminal: Terminal,
    is_json: bool,
    warnings: usize,
    failures: usize,
}

/// Checks the configuration, the hub, the clients and the sessions of this machine. It starts no client, and changes
/// nothing but that a hub may be started, as any session would start it. The exit status is 1 if something failed.
///
/// # Errors
/// If stdout takes no more.
pub(crate) async fn doctor(config: &Config, is_json: bool) -> anyhow::Result<ExitCode> {
    let terminal = Terminal::stdout();
    let mut findings = Findings { terminal, is_json, warnings: 0, failures: 0 };
    findings.add(files::configuration(&config.dir))?;
    findings.add(files::settings())?;
    let before = findings.failures;
    findings.add(clients::clients(&config.dir).await)?;
    // What is wrong with a client keeps no message from its receiver.
    let of_clients = findings.failures - before;
    let hubs = hub::hubs(config).await;
    findings.add(hubs.findings)?;
    if findings.failures > of_clients {
        findings.add([exchange::not_tried()])?;
    } else if let Some(target) = hubs.target {
        findings.add([exchange::exchange(config, &target).await])?;
    }
    findings.add(gateway::gateway(&config.dir).await)?;
    findings.add(sessions::sessions(config, hubs.is_stopped).await)?;
    Ok(findings.end())
}

/// Has a session of this machine woken: that of this alias, or the only one. The exit status is 1 if it cannot be woken.
///
/// # Errors
/// Which session is meant is not clear, its bridge does not answer, or stdout takes no more.
pub(crate) async fn doctor_wake(alias: Option<&str>, is_json: bool) -> anyhow::Result<ExitCode> {
    let terminal = Terminal::stdout();
    let mut findings = Findings { terminal, is_json, warnings: 0, failures: 0 };
    findings.add([trial::trial(alias).await?])?;
    Ok(if findings.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Findings {
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) -> anyhow::Result<()> {
        for finding in findings {
            match finding.gravity {
                Gravity::Ok => {}
                Gravity::Warning => self.warnings += 1,
                Gravity::Failure => self.failures += 1,
            }
            tell(&match self.is_json {
                true => serde_json::to_string(&finding)?,
                false => finding.line(self.terminal),
            })?;
        }
        Ok(())
    }

    /// Says how it ended, except beside JSON.
    fn end(&self) -> ExitCode {
        let count = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        if !self.is_json {
            remark(&match (self.failures, self.warnings) {
                (0, 0) => "Everything works.".to_owned(),
                (0, warnings) => format!("No failures, and {}.", count(warnings, "warning")),
                (failures, 0) => format!("{}.", count(failures, "failure")),
                (failures, warnings) => {
                    format!("{} and {}.", count(failures, "failure"), count(warnings, "warning"))
                }
            });
        }
        if self.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
