//! The hub as a service of systemd, in the manager of the user: systemd.unit(5), systemd.service(5), systemd.exec(5).

use std::path::Path;

use super::plan::{MARK, ServiceCommand, ServicePlan};

/// The name of the unit.
const UNIT: &str = "junction-hub.service";
/// What the hub needs, and no more. Only what a user's manager can enforce without a namespace of its own is here, because
/// many systems keep those from users.
const SANDBOX: &str = "\
LimitCORE=0
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
";

/// How the user's systemd is told of this command. `config` is where the user's configuration is.
pub(super) fn plan(command: &ServiceCommand, config: &Path) -> ServicePlan {
    let systemctl = |words: &str| {
        ["systemctl", "--user"].into_iter().chain(words.split(' ')).map(ToOwned::to_owned).collect()
    };
    ServicePlan {
        file: config.join("systemd/user").join(UNIT),
        text: unit(command),
        is_utf16: false,
        start: vec![
            systemctl("daemon-reload"),
            systemctl(&format!("enable {UNIT}")),
            systemctl(&format!("restart {UNIT}")),
        ],
        stop: vec![systemctl(&format!("disable --now {UNIT}"))],
        hints: vec![
            "To have it run while you are logged out: loginctl enable-linger".to_owned(),
            format!("To read what it says: journalctl --user --unit {UNIT}"),
            "To take it away: junction-hub install-service --remove".to_owned(),
        ],
    }
}

/// The unit. A hub that `junction-bridge stop` has stopped ends without an error, and stays stopped until the next login.
fn unit(ServiceCommand { program, arguments }: &ServiceCommand) -> String {
    // Variables are replaced in arguments only.
    let arguments = arguments.iter().map(|word| quoted(&word.replace('$', "$$")));
    let words: Vec<_> = std::iter::once(quoted(program)).chain(arguments).collect();
    format!(
        "# {MARK}\n\
         [Unit]\n\
         Description=Agent Junction hub for other machines\n\
         Documentation=man:junction-hub(1)\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Type=exec\n\
         ExecStart={}\n\
         Restart=on-failure\n\
         RestartSec=1\n\
         {SANDBOX}\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        words.join(" ")
    )
}

/// A word of a command line, as systemd.syntax(7) and systemd.service(5) have it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::odd_command;
    use super::*;

    #[test]
    fn words_are_quoted_as_systemd_reads_them() {
        let line = r#"ExecStart="/opt/A & B/50%%/$HOME/\"x\"/junction-hub" --host 0.0.0.0"#;
        let text = unit(&odd_command());
        assert!(text.lines().any(|found| found == line), "{text}");
    }
}
