//! A value that is given to a command: the user's config holds the whole argument vector, and an agent names it. The value
//! is the command's standard input; nothing of it is in an argument, and only the exit code comes back.
//!
//! The command gets the environment of this process, because it is the user's own program and needs what it would find in
//! a terminal: `HOME`, `PATH`, a token of its own. Only the junction's settings are left out. Its working directory is the
//! project. All that this process opens is closed for it, and it has a process group of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::MAX_VALUE_FILE;
use crate::config::CONFIG_FILE;
use crate::policy::Policy;
use crate::process::{RunFault, find_program, run};
use crate::refused::{CommandRefused, DiskFault};

/// How long a command may run: a request over a slow network, tried again once.
const LIMIT: Duration = Duration::from_secs(60);
/// How the names of the junction's own settings begin.
const OWN_SETTINGS: &str = "JUNCTION_";

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// It returned this; 0 means that it succeeded.
    Code(i32),
    /// A signal ended it.
    Signal,
}

/// Checks that the user's config has a command of this name.
///
/// # Errors
/// [`CommandRefused::Unknown`]
pub fn check_command(policy: &Policy, name: &str) -> Result<(), CommandRefused> {
    argv_of(policy, name).map(|_| ())
}

/// The program of a command, and its arguments.
fn argv_of<'p>(
    policy: &'p Policy,
    name: &str,
) -> Result<(&'p String, &'p [String]), CommandRefused> {
    let argv = policy.config.commands.get(name).and_then(|argv| argv.split_first());
    argv.ok_or_else(|| CommandRefused::Unknown {
        known: policy.config.commands().map(str::to_owned).collect(),
        file: policy.config.own.as_deref().unwrap_or(Path::new("")).join(CONFIG_FILE),
    })
}

/// Runs the command that the user's config has under this name, with the value as its standard input.
///
/// # Errors
/// [`CommandRefused`]
pub fn run_command(policy: &Policy, name: &str, value: &[u8]) -> Result<ExitCode, CommandRefused> {
    run_within(policy, name, value, LIMIT)
}

