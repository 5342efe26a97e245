//! The program that serves the page, started in the place of this one.

use std::io;
use std::path::Path;
use std::process::Command;

use anyhow::anyhow;

/// Goes on as `junction-page`, which lies beside this program, with the same command line.
///
/// # Errors
/// The program cannot be started, or has failed.
pub(crate) fn start_page() -> anyhow::Result<()> {
    let name = format!("junction-page{}", std::env::consts::EXE_SUFFIX);
    let program = std::env::current_exe().map(|own| own.with_file_name(name));
    let failed = |error: io::Error| {
        anyhow!(
            "junction-page, which serves the page and lies beside junction-bridge, cannot be started: {error}. Install both again."
        )
    };
    go_on_as(&program.map_err(failed)?).map_err(failed)
}

/// Replaces this process. Returns only if that fails.
#[cfg(unix)]
fn go_on_as(program: &Path) -> io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(Command::new(program).args(std::env::args_os().skip(1)).exec())
}

/// Runs the program until it ends, and ends with its status.
#[cfg(not(unix))]
fn go_on_as(program: &Path) -> io::Result<()> {
    let status = Command::new(program).args(std::env::args_os().skip(1)).status()?;
    std::process::exit(status.code().unwrap_or(1))
}
