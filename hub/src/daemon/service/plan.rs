//! How the manager of a system's services is told of the hub: by a file and some commands.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// What each file begins with, as a comment of its language. A file without it is somebody else's.
pub(super) const MARK: &str = "Made by: junction-hub install-service";

/// The program of a service and its arguments.
pub(super) struct ServiceCommand {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
}

/// How a manager of services is told of the hub.
pub(super) struct ServicePlan {
    /// The file that describes the service.
    pub(super) file: PathBuf,
    /// What is in the file.
    pub(super) text: String,
    /// Whether the manager reads it as UTF-16, and not as UTF-8.
    pub(super) is_utf16: bool,
    /// The commands that start the service, once the file is there.
    pub(super) start: Vec<Vec<String>>,
    /// The commands that stop the service for good.
    pub(super) stop: Vec<Vec<String>>,
    /// What a person may want to do next.
    pub(super) hints: Vec<String>,
}

impl ServicePlan {
    /// Has the manager start the service. The error is half a sentence.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        self.start.iter().try_for_each(|command| run(command))
    }

    /// Has the manager stop the service for good. The error is half a sentence.
    pub(super) fn stop(&self) -> anyhow::Result<()> {
        let all: Vec<_> = self.stop.iter().map(|command| run(command)).collect();
        all.into_iter().collect()
    }

    /// Has the manager stop the service, and removes the file. Returns whether there was one.
    pub(super) fn remove(&self) -> anyhow::Result<bool> {
        if !self.is_there()? {
            return Ok(false);
        }
        let stopped = self.stop();
        self.remove_file()?;
        if let Err(error) = stopped {
            bail!(
                "{error}. The service's file is removed; end a hub that still runs with junction-bridge stop."
            );
        }
        Ok(true)
    }

    /// Removes the file.
    pub(super) fn remove_file(&self) -> anyhow::Result<()> {
        fs::remove_file(&self.file).with_context(|| {
            format!("{} could not be removed. Remove it by hand.", self.file.display())
        })
    }

    /// Whether this program has written the file.
    pub(super) fn is_there(&self) -> anyhow::Result<bool> {
        match fs::read(&self.file) {
            Ok(found) if decoded(&found).contains(MARK) => Ok(true),
            Ok(_) => {
                bail!("{} was not made by this command. Move it away first.", self.file.display())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => bail!(
                "{} cannot be read ({}). Correct that first.",
                self.file.display(),
                error.kind()
            ),
        }
    }

    /// Writes the file.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        let written = match self.file.parent() {
            Some(folder) => fs::create_dir_all(folder),
            None => Ok(()),
        };
        let bytes = if self.is_utf16 { utf16(&self.text) } else { self.text.clone().into_bytes() };
        written.and_then(|()| fs::write(&self.file, bytes)).with_context(|| {
            format!(
                "{} cannot be written. Correct that, or write what --print shows to where your system looks for it.",
                self.file.display()
            )
        })
    }
}

/// Text as Windows reads it, with its mark of the order of bytes.
fn utf16(text: &str) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// The text of a file in UTF-8, or in UTF-16 as [`utf16`] writes it.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<_> =
                rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Runs a command of the manager. The error is half a sentence.
fn run(command: &[String]) -> anyhow::Result<()> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let why = match done {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "),
        Err(error) => error.to_string(),
    };
    let line = command.join(" ");
    bail!("{line} failed ({why})")
}

/// Text as it stands in XML, between tags.
pub(super) fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;

    /// A command with everything that some language of services takes for its own.
    pub(crate) fn odd_command() -> ServiceCommand {
        let program = r#"/opt/A & B/50%/$HOME/"x"/junction-hub"#.to_owned();
        ServiceCommand { program, arguments: vec!["--host".to_owned(), "0.0.0.0".to_owned()] }
    }

    fn plan_in(dir: &Path, text: &str) -> ServicePlan {
        ServicePlan {
            file: dir.join("deep/x.service"),
            text: text.to_owned(),
            is_utf16: text.contains("utf16"),
            start: Vec::new(),
            stop: Vec::new(),
            hints: Vec::new(),
        }
    }

    #[test]
    fn only_a_file_of_its_own_is_replaced_or_removed() {
        let dir = tempfile::tempdir().unwrap();
        for text in [MARK.to_owned(), format!("{MARK} utf16 é")] {
            let plan = plan_in(dir.path(), &text);
            assert!(!plan.remove().unwrap());
            plan.write().unwrap();
            assert!(plan.is_there().unwrap());
            assert!(plan.remove().unwrap());
            assert!(!plan.file.exists());
            fs::write(&plan.file, "[Unit]\n").unwrap();
            let refusal = plan.remove().unwrap_err().to_string();
            assert!(refusal.contains("was not made by this command"), "{refusal}");
            assert_eq!(fs::read_to_string(&plan.file).unwrap(), "[Unit]\n");
            fs::remove_file(&plan.file).unwrap();
        }
    }
}