fn run_within(
    policy: &Policy,
    name: &str,
    value: &[u8],
    limit: Duration,
) -> Result<ExitCode, CommandRefused> {
    let (program, arguments) = argv_of(policy, name)?;
    if value.len() as u64 > MAX_VALUE_FILE {
        return Err(CommandRefused::TooLarge { limit: MAX_VALUE_FILE });
    }
    let path = std::env::var_os("PATH");
    let program = find_program(program, path.as_deref(), &policy.project)
        .ok_or_else(|| CommandRefused::NotFound { program: program.clone() })?;
    let mut command = Command::new(&program);
    command.args(arguments).current_dir(&policy.project);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(OWN_SETTINGS) {
            command.env_remove(name);
        }
    }
    match run(&mut command, value, limit) {
        Ok(status) => Ok(status.code().map_or(ExitCode::Signal, ExitCode::Code)),
        Err(RunFault::Start(error)) => {
            Err(CommandRefused::Start { program, fault: DiskFault::of(&error) })
        }
        Err(RunFault::TimedOut) => Err(CommandRefused::TimedOut { seconds: limit.as_secs() }),
        Err(RunFault::Lost) => Err(CommandRefused::Lost),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Instant;

    use super::*;
    use crate::testing::{TestProject, eventually};

    fn world(commands: &[(&str, &[&str])]) -> TestProject {
        let mut world = TestProject::new();
        for (name, argv) in commands {
            let argv = argv.iter().map(|part| (*part).to_owned()).collect();
            world.config.commands.insert((*name).to_owned(), argv);
        }
        world
    }

    #[test]
    fn value_is_the_input_and_only_the_code_comes_back() {
        let world = world(&[
            ("keep", &["tee", "got"]),
            ("fail", &["sh", "-c", "cat >/dev/null; exit 7"]),
            ("die", &["sh", "-c", "kill -9 $$"]),
            ("deaf", &["true"]),
            ("where", &["sh", "-c", "pwd >where; echo \"$1\" >>where", "x", "$(id) ; *"]),
        ]);
        let policy = world.policy();
        let large = vec![b'v'; 1 << 20];
        assert_eq!(run_command(&policy, "keep", &large), Ok(ExitCode::Code(0)));
        assert_eq!(fs::read(world.at("got")).unwrap(), large);
        assert_eq!(run_command(&policy, "fail", b"v"), Ok(ExitCode::Code(7)));
        assert_eq!(run_command(&policy, "die", b"v"), Ok(ExitCode::Signal));
        assert_eq!(run_command(&policy, "deaf", &large), Ok(ExitCode::Code(0)));
        assert_eq!(run_command(&policy, "where", b"v"), Ok(ExitCode::Code(0)));
        let expected = format!("{}\n$(id) ; *\n", world.project().display());
        assert_eq!(fs::read_to_string(world.at("where")).unwrap(), expected);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn command_gets_no_file_of_this_process() {
        let world = world(&[("list", &["sh", "-c", "ls -l /proc/self/fd >list"])]);
        let kept = world.write("kept-open.txt", "");
        let open = crate::source::open_file(&world.policy(), "kept-open.txt").unwrap();
        let _other = fs::File::open(&kept).unwrap();
        assert_eq!(run_command(&world.policy(), "list", b"v"), Ok(ExitCode::Code(0)));
        let list = fs::read_to_string(world.at("list")).unwrap();
        assert!(list.contains("1 -> ") && !list.contains("kept-open.txt"), "{list}");
        drop(open);
    }

    #[test]
    fn agent_names_a_command_and_nothing_else() {
        let world = world(&[
            ("none", &["no-such-program-here"]),
            ("relative", &["./planted"]),
            ("bare", &["planted"]),
            ("text", &["/dev/null"]),
        ]);
        let policy = world.policy();
        let program = world.at("planted");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["", "cat", "none x", "../none", "none\0"] {
            let refused = run_command(&policy, name, b"");
            let Err(CommandRefused::Unknown { known, .. }) = refused else {
                panic!("{name}: {refused:?}");
            };
            assert_eq!(known, ["bare", "none", "relative", "text"]);
        }
        for name in ["none", "relative", "bare"] {
            let refused = run_command(&policy, name, b"");
            assert!(matches!(refused, Err(CommandRefused::NotFound { .. })), "{name} {refused:?}");
        }
        let refused = run_command(&policy, "text", b"");
        assert!(matches!(refused, Err(CommandRefused::Start { fault: DiskFault::Denied, .. })));
        let path = std::env::join_paths([world.project(), &world.outside()]).unwrap();
        assert_eq!(find_program("planted", Some(&path), world.project()), None);
        fs::rename(&program, world.outside().join("planted")).unwrap();
        let found = find_program("planted", Some(&path), world.project());
        assert_eq!(found, Some(world.outside().join("planted")));
    }

    #[test]
    fn program_that_does_not_end_is_killed_with_its_children() {
        let world = world(&[
            ("deaf", &["sleep", "1000"]),
            ("family", &["sh", "-c", "sleep 1000 & echo $! >child; wait"]),
        ]);
        let policy = world.policy();
        let large = vec![b'v'; 1 << 20];
        let start = Instant::now();
        let refused = run_within(&policy, "deaf", &large, Duration::from_millis(100));
        assert_eq!(refused, Err(CommandRefused::TimedOut { seconds: 0 }));
        let refused = run_within(&policy, "family", &[], Duration::from_secs(1));
        assert_eq!(refused, Err(CommandRefused::TimedOut { seconds: 1 }));
        assert!(start.elapsed() < Duration::from_secs(30));
        let child: i32 = fs::read_to_string(world.at("child")).unwrap().trim().parse().unwrap();
        let child = rustix::process::Pid::from_raw(child).unwrap();
        // A process that nobody has reaped yet has no command line.
        let line = format!("/proc/{}/cmdline", child.as_raw_nonzero());
        assert!(eventually(|| {
            let is_gone = rustix::process::test_kill_process(child).is_err();
            is_gone || fs::read(&line).is_ok_and(|line| line.is_empty())
        }));
    }
}
