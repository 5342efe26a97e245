//! A project in a temporary directory, with something outside of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::allowed::Allowed;
use crate::config::AttachmentConfig;
use crate::policy::Policy;

pub(crate) struct TestProject {
    _outer: tempfile::TempDir,
    root: PathBuf,
    project: PathBuf,
    pub(crate) config: AttachmentConfig,
}

impl TestProject {
    pub(crate) fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        let project = root.join("home/project");
        for folder in ["home/project/sub", "outside", "junction"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let config =
            AttachmentConfig { own: Some(root.join("junction")), ..AttachmentConfig::default() };
        Self { _outer: outer, root, project, config }
    }

    pub(crate) fn allow(mut self, entry: &str) -> Self {
        self.config.allow.push(Allowed::parse(&self.expand(entry)));
        self
    }

    /// Says yes to the question about this entry, for one call.
    pub(crate) fn consent(mut self, entry: &str) -> Self {
        self.config.allow_once(Allowed::parse(&self.expand(entry)));
        self
    }

    /// A text in which `PROJECT`, `OUTSIDE` and `ROOT` stand for paths.
    pub(crate) fn expand(&self, text: &str) -> String {
        let project = self.project.to_str().unwrap();
        let text = text.replace("PROJECT", project);
        let text = text.replace("OUTSIDE", self.outside().to_str().unwrap());
        text.replace("ROOT", self.root.to_str().unwrap())
    }

    pub(crate) fn project(&self) -> &Path {
        &self.project
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.root.join("outside")
    }

    /// A path in the project, or in another place if the text names one.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.project.join(self.expand(path))
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::new(&self.project, Some(self.root.join("home")), self.config.clone()).unwrap()
    }
}

/// How often a race is run.
pub(crate) const RACES: usize = 2000;

/// Runs a race so often at least, and more often until it says that it was won.
pub(crate) fn race(least: usize, mut once: impl FnMut() -> bool) {
    let mut is_won = false;
    for round in 0..least.max(RACES) * 10 {
        if is_won && round >= least {
            break;
        }
        is_won = once();
    }
}

/// Runs a race against a thread that exchanges what has two names, in one step and in a loop, until the race is over.
pub(crate) fn against_exchange(one: &Path, other: &Path, race: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    let exchange = || renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut is_exchanged = false;
            while !is_over.load(Ordering::Relaxed) {
                exchange().unwrap();
                is_exchanged = !is_exchanged;
            }
            if is_exchanged {
                exchange().unwrap();
            }
        });
        // Also when the race panics, or the other thread would never end.
        let _end = SetOnDrop(&is_over);
        race();
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until a condition holds, for at most ten seconds.
pub(crate) fn eventually(condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}
