//! The search: every state that a model can reach, breadth first, so that a counterexample is as short as can be.

use std::collections::{HashMap, VecDeque};
use std::fmt::{Debug, Display, Formatter, Result as FmtResult};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A system of rules that is small enough to visit all of its states.
pub(super) trait Model {
    /// All that the future depends on, and what the promises are judged by.
    type State: Clone + Eq + Hash + Debug;
    /// What can happen next.
    type Step: Copy + Debug;

    /// Where everything begins.
    fn initial(&self) -> Self::State;
    /// What can happen in this state.
    fn enabled(&self, state: &Self::State) -> Vec<Self::Step>;
    /// Does one step.
    fn apply(&self, state: &mut Self::State, step: Self::Step);
    /// The promise that this state breaks.
    fn broken(&self, state: &Self::State) -> Option<&'static str>;
    /// Whether everything has come to its end. From every state such a one must be reachable, by steps that
    /// [`Model::is_certain`] names alone.
    fn is_settled(&self, state: &Self::State) -> bool;
    /// Whether a step happens by itself, sooner or later. Faults do not.
    fn is_certain(&self, state: &Self::State, step: Self::Step) -> bool;
}

/// What the search has seen.
pub(super) struct Explored {
    /// States.
    pub(super) states: usize,
    /// Steps between them.
    pub(super) steps: usize,
}

/// A broken promise, and how to get there.
pub(super) struct Counterexample {
    /// The promise.
    pub(super) broken: &'static str,
    trace: Vec<String>,
    state: String,
}

impl Display for Counterexample {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        writeln!(f, "{}, after:", self.broken)?;
        for (at, step) in self.trace.iter().enumerate() {
            writeln!(f, "  {:>2}. {step}", at + 1)?;
        }
        write!(f, "  {}", self.state)
    }
}

/// What is known of the visited states: how each was reached first, and the certain steps between them.
struct StateSearch<'a, M: Model> {
    model: &'a M,
    numbers: HashMap<M::State, u32, BuildHasherDefault<MixHasher>>,
    first: Vec<Option<(u32, M::Step)>>,
    certain: Vec<(u32, u32)>,
    settled: Vec<u32>,
}

/// Visits every state.
///
/// # Errors
/// The shortest way to a broken promise, if there is one.
pub(super) fn explore<M: Model>(model: &M) -> Result<Explored, Box<Counterexample>> {
    let (numbers, first) = (HashMap::default(), Vec::new());
    let (certain, settled) = (Vec::new(), Vec::new());
    let mut search = StateSearch { model, numbers, first, certain, settled };
    let mut queue = VecDeque::new();
    let mut steps = 0;
    search.visit(model.initial(), None, &mut queue);
    while let Some((number, state)) = queue.pop_front() {
        if let Some(broken) = model.broken(&state) {
            return Err(search.counterexample(number, broken));
        }
        if model.is_settled(&state) {
            search.settled.push(number);
        }
        for step in model.enabled(&state) {
            let mut next = state.clone();
            model.apply(&mut next, step);
            let to = search.visit(next, Some((number, step)), &mut queue);
            steps += 1;
            if model.is_certain(&state, step) {
                search.certain.push((to, number));
            }
        }
    }
    match search.stuck() {
        Some(number) => Err(search.counterexample(number, "something never comes to its end")),
        None => Ok(Explored { states: search.first.len(), steps }),
    }
}

impl<M: Model> StateSearch<'_, M> {
    /// The number of a state; one that is new joins the queue.
    fn visit(
        &mut self,
        state: M::State,
        from: Option<(u32, M::Step)>,
        queue: &mut VecDeque<(u32, M::State)>,
    ) -> u32 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = u32::try_from(self.first.len()).expect("few states");
        self.numbers.insert(state.clone(), number);
        self.first.push(from);
        queue.push_back((number, state));
        number
    }

    /// The first state from which no certain steps lead to an end.
    fn stuck(&mut self) -> Option<u32> {
        let mut ends = vec![false; self.first.len()];
        self.certain.sort_unstable();
        let mut queue = std::mem::take(&mut self.settled);
        while let Some(to) = queue.pop() {
            if std::mem::replace(&mut ends[to as usize], true) {
                continue;
            }
            let begin = self.certain.partition_point(|(end, _)| *end < to);
            let leading = self.certain[begin..].iter().take_while(|(end, _)| *end == to);
            queue.extend(leading.map(|(_, from)| *from).filter(|from| !ends[*from as usize]));
        }
        ends.iter().position(|ends| !ends).and_then(|number| u32::try_from(number).ok())
    }

    fn counterexample(&self, number: u32, broken: &'static str) -> Box<Counterexample> {
        let mut steps = Vec::new();
        let mut at = number;
        while let Some((before, step)) = self.first[at as usize] {
            steps.push(step);
            at = before;
        }
        steps.reverse();
        let mut state = self.model.initial();
        steps.iter().for_each(|step| self.model.apply(&mut state, *step));
        let trace = steps.iter().map(|step| format!("{step:?}")).collect();
        Box::new(Counterexample { broken, trace, state: format!("{state:?}") })
    }
}

/// A queue of few entries that is cheap to copy and to compare.
#[derive(Clone, Copy)]
pub(super) struct Fifo<T, const N: usize = 8> {
    entries: [T; N],
    len: u8,
}

impl<T: Copy + Default + PartialEq, const N: usize> Fifo<T, N> {
    /// The entries, the oldest first.
    pub(super) fn all(&self) -> &[T] {
        &self.entries[..usize::from(self.len)]
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether some more have room. A channel without room waits.
    pub(super) fn has_room(&self) -> bool {
        self.all().len() <= N / 2
    }

    /// Adds one at the end.
    pub(super) fn push(&mut self, entry: T) {
        self.entries[usize::from(self.len)] = entry;
        self.len += 1;
    }

    /// Takes the oldest.
    pub(super) fn pop(&mut self) -> Option<T> {
        let first = *self.all().first()?;
        self.entries.rotate_left(1);
        self.len -= 1;
        Some(first)
    }

    /// Removes all that are equal to this one.
    pub(super) fn remove(&mut self, entry: T) {
        let mut rest = Self::default();
        self.all().iter().filter(|kept| **kept != entry).for_each(|kept| rest.push(*kept));
        *self = rest;
    }
}

impl<T: Copy + Default, const N: usize> Default for Fifo<T, N> {
    fn default() -> Self {
        Self { entries: [T::default(); N], len: 0 }
    }
}

impl<T: Copy + Default + PartialEq, const N: usize> PartialEq for Fifo<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

impl<T: Copy + Default + Eq, const N: usize> Eq for Fifo<T, N> {}

impl<T: Copy + Default + PartialEq + Hash, const N: usize> Hash for Fifo<T, N> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.len.hash(hasher);
        self.all().iter().for_each(|entry| entry.hash(hasher));
    }
}

impl<T: Copy + Default + PartialEq + Debug, const N: usize> Debug for Fifo<T, N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        self.all().fmt(f)
    }
}

/// A hasher of a few instructions: the default one takes most of the time of a search.
#[derive(Default)]
struct MixHasher(u64);

impl MixHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for MixHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.mix(u64::from(*byte)));
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_isize(&mut self, word: isize) {
        self.mix(word.unsigned_abs() as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
