//! The hub as a task of Windows' Task Scheduler, by its schema of tasks and by `schtasks`.

use std::path::Path;

use super::plan::{MARK, ServiceCommand, ServicePlan, xml};

/// The name of the task.
const TASK: &str = "Agent Junction hub";

/// How the Task Scheduler is told of this command. `data` is where the user's programs keep their files, and `user` the name
/// of the user with that of their domain.
pub(super) fn plan(command: &ServiceCommand, data: &Path, user: &str) -> ServicePlan {
    let file = data.join("agent-junction").join("junction-hub-task.xml");
    let path = file.display().to_string();
    let schtasks = |words: &[&str]| {
        ["schtasks"].iter().chain(words).map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    ServicePlan {
        text: task(command, user),
        is_utf16: true,
        start: vec![
            schtasks(&["/Create", "/F", "/TN", TASK, "/XML", &path]),
            schtasks(&["/Run", "/TN", TASK]),
        ],
        stop: vec![schtasks(&["/End", "/TN", TASK]), schtasks(&["/Delete", "/F", "/TN", TASK])],
        hints: vec!["To take it away: junction-hub install-service --remove".to_owned()],
        file,
    }
}

/// The task. A hub that `junction-bridge stop` has stopped ends without an error, and stays stopped until the next login.
fn task(ServiceCommand { program, arguments }: &ServiceCommand, user: &str) -> String {
    let words: Vec<_> = arguments.iter().map(|word| quoted(word)).collect();
    let (program, words, user) = (xml(program), xml(&words.join(" ")), xml(user));
    format!(
        r#"<?xml version="1.0" encoding="UTF-16"?>
<!-- {MARK} -->
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Agent Junction hub for other machines</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>{user}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{words}</Arguments>
    </Exec>
  </Actions>
</Task>
"#
    )
}

/// An argument as the C runtime of Windows reads it. Paths of Windows hold no quotes.
fn quoted(word: &str) -> String {
    if !word.contains([' ', '\t']) {
        return word.to_owned();
    }
    // A backslash before the last quote would escape that.
    let end = if word.ends_with('\\') { "\\" } else { "" };
    format!("\"{word}{end}\"")
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::odd_command;
    use super::*;

    #[test]
    fn words_are_written_as_xml_and_quoted_as_windows_reads_them() {
        let mut command = odd_command();
        command.arguments.extend(["--config-dir".to_owned(), "C:\\My Files\\".to_owned()]);
        let text = task(&command, "HOME\\a&b");
        assert!(text.contains(r#"<Command>/opt/A &amp; B/50%/$HOME/"x"/junction-hub</Command>"#));
        let line = r#"<Arguments>--host 0.0.0.0 --config-dir "C:\My Files\\"</Arguments>"#;
        assert!(text.contains(line), "{text}");
        assert!(text.contains("<UserId>HOME\\a&amp;b</UserId>"));
    }
}
