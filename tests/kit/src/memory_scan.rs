//! Reads the memory of a process as root can, and finds bytes in it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::fs::{File, read_dir, read_to_string};
use std::os::unix::fs::FileExt as _;

use crate::{eventually, settles, signal};
use rustix::process::Signal;

/// What the kernel lends to every process. Nothing is written there, and reading it fails or says nothing.
const LENT: [&str; 4] = ["[vvar]", "[vvar_vclock]", "[vdso]", "[vsyscall]"];
/// The unit in which memory is readable or not.
const PAGE: usize = 4096;

/// One process under scan.
#[derive(Clone, Copy)]
pub struct ScannedProcess {
    /// What failures call it.
    pub name: &'static str,
    /// The process id.
    pub pid: u32,
}

/// One stretch of a process's memory.
pub struct MemoryRegion {
    /// What the system calls it: a file, `[heap]`, `[stack]`, or nothing.
    pub name: String,
    /// Whether the process can write to it.
    pub is_writable: bool,
    /// All of its bytes; what cannot be read is zero.
    pub bytes: Vec<u8>,
}

/// All readable memory of a process at one moment.
pub struct MemorySnapshot(pub Vec<MemoryRegion>);

/// What was found in which region, and how often.
pub type Finds = BTreeMap<String, usize>;

/// Keeps a process stopped; dropped, it goes on.
struct Stopped(u32);

impl Stopped {
    async fn stop(pid: u32) -> Self {
        signal(pid, Signal::STOP);
        let stopped = Self(pid);
        eventually("every thread of the process is stopped", async || {
            let mut threads = read_dir(format!("/proc/{pid}/task")).expect("the process lives");
            threads
                .all(|thread| thread.is_ok_and(|thread| is_stopped(&thread.path())))
                .then_some(())
        })
        .await;
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal(self.0, Signal::CONT);
    }
}

/// Whether a thread is stopped; one that has ended is not asked.
fn is_stopped(thread: &std::path::Path) -> bool {
    let Ok(stat) = read_to_string(thread.join("stat")) else { return true };
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['T', 'Z', 'X']))
}

impl ScannedProcess {
    /// Whether this user may read its memory. Bridges and hubs are not dumpable, so that takes root.
    pub fn is_readable(self) -> bool {
        File::open(format!("/proc/{}/mem", self.pid)).is_ok()
    }

    /// Reads all that can be read, while the process stands still.
    pub async fn snapshot(self) -> MemorySnapshot {
        let _stopped = Stopped::stop(self.pid).await;
        let maps = read_to_string(format!("/proc/{}/maps", self.pid)).expect("its maps");
        let memory = File::open(format!("/proc/{}/mem", self.pid)).expect("its memory");
        let regions: Vec<_> =
            maps.lines().filter_map(|line| MemoryRegion::read(line, &memory)).collect();
        for needed in ["[heap]", "[stack]"] {
            assert!(
                regions.iter().any(|region| region.name == needed),
                "{needed} was read: {maps}"
            );
        }
        MemorySnapshot(regions)
    }
}

impl MemoryRegion {
    /// The region that a line of `maps` describes; nothing if it is not readable, or not the process's own.
    fn read(line: &str, memory: &File) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (range, access) = (words.next()?, words.next()?);
        let name = words.nth(3).unwrap_or_default().to_owned();
        if !access.starts_with('r') || LENT.contains(&name.as_str()) {
            return None;
        }
        let (start, end) = range.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        let mut bytes = vec![0; end - start];
        let mut at = 0;
        while at < bytes.len() {
            match memory.read_at(&mut bytes[at..], (start + at) as u64) {
                Ok(read @ 1..) => at += read,
                // A mapping that is longer than its file has pages that nobody can read.
                Ok(0) | Err(_) => at = (at / PAGE + 1) * PAGE,
            }
        }
        Some(Self { name, is_writable: access.starts_with("rw"), bytes })
    }
}

impl MemorySnapshot {
    /// What of these is found, and where.
    pub fn find<'a>(&self, needles: impl IntoIterator<Item = &'a Needle>) -> Finds {
        let mut finds = Finds::new();
        self.search(needles, |needle, region| {
            let place = if region.name.is_empty() { "[anonymous]" } else { &region.name };
            *finds.entry(format!("{} in {place}", needle.what)).or_default() += 1;
        });
        finds
    }

    /// The names of the needles that are not found.
    fn missing<'a>(&self, needles: &[&'a Needle]) -> Vec<&'a str> {
        let mut found = HashSet::new();
        self.search(needles.iter().copied(), |needle, _| {
            found.insert(std::ptr::from_ref(needle));
        });
        let missing =
            needles.iter().filter(|needle| !found.contains(&std::ptr::from_ref(**needle)));
        missing.map(|needle| needle.what.as_str()).collect()
    }

    /// How often a needle is found.
    pub fn count(&self, needle: &Needle) -> usize {
        self.find([needle]).values().sum()
    }

    fn search<'a>(
        &self,
        needles: impl IntoIterator<Item = &'a Needle>,
        mut found: impl FnMut(&'a Needle, &MemoryRegion),
    ) {
        let index = Index::of(needles);
        for region in &self.0 {
            index.search(&region.bytes, |needle| found(needle, region));
        }
    }
}

