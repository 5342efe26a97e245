//! The hub as an agent of launchd: launchd.plist(5), launchctl(1).

use std::path::Path;

use super::plan::{MARK, ServiceCommand, ServicePlan, xml};

/// The name of the agent.
const LABEL: &str = "agent-junction.hub";
/// Descriptors that the hub may open. The default of launchd is 256.
const DESCRIPTORS: u32 = 16_384;

/// How launchd is told of this command.
pub(super) fn plan(command: &ServiceCommand, home: &Path) -> ServicePlan {
    let file = home.join("Library/LaunchAgents").join(format!("{LABEL}.plist"));
    let log = home.join("Library/Logs/junction-hub.log");
    let path = file.display().to_string();
    let launchctl = |words: &[&str]| {
        ["launchctl"].iter().chain(words).map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    ServicePlan {
        text: plist(command, &log.display().to_string()),
        is_utf16: false,
        start: vec![launchctl(&["load", "-w", &path])],
        stop: vec![launchctl(&["unload", "-w", &path])],
        hints: vec![
            format!("What it says is in {}", log.display()),
            "To take it away: junction-hub install-service --remove".to_owned(),
        ],
        file,
    }
}

/// The property list. A hub that `junction-bridge stop` has stopped ends without an error, and stays stopped until the
/// next login.
fn plist(ServiceCommand { program, arguments }: &ServiceCommand, log: &str) -> String {
    let words: String = std::iter::once(program)
        .chain(arguments)
        .map(|word| format!("    <string>{}</string>\n", xml(word)))
        .collect();
    let log = xml(log);
    let limits: String = ["Soft", "Hard"].map(limits).concat();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- {MARK} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>
{words}  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>1</integer>
  <key>Umask</key>
  <integer>63</integer>
{limits}  <key>StandardErrorPath</key>
  <string>{log}</string>
</dict>
</plist>
"#
    )
}

/// The limits of a kind.
fn limits(kind: &str) -> String {
    format!(
        "  <key>{kind}ResourceLimits</key>
  <dict>
    <key>Core</key>
    <integer>0</integer>
    <key>NumberOfFiles</key>
    <integer>{DESCRIPTORS}</integer>
  </dict>
"
    )
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::odd_command;
    use super::*;

    #[test]
    fn words_are_written_as_xml() {
        let text = plist(&odd_command(), "/Users/a&b/log");
        assert!(text.contains(r#"<string>/opt/A &amp; B/50%/$HOME/"x"/junction-hub</string>"#));
        assert!(text.contains("<string>--host</string>\n    <string>0.0.0.0</string>"));
        assert!(text.contains("<string>/Users/a&amp;b/log</string>"));
    }
}
