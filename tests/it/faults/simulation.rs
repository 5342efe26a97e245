//! The code of hub and link over a simulated network and clock: hubs that are killed and started again, processes
//! that die, links that are cut, half-open, stalled or slow. Each run follows from its seed, but for keys and ids,
//! which come from the system.
//!
//! `JUNCTION_SIMULATIONS` says how many runs there are, `JUNCTION_SEED` which is the first: a run that fails
//! prints its own.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use axum::serve::Listener;
use futures_util::future::join_all;
use junction_engine::transport::dial::Dialer;
use junction_hub::{Config, Hub};
use junction_shared::machine::identity::HubKey;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::secret::{Secret, random_bytes};
use junction_testkit::sim::{History, Node};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

use super::rng::SeededRng;

/// Runs, unless `JUNCTION_SIMULATIONS` says otherwise.
const RUNS: u64 = 1000;
/// How many processes talk to each other.
const NODES: usize = 3;
/// Messages of each to each.
const EACH: usize = 6;
/// How long faults are made.
const TROUBLE: Duration = Duration::from_secs(6);
/// How long after the last fault everything has come to its end.
const PATIENCE: Duration = Duration::from_secs(120);
/// The clock's step.
const TICK: Duration = Duration::from_millis(25);
const PORT: u16 = 4200;

type Shared = Rc<RefCell<History<usize>>>;

/// Connections of the simulated network.
#[derive(Clone)]
struct Simulated;

impl Dialer for Simulated {
    type Stream = TcpStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}

struct SimulatedListener(TcpListener);

impl Listener for SimulatedListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Ok(accepted) = self.0.accept().await {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn secret() -> Secret {
    Secret::filled(|key| key.fill(5))
}

fn name(node: usize) -> String {
    format!("node-{node}")
}

async fn serve(session_timeout: Duration) -> turmoil::Result {
    let config =
        Config { session_timeout, sweep_interval: Duration::from_secs(2), ..Config::default() };
    let key = HubKey {
        auth: GroupKeys::derive(&secret()).auth,
        tls_key: Secret::filled(|key| key.fill(6)),
        group: Some(GroupKeys::derive(&secret()).group),
    };
    let hub = Hub::new(config, key)?;
    hub.serve(
        SimulatedListener(TcpListener::bind(("0.0.0.0", PORT)).await?),
        std::future::pending(),
    )
    .await;
    Ok(())
}

/// One process: its agent writes to all others, and reads, until the end.
async fn live(me: usize, rng: SeededRng, history: Shared, lifetime: Duration) -> turmoil::Result {
    let hub = SocketAddr::new(turmoil::lookup("hub"), PORT);
    let node = Node::start(Simulated, hub, &secret(), rng.seed());
    while node.register(&name(me)).await.is_err() {
        pause(&rng, 100).await;
    }
    let talk = join_all(
        (0..NODES).filter(|to| *to != me).map(|to| talk(me, to, &node, &rng, &history, lifetime)),
    );
    let read = async {
        loop {
            let since = turmoil::elapsed();
            let Ok(page) = node.read(Duration::from_secs(1)).await else { continue };
            // Once in a while the answer never leaves.
            if rng.below(256) < 40 {
                continue;
            }
            let mut history = history.borrow_mut();
            for message in &page.messages {
                history.read(me, message, since);
            }
            for end in &page.receipts {
                history.ended(me, end.id, end.status, turmoil::elapsed());
            }
            page.lease.ack();
        }
    };
    tokio::join!(talk, read);
    Ok(())
}

async fn talk(
    me: usize,
    to: usize,
    node: &Node,
    rng: &SeededRng,
    history: &Shared,
    lifetime: Duration,
) {
    for _ in 0..EACH {
        pause(rng, 900).await;
        let ends = turmoil::elapsed() + lifetime;
        let size = if rng.below(256) < 20 { 60_000 } else { 40 };
        let (number, text) = history.borrow_mut().submit(me, to, size, ends);
        let sent = node.send(&name(to), &text).await;
        history.borrow_mut().submitted(number, sent.ok());
    }
}

/// A while of up to so many milliseconds.
async fn pause(rng: &SeededRng, longest: u64) {
    tokio::time::sleep(rng.millis(1, longest)).await;
}

/// What is wrong at some moment, and until when.
enum NetworkFault {
    HubDown,
    Cut(usize),
    Stalled(usize),
    Slow(usize),
}

struct SimulationRun<'a> {
    sim: Sim<'a>,
    history: Shared,
    rng: SeededRng,
    /// Whether links are cut: a cut that is seen late ends a short session.
    cuts: bool,
    faults: Vec<(Duration, NetworkFault)>,
}

