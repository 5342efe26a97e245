//! What refusals of files and paths say.

use std::path::Path;

use junction_attachments::refused::{
    BadPath, DiskFault, FileKind, Never, NotAllowed, ReadRefused, SaveRefused, Sensitivity, Why,
};

use super::Audience;
use crate::attachments::AllowContext;
use crate::escape::escape;

/// Folders of the system, and with them all below, that no error offers to save in.
const SYSTEM_FOLDERS: [&str; 11] = [
    "/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/run", "/sbin", "/usr", "/System",
    "/Library",
];
/// Folders in which others than this user or this project have files, that no error offers to save in.
const SHARED_FOLDERS: [&str; 9] =
    ["/home", "/media", "/mnt", "/opt", "/root", "/srv", "/var", "/Users", "/Volumes"];

/// A path in a sentence. An agent or a person wrote it, or a folder has the name, so it is shown as text of a peer is.
pub(super) fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy()).text.into_owned()
}

/// The command that allows something, or takes it back. The arguments are as a shell reads them.
pub(crate) fn allow_command(arguments: &str, config_dir: Option<&Path>) -> String {
    let flag = config_dir.map(|dir| format!(" --config-dir {}", quoted(&dir.to_string_lossy())));
    format!("junction-bridge allow {arguments}{}", flag.unwrap_or_default())
}

/// A text as an argument for a shell that the user pastes a command into. It is on one line, all of it can be seen, and the
/// shell reads the same text: `$'…'` where there are other characters, which bash, zsh, ksh and POSIX of 2024 know.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    if !text.contains(['\n', '\t']) && escape(text).text == text {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let escaped = |byte: u8| match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        // Always three digits, so that what follows is none of them.
        byte => format!("\\{byte:03o}"),
    };
    format!("$'{}'", text.bytes().map(escaped).collect::<String>())
}

fn not_allowed(
    refusal: &NotAllowed,
    verb: &str,
    context: &AllowContext,
    audience: Audience,
) -> String {
    let path = shown(&refusal.path);
    let why = match refusal.why {
        Why::Outside => format!("{path} is outside of the project directory"),
        Why::HardLink => {
            format!("{path} has more than one name, and may be a secret file under another")
        }
        Why::Sensitive(Sensitivity::DotEnv) => format!("{path} holds environment variables"),
        Why::Sensitive(Sensitivity::PrivateKey) => format!("{path} seems to hold a private key"),
        Why::Sensitive(Sensitivity::Credentials) => format!("{path} seems to hold credentials"),
        Why::Sensitive(Sensitivity::Startup) => format!("{path} is run when a program starts"),
    };
    format!(
        "{why}, and {} allowed it to be {verb}. {}: {}",
        audience.pick("your user has not", "you have not"),
        audience.pick("Ask your user to run", "Run"),
        allow_command(&quoted(&refusal.entry()), context.config_dir.as_deref())
    )
}

/// A file is to be saved outside of the project. An entry of the file would let it leave, and not be written.
fn saved_outside(path: &Path, context: &AllowContext, audience: Audience) -> String {
    let what = format!(
        "{} is outside of the project directory, and {} allowed files to be saved there. Choose a path in the project",
        shown(path),
        audience.pick("your user has not", "you have not")
    );
    let folder = path.parent().filter(|folder| is_offered(folder, context.home.as_deref()));
    match folder {
        Some(folder) => {
            let arguments = format!("--save {}", quoted(&folder.to_string_lossy()));
            let command = allow_command(&arguments, context.config_dir.as_deref());
            format!("{what}, or {}: {command}", audience.pick("ask your user to run", "run"))
        }
        None => format!("{what}."),
    }
}

/// Whether a user may sensibly let sessions save below a folder: not where all their files are, or the system's.
fn is_offered(folder: &Path, home: Option<&Path>) -> bool {
    folder.parent().is_some()
        && !home.is_some_and(|home| home.starts_with(folder))
        && !SHARED_FOLDERS.iter().any(|shared| folder == Path::new(shared))
        && !SYSTEM_FOLDERS.iter().any(|system| folder.starts_with(system))
}

fn never(path: &Path, why: Never, verb: &str) -> String {
    let path = shown(path);
    match why {
        Never::System => format!(
            "{path} is no ordinary file but part of the system, and is never {verb}. Choose another file."
        ),
        Never::OwnConfig => format!(
            "{path} belongs to Agent Junction itself, and is never {verb}. Choose another file."
        ),
        Never::Setting => format!(
            "{path} is a file that some program runs or obeys by itself, and is never {verb}. Choose another path."
        ),
        Never::Repository => format!(
            "{path} is inside a git repository's own folder, and is never {verb}. Choose another path."
        ),
    }
}

