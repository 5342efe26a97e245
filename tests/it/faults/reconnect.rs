//! A reconnect storm: many bridges lose their hub at once, and come back at different moments. Times and dials
//! are printed. `JUNCTION_RECONNECT_BRIDGES` sets the number of bridges, 60 by default; a bench runs 500.

use std::time::Duration;

use junction_testkit::{raise_file_limit, reconnect_storm};

#[tokio::test]
async fn all_bridges_come_back_to_a_hub_that_was_killed() {
    let bridges = match std::env::var("JUNCTION_RECONNECT_BRIDGES") {
        Ok(count) => {
            raise_file_limit();
            count.parse().expect("JUNCTION_RECONNECT_BRIDGES is a whole number")
        }
        // As many as the usual limit of open files allows.
        Err(_) => 60,
    };
    for recovery in reconnect_storm(bridges, &[Duration::ZERO, Duration::from_secs(1)]).await {
        eprintln!("{recovery}");
        // No pause between two dials is longer than five seconds.
        assert!(recovery.took < Duration::from_secs(10), "{recovery}");
    }
}
