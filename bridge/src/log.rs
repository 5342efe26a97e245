//! What the bridge logs, and one line for a panic. Neither ever holds a message's text.

use junction_shared::machine::log;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The MCP library, which logs message bodies at `debug` and client text at `warn`.
const LOGS_BODIES: &str = "rmcp";

/// Starts logging to stderr by this filter, without the MCP library.
pub(crate) fn init(filter: Targets) {
    log::start(without_bodies(filter));
}

/// The filter with the MCP library silenced. Directives for the library are removed first, because one for a module of
/// the library would override ours for the whole.
fn without_bodies(filter: Targets) -> Targets {
    let default = filter.default_level().unwrap_or(LevelFilter::OFF);
    let others = filter.into_iter().filter(|(target, _)| !target.starts_with(LOGS_BODIES));
    others.collect::<Targets>().with_default(default).with_target(LOGS_BODIES, LevelFilter::OFF)
}

/// Makes a panic print its place and nothing else, because its text could quote a message.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if let Some(place) = panic.location() {
            log::say(&format!("junction-bridge panicked at {place}. Please report it."));
        }
    }));
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn mcp_library_is_silent_with_any_filter() {
        for filter in ["trace", "rmcp=trace", "rmcp::service=trace,debug", "rmcp_x=trace", "rmcp"] {
            let filter = without_bodies(filter.parse().unwrap());
            for target in ["rmcp", "rmcp::service", "rmcp::transport::io"] {
                assert!(!filter.would_enable(target, &Level::ERROR), "{filter} {target}");
            }
        }
    }

    #[test]
    fn other_directives_of_the_filter_stay() {
        let filter = without_bodies("info,junction_bridge=debug,hyper=off".parse().unwrap());
        assert!(filter.would_enable("junction_bridge::link", &Level::DEBUG));
        assert!(filter.would_enable("other", &Level::INFO));
        assert!(!filter.would_enable("other", &Level::DEBUG));
        assert!(!filter.would_enable("hyper", &Level::ERROR));
        assert!(!without_bodies("a=info".parse().unwrap()).would_enable("other", &Level::ERROR));
    }
}
