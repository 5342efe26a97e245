//! The programs under test, as cargo built them for this test or bench.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static BRIDGE: LazyLock<String> = LazyLock::new(|| locate("junction-bridge"));
static HUB: LazyLock<String> = LazyLock::new(|| locate("junction-hub"));

/// The path of `junction-bridge`.
///
/// # Panics
/// If cargo has not built it.
pub fn bridge_binary() -> &'static str {
    &BRIDGE
}

/// The path of `junction-hub`.
///
/// # Panics
/// If cargo has not built it.
pub fn hub_binary() -> &'static str {
    &HUB
}

/// The path of a program as it was before bridges had seats; none unless `JUNCTION_OLD_BINARIES` names the folder.
pub fn old_binary(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("JUNCTION_OLD_BINARIES").map(PathBuf::from)?;
    Some(folder.join(name).with_extension(std::env::consts::EXE_EXTENSION))
}

/// Cargo names each program of a package to the package's tests and benches. A test that is run without cargo,
/// from a debugger for one, lies one folder below the programs.
fn locate(name: &str) -> String {
    let named = std::env::var_os(format!("CARGO_BIN_EXE_{name}")).map(PathBuf::from);
    let path = named.or_else(|| beside_this_test(name));
    let path = path.filter(|path| path.is_file());
    let text = path.as_deref().and_then(Path::to_str).map(str::to_owned);
    text.unwrap_or_else(|| panic!("{name} was not found. Run this test by cargo, which builds it."))
}

fn beside_this_test(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    Some(test.parent()?.parent()?.join(name).with_extension(std::env::consts::EXE_EXTENSION))
}
