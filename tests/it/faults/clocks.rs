//! Wall clocks lie: the time of day jumps while hub and bridges run, and nothing ends sooner or later for it. The
//! clock that jumps is a library, compiled and loaded before the system's; without a C compiler, the test says
//! that it is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use junction_testkit::{TestBridge, TestHome, TestHub, Version, list, skipped};
use serde_json::json;

/// The time of day, moved by as many seconds as a file says.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    if (id != CLOCK_REALTIME) return result;
    FILE *file = fopen(getenv("CLOCK_OFFSET"), "r");
    long offset = 0;
    if (file) {
        if (fscanf(file, "%ld", &offset) == 1) now->tv_sec += offset;
        fclose(file);
    }
    return result;
}
"#;

const DAY: i64 = 24 * 60 * 60;

/// A clock that can be moved.
struct Clock {
    library: PathBuf,
    offset: PathBuf,
}

impl Clock {
    /// A clock that goes right; none where it cannot be compiled.
    fn new(directory: &Path) -> Option<Self> {
        let (source, library) = (directory.join("clock.c"), directory.join("clock.so"));
        let offset = directory.join("offset");
        std::fs::write(&source, CLOCK).expect("written");
        std::fs::write(&offset, "0").expect("written");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
        match compile.output() {
            Ok(ran) if ran.status.success() => Some(Self { library, offset }),
            other => {
                skipped(&format!("no C compiler makes the clock ({other:?})"));
                None
            }
        }
    }

    fn jump(&self, seconds: i64) {
        // Whole or not at all: it is read at any moment.
        let next = self.offset.with_extension("next");
        std::fs::write(&next, seconds.to_string()).expect("written");
        std::fs::rename(next, &self.offset).expect("moved");
    }

    fn settings(&self) -> [(&str, &str); 2] {
        let [library, offset] =
            [&self.library, &self.offset].map(|path| path.to_str().expect("a path"));
        [("LD_PRELOAD", library), ("CLOCK_OFFSET", offset)]
    }
}

#[tokio::test]
async fn nothing_expires_early_or_late_when_the_wall_clock_jumps() {
    let home = TestHome::new();
    let Some(clock) = Clock::new(home.path()) else { return };
    let mut settings = clock.settings().to_vec();
    settings
        .extend([("JUNCTION_SESSION_TIMEOUT_MS", "4000"), ("JUNCTION_SWEEP_INTERVAL_MS", "500")]);
    let hub = TestHub::start_with(&home, &settings).await;
    let mut bridges = Vec::new();
    for alias in ["alice", "bob"] {
        let launch = TestBridge::launch(&home, hub.port);
        let launch =
            clock.settings().iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        let mut bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        bridge.register(alias).await;
        bridges.push(bridge);
    }
    let [alice, bob] = &bridges[..] else { unreachable!("two bridges") };
    let year = |message: &serde_json::Value| {
        message["timestamp"].as_str().expect("a time")[..10].to_owned()
    };
    alice.send("bob", "today").await;
    let today = year(&bob.read_one().await);

    // A day ahead: what waits is not expired by it, and neither is anybody's session.
    let sent = alice.send("bob", "before the jump").await;
    clock.jump(DAY);
    assert_eq!(bob.read_one().await["message"], "before the jump");
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
    alice.send("bob", "tomorrow").await;
    assert_ne!(year(&bob.read_one().await), today, "the clock does jump");

    // A day back: what is not read in its time ends at its time.
    let submitted = Instant::now();
    let unread = alice
        .call(
            "send_message",
            json!({ "target_alias": "bob", "message": "unread", "ttl_seconds": 4 }),
        )
        .await;
    clock.jump(-DAY);
    assert_eq!(alice.receipt(&unread["id"]).await["status"], "expired");
    let took = submitted.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&took), "{took:?}");
    assert!(list(&bob.read().await, "messages").is_empty());
    bob.sees("alice", "online").await;
}
