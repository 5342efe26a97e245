//! The hub, seen from a raw socket: what it accepts, refuses and keeps, and how it ends.

mod abuse;
mod limits;
mod load;
mod onlookers;
mod service;
mod sessions;
mod stop;
#[cfg(target_os = "linux")]
mod stuck;
mod unlisted;

/// Makes two tests of each of these functions, one without and one with TLS. Each function takes a
/// [`Transport`](junction_testkit::Transport).
macro_rules! with_and_without_tls {
    ($($name:ident)*) => {
        mod without_tls {
            $(#[tokio::test]
            async fn $name() {
                super::$name(junction_testkit::Transport::Plain).await;
            })*
        }

        mod with_tls {
            $(#[tokio::test]
            async fn $name() {
                super::$name(junction_testkit::Transport::Tls).await;
            })*
        }
    };
}

use with_and_without_tls;