impl SimulationRun<'_> {
    fn step(&mut self) {
        if let Err(error) = self.sim.step() {
            panic!("{error}");
        }
    }

    /// Injects faults, and repairs those whose time is up.
    fn fault(&mut self) {
        let now = self.sim.elapsed();
        let over = |(until, _): &mut (Duration, NetworkFault)| *until <= now;
        for (_, fault) in self.faults.extract_if(.., over).collect::<Vec<_>>() {
            self.repair(&fault);
        }
        if self.rng.below(256) < 12 {
            let until = now + self.rng.millis(30, 1_500);
            let node = self.rng.below(NODES);
            let fault = match self.rng.below(10) {
                0..4 => NetworkFault::HubDown,
                4..6 if self.cuts => NetworkFault::Cut(node),
                4..8 => NetworkFault::Stalled(node),
                _ => NetworkFault::Slow(node),
            };
            self.make(&fault);
            self.faults.push((until, fault));
        }
    }

    fn make(&mut self, fault: &NetworkFault) {
        match fault {
            NetworkFault::HubDown => self.sim.crash("hub"),
            NetworkFault::Cut(node) if self.rng.once_in(2) => {
                self.sim.partition(name(*node), "hub");
            }
            NetworkFault::Cut(node) => self.sim.partition_oneway(name(*node), "hub"),
            NetworkFault::Stalled(node) => self.sim.hold(name(*node), "hub"),
            NetworkFault::Slow(node) => self.latency(*node, Duration::from_millis(250)),
        }
    }

    fn repair(&mut self, fault: &NetworkFault) {
        match fault {
            NetworkFault::HubDown => self.sim.bounce("hub"),
            NetworkFault::Cut(node) => self.sim.repair(name(*node), "hub"),
            NetworkFault::Stalled(node) => self.sim.release(name(*node), "hub"),
            NetworkFault::Slow(node) => self.latency(*node, Duration::from_millis(1)),
        }
    }

    fn latency(&self, node: usize, latency: Duration) {
        self.sim.set_link_latency(name(node), "hub", latency);
    }

    fn repair_all(&mut self) {
        for (_, fault) in std::mem::take(&mut self.faults) {
            self.repair(&fault);
        }
        if !self.sim.is_host_running("hub") {
            self.sim.bounce("hub");
        }
    }
}

/// One run. In some of them a process dies for good, and sessions are short, so that its senders hear of it.
fn simulate(seed: u64) -> [usize; 3] {
    let rng = SeededRng::new(seed, NODES);
    let dies = rng.once_in(4);
    let death = rng.millis(0, TROUBLE.as_secs() * 1000);
    let timeout = Duration::from_secs(if dies { 24 } else { 300 });
    let mut run = SimulationRun {
        sim: Builder::new()
            .rng_seed(seed)
            .tick_duration(TICK)
            .simulation_duration(TROUBLE + PATIENCE + TICK)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(40))
            .tcp_capacity(4096)
            .build(),
        history: Rc::default(),
        rng,
        cuts: !dies,
        faults: Vec::new(),
    };
    run.sim.host("hub", move || serve(timeout));
    for me in 0..NODES {
        run.history.borrow_mut().started(me);
        let history = run.history.clone();
        run.sim
            .host(name(me), move || live(me, SeededRng::new(seed, me), history.clone(), timeout));
    }
    while run.sim.elapsed() < TROUBLE {
        run.fault();
        run.step();
        if dies && run.sim.elapsed() > death && run.sim.is_host_running(name(0)) {
            run.sim.crash(name(0));
            run.history.borrow_mut().died(0);
        }
    }
    run.repair_all();
    let all = if dies { (NODES - 1) * (NODES - 1) * EACH } else { NODES * (NODES - 1) * EACH };
    let done = |run: &SimulationRun<'_>| {
        let history = run.history.borrow();
        history.counts()[0] >= all && history.open().next().is_none()
    };
    while !done(&run) && run.sim.elapsed() < TROUBLE + PATIENCE {
        run.step();
    }
    let history = run.history.borrow();
    history.all_ended_between_the_living(run.sim.elapsed());
    history.all_have_ended();
    history.counts()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs these seeds, on as many threads as the machine has.
fn simulate_all(seeds: Range<u64>) -> [usize; 3] {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let work = |thread: usize| {
        let mut total = [0; 3];
        for seed in seeds.clone().skip(thread).step_by(threads) {
            let counts = std::panic::catch_unwind(|| simulate(seed))
                .unwrap_or_else(|_| panic!("JUNCTION_SEED={seed} JUNCTION_SIMULATIONS=1 fails"));
            total = std::array::from_fn(|at| total[at] + counts[at]);
        }
        total
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn({
                    let work = &work;
                    move || work(thread)
                })
            })
            .collect();
        let totals = threads.into_iter().map(|thread| thread.join().expect("every run holds"));
        totals.fold([0; 3], |sum, total| std::array::from_fn(|at| sum[at] + total[at]))
    })
}

#[test]
fn delivery_survives_a_hostile_network() {
    let first = setting("JUNCTION_SEED", u32::from_ne_bytes(random_bytes()).into());
    let runs = setting("JUNCTION_SIMULATIONS", RUNS);
    let started = Instant::now();
    let [sent, read, told] = simulate_all(first..first + runs);
    let took = started.elapsed();
    eprintln!(
        "{runs} runs from JUNCTION_SEED={first}, in {took:.0?}: {sent} messages, {read} read, {told} ends told"
    );
}
