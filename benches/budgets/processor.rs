//! Processor time, as the kernel counts it.

use rustix::param::clock_ticks_per_second;

/// What processes have used so far, in clock ticks.
pub(crate) struct Times {
    user: u64,
    system: u64,
}

impl Times {
    /// Of all these processes together.
    pub(crate) fn of(pids: &[u32]) -> Self {
        let mut times = Self { user: 0, system: 0 };
        for pid in pids {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
            // The name, in parentheses, may hold anything; behind it the state is field 3.
            let (_, fields) = stat.rsplit_once(')').expect("a name");
            let field = |number: usize| fields.split_whitespace().nth(number - 3).expect("a field");
            times.user += field(14).parse::<u64>().expect("ticks");
            times.system += field(15).parse::<u64>().expect("ticks");
        }
        times
    }

    /// What they used since then.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self { user: self.user - before.user, system: self.system - before.system }
    }

    /// The share of each of so many messages.
    pub(crate) fn each(&self, messages: usize) -> String {
        let microseconds = |ticks: u64| {
            ticks as f64 * 1e6 / clock_ticks_per_second() as f64 / messages.max(1) as f64
        };
        format!("{:.0}+{:.0} µs", microseconds(self.user), microseconds(self.system))
    }
}