fn kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Regular => "a file",
        FileKind::Directory => "a directory",
        FileKind::Symlink => "a symbolic link",
        FileKind::Fifo => "a named pipe",
        FileKind::Socket => "a socket",
        FileKind::Device => "a device",
    }
}

fn bad_path(bad: BadPath, audience: Audience) -> String {
    let (what, with) = match bad {
        BadPath::Empty => (" is empty", "the path of a file"),
        BadPath::TooLong => (", or a name in it, is too long", "a shorter one"),
        BadPath::Character => (" has control or invisible characters", "another path"),
        BadPath::OtherHome => {
            (" begins with ~ and a name, which is not expanded", "the absolute path")
        }
        BadPath::NoHome => {
            (" begins with ~/ and this process has no home directory", "the absolute path")
        }
        BadPath::Windows => (" has a name that means something else on Windows", "another path"),
    };
    match audience {
        Audience::Agent => format!("path{what}. Call again with {with}."),
        Audience::Person => format!("The path{what}. Give {with}."),
    }
}

fn fault(path: &Path, fault: DiskFault, audience: Audience) -> String {
    let path = shown(path);
    let make_room =
        audience.pick("Ask your user to make room, then call again.", "Make room, then try again.");
    match fault {
        DiskFault::Full => format!("The disk of {path} is full. {make_room}"),
        DiskFault::Quota => {
            format!("The quota or the limit on file sizes is used up at {path}. {make_room}")
        }
        DiskFault::ReadOnly => {
            format!("The file system of {path} is read-only. Choose another path.")
        }
        DiskFault::Denied => format!(
            "The system does not permit access to {path}. Check its permissions, or choose another path."
        ),
        DiskFault::Other(error) => {
            let again = audience.pick("call again", "try again");
            format!("The system refused {path}: {error}. Check it, then {again}.")
        }
    }
}

pub(super) fn size(limit: u64) -> String {
    if limit < 1 << 20 { format!("{} KiB", limit >> 10) } else { format!("{} MiB", limit >> 20) }
}

pub(super) fn read_refused(
    refused: &ReadRefused,
    context: &AllowContext,
    audience: Audience,
) -> String {
    let name_a_file =
        audience.pick("Call again with the path of a file.", "Give the path of a file.");
    match refused {
        ReadRefused::BadPath(bad) => bad_path(*bad, audience),
        ReadRefused::Missing(path) => format!("There is no file {}. {name_a_file}", shown(path)),
        ReadRefused::NotAllowed(refusal) => not_allowed(refusal, "sent", context, audience),
        ReadRefused::Never { path, why } => never(path, *why, "sent"),
        ReadRefused::NotAFile { path, kind: other } => {
            let kind = kind(*other);
            format!("{} is {kind}, and only files can be sent. {name_a_file}", shown(path))
        }
        ReadRefused::TooLarge { path, limit } => {
            format!(
                "{} is larger than {}. Send a part of it, or send it in another way.",
                shown(path),
                size(*limit)
            )
        }
        ReadRefused::Changed(path) => {
            let again = audience.pick("Call again", "Try again");
            format!("{} was changed while it was read. {again}.", shown(path))
        }
        ReadRefused::EnvNotAllowed(name) => {
            let (shown, command) = (escape(name).text, format!("--env {}", quoted(name)));
            let command = allow_command(&command, context.config_dir.as_deref());
            match audience {
                Audience::Agent => format!(
                    "Your user has not allowed the environment variable {shown} to be sent. Ask your user to run: {command}"
                ),
                Audience::Person => format!(
                    "You have not allowed the environment variable {shown} to be sent. Run: {command}"
                ),
            }
        }
        ReadRefused::EnvUnset(name) => format!(
            "The environment variable {} is not set here. {} another.",
            escape(name).text,
            audience.pick("Call again with", "Name")
        ),
        ReadRefused::Disk { path, fault: why } => fault(path, *why, audience),
    }
}