/// Bytes to be searched for.
pub struct Needle {
    /// What failures call them.
    pub what: String,
    bytes: Vec<u8>,
    /// Where in it the two bytes are by which it is looked for. Neither is zero.
    anchor: usize,
}

impl Needle {
    /// Bytes, and what failures call them.
    pub fn new(what: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let (what, bytes) = (what.into(), bytes.into());
        assert!(bytes.len() >= 4, "{what} is found everywhere");
        // Of zeros memory is full.
        let anchor = bytes.windows(2).position(|pair| !pair.contains(&0));
        Self { anchor: anchor.expect("two bytes that are not zero"), what, bytes }
    }

    /// A key in the three forms in which one may lie about: raw, and in hexadecimal digits of both cases.
    pub fn key(what: &str, key: &[u8]) -> Vec<Self> {
        let (mut lower, mut upper) = (String::new(), String::new());
        for byte in key {
            write!(lower, "{byte:02x}").expect("a string takes it");
            write!(upper, "{byte:02X}").expect("a string takes it");
        }
        vec![
            Self::new(what, key),
            Self::new(format!("{what} in hexadecimal"), lower),
            Self::new(format!("{what} in HEXADECIMAL"), upper),
        ]
    }
}

/// Needles by their anchors, so that one pass over the memory looks for all of them.
struct Index<'a> {
    needles: HashMap<[u8; 2], Vec<&'a Needle>>,
    /// Of each pair of bytes whether there are any: most of memory is told apart by this alone.
    is_anchor: Vec<bool>,
}

impl<'a> Index<'a> {
    fn of(needles: impl IntoIterator<Item = &'a Needle>) -> Self {
        let mut index = Self { needles: HashMap::new(), is_anchor: vec![false; 1 << 16] };
        for needle in needles {
            let anchor = [needle.bytes[needle.anchor], needle.bytes[needle.anchor + 1]];
            index.needles.entry(anchor).or_default().push(needle);
            index.is_anchor[usize::from(u16::from_ne_bytes(anchor))] = true;
        }
        index
    }

    fn search(&self, bytes: &[u8], mut found: impl FnMut(&'a Needle)) {
        for (number, page) in bytes.chunks(PAGE).enumerate() {
            // Most of a stack was never used.
            if page == &[0; PAGE][..page.len()] {
                continue;
            }
            let start = number * PAGE;
            let end = bytes.len().min(start + page.len() + 1);
            for (at, pair) in bytes[start..end].windows(2).enumerate() {
                let pair = [pair[0], pair[1]];
                if self.is_anchor[usize::from(u16::from_ne_bytes(pair))] {
                    self.needles_at(bytes, start + at, pair).for_each(&mut found);
                }
            }
        }
    }

    /// Which needles lie with their anchor, this pair, at this place.
    fn needles_at(
        &self,
        bytes: &[u8],
        at: usize,
        pair: [u8; 2],
    ) -> impl Iterator<Item = &'a Needle> {
        self.needles[&pair].iter().copied().filter(move |needle| {
            let start = at.checked_sub(needle.anchor);
            start.is_some_and(|start| bytes[start..].starts_with(&needle.bytes))
        })
    }
}

/// Waits until all of the needles are in the process.
pub async fn are_found(process: ScannedProcess, needles: &[&Needle]) {
    settles(&format!("all of it is in {}", process.name), async || {
        let missing = process.snapshot().await.missing(needles);
        if missing.is_empty() { Ok(()) } else { Err(format!("without {missing:?}")) }
    })
    .await;
}

/// Waits until none of the needles is in any of the processes: what has just been written to a client may still be on
/// its way out of its bridge.
pub async fn are_gone(processes: &[ScannedProcess], needles: &[&Needle]) {
    for process in processes {
        settles(&format!("none of it is in {}", process.name), async || {
            let finds = process.snapshot().await.find(needles.iter().copied());
            if finds.is_empty() { Ok(()) } else { Err(format!("{finds:#?}")) }
        })
        .await;
    }
}
