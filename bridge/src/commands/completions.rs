//! `junction-bridge completions`: scripts by which shells complete the command line.

use clap::{Command, ValueEnum};
use clap_complete::{Generator, Shell};

/// The shells that there is a script for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompletedShell {
    Bash,
    Zsh,
    Fish,
}

/// The script by which a shell completes this command line.
pub(crate) fn completions(shell: CompletedShell, mut command: Command) -> Vec<u8> {
    let shell = match shell {
        CompletedShell::Bash => Shell::Bash,
        CompletedShell::Zsh => Shell::Zsh,
        CompletedShell::Fish => Shell::Fish,
    };
    command.set_bin_name("junction-bridge");
    command.build();
    let mut script = Vec::new();
    // In memory: the generator panics when a pipe is closed on it.
    shell.generate(&command, &mut script);
    script
}