pub(super) fn save_refused(
    refused: &SaveRefused,
    context: &AllowContext,
    audience: Audience,
) -> String {
    let again = audience.pick("Call again", "Try again");
    match refused {
        SaveRefused::BadPath(bad) => bad_path(*bad, audience),
        SaveRefused::NoFolder(path) => {
            format!("There is no folder {}. Make it, or choose another path.", shown(path))
        }
        SaveRefused::NotAFolder(path) => {
            format!("{} is no folder. Choose another path.", shown(path))
        }
        SaveRefused::Symlink(path) => format!(
            "{} is a symbolic link, and none is followed. Give the path that it leads to.",
            shown(path)
        ),
        SaveRefused::Exists(path) => {
            let or = audience.pick(", or call again with overwrite true if it may be replaced", "");
            format!("{} exists. Choose another path{or}.", shown(path))
        }
        SaveRefused::NotAFile { path, kind: other } => format!(
            "{} is {}, and is not replaced. Choose another path.",
            shown(path),
            kind(*other)
        ),
        SaveRefused::NotAllowed(NotAllowed { path, why: Why::Outside, .. }) => {
            saved_outside(path, context, audience)
        }
        SaveRefused::NotAllowed(refusal) => not_allowed(refusal, "written", context, audience),
        SaveRefused::Never { path, why } => never(path, *why, "written"),
        SaveRefused::Changed(path) => {
            format!("{}, or a folder above it, was changed meanwhile. {again}.", shown(path))
        }
        SaveRefused::Busy(path) => format!(
            "Another program has locked {} or its folder for 5 s, so nothing could be saved there. {again}, or choose another path.",
            shown(path)
        ),
        SaveRefused::TooLarge { path, limit } => format!(
            "{} is or would be larger than {}. Choose another path.",
            shown(path),
            size(*limit)
        ),
        SaveRefused::Length { .. } => {
            "Another number of bytes came than the message says. Ask the sender to send it again."
                .to_owned()
        }
        SaveRefused::Disk { path, fault: why } => fault(path, *why, audience),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn regression_save_outside_names_the_command_that_allows_it() {
        for key in [None, Some("KEY".to_owned())] {
            let refusal = NotAllowed { path: "/out/a b/.env".into(), key, why: Why::Outside };
            let said = save_refused(
                &SaveRefused::NotAllowed(refusal),
                &AllowContext::default(),
                Audience::Agent,
            );
            assert!(said.ends_with("run: junction-bridge allow --save '/out/a b'"), "{said}");
        }
    }

    #[test]
    fn regression_save_outside_offers_no_folder_of_the_system_and_no_whole_home() {
        let home = Some("/home/me".into());
        let context = AllowContext { home, config_dir: None };
        for (path, is_offered) in [
            ("/x", false),
            ("/etc/x", false),
            ("/usr/share/a/x", false),
            ("/home/x", false),
            ("/home/me/x", false),
            ("/home/me/inbox/x", true),
            ("/data/x", true),
        ] {
            let said = saved_outside(Path::new(path), &context, Audience::Agent);
            assert_eq!(said.contains("junction-bridge allow"), is_offered, "{said}");
            assert!(said.contains("Choose a path in the project"), "{said}");
        }
    }

    #[test]
    fn regression_command_names_the_configuration_directory_that_it_would_not_find() {
        let config_dir = Some("/c d".into());
        let context = AllowContext { home: None, config_dir };
        let refusal = NotAllowed { path: "/a/.env".into(), key: None, why: Why::HardLink };
        for (said, argument) in [
            (not_allowed(&refusal, "sent", &context, Audience::Person), "'/a/.env'"),
            (saved_outside(Path::new("/out/x"), &context, Audience::Agent), "--save '/out'"),
            (
                read_refused(&ReadRefused::EnvNotAllowed("KEY".into()), &context, Audience::Agent),
                "--env KEY",
            ),
        ] {
            let command = format!("un: junction-bridge allow {argument} --config-dir '/c d'");
            assert!(said.ends_with(&command), "{said}");
        }
    }

    #[test]
    fn regression_argument_is_on_one_line_and_a_shell_reads_the_same_text() {
        for (text, argument) in [
            ("KEY_1", "KEY_1"),
            ("", "''"),
            ("/a b/ü", "'/a b/ü'"),
            ("/it's", r"'/it'\''s'"),
            ("/a\nrm -rf ~", r"$'/a\012rm -rf ~'"),
            ("/a\r\n'b\\", r"$'/a\015\012\'b\\'"),
            ("/a\u{1b}7", r"$'/a\0337'"),
            ("/\u{202e}a", r"$'/\342\200\256a'"),
        ] {
            assert_eq!(quoted(text), argument, "{text:?}");
            let mut bash = std::process::Command::new("bash");
            let script = format!("printf %s {argument}");
            // Where there is no bash, the forms above are all that is checked.
            if let Ok(output) = bash.args(["-c", &script]).output() {
                assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{argument}");
            }
        }
    }
}
