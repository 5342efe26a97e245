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
    match shell {
        Shell::Bash => with_hyphen(script),
        Shell::Fish => with_values(script, &command),
        _ => script,
    }
}

/// The generator for bash writes the hyphen of the program's name in two ways, so that no command's arm is found.
fn with_hyphen(script: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(script).unwrap_or_default();
    text.replace("junction__subcmd__bridge", "junction__bridge").into_bytes()
}

/// The generator for fish leaves out what may stand after a command.
fn with_values(mut script: Vec<u8>, command: &Command) -> Vec<u8> {
    for subcommand in command.get_subcommands() {
        for argument in subcommand.get_positionals() {
            let values = argument.get_possible_values();
            let values: Vec<_> =
                values.iter().map(clap::builder::PossibleValue::get_name).collect();
            if !values.is_empty() {
                let line = format!(
                    "complete -c junction-bridge -n \"__fish_seen_subcommand_from {}\" -f -a \"{}\"\n",
                    subcommand.get_name(),
                    values.join(" ")
                );
                script.extend(line.into_bytes());
            }
        }
    }
    script
}
