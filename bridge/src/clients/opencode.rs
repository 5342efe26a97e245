//! opencode. Its plugins are programs, so it runs no hook commands.

use std::time::Duration;

use super::profile::{ClientProfile, ShellVariables};

/// opencode, as seen with version 1.18.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    silence_limit: Some(Duration::from_secs(60)),
    shell: ShellVariables { signs: &["OPENCODE"], session: None },
    ..ClientProfile::plain("opencode", "opencode", "opencode")
};
