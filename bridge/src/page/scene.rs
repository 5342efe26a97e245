//! All that a page shows, and what of it has changed since tabs were last told. A pure machine.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde_json::{Map, Value, json};

use super::letter::Letter;
use super::letters::Letters;

/// Messages between sessions that are remembered.
const MAX_FLOW: usize = 500;
/// Lines about the hub and the page itself that are remembered.
const MAX_NOTES: usize = 50;
/// Sessions in one frame: a browser takes in so many at a time without a pause that can be felt.
const SESSIONS_IN_FRAME: usize = 250;
/// The bytes of messages of the person in one frame, unless one alone has more.
const LETTERS_IN_FRAME: usize = 256 * 1024;

/// All that a page shows. Each part is as the page gets it.
#[derive(Default)]
pub(crate) struct PageScene {
    hello: Value,
    hub: Value,
    /// The sessions of the hub, by their ids.
    sessions: BTreeMap<String, Value>,
    flow: PassedMessages,
    notes: VecDeque<Value>,
    letters: Letters,
    claims: Value,
    own: Value,
    /// Messages to the person that wait unread, without their texts.
    unread: Vec<Value>,
    /// The place of the next message to or from the person.
    next_order: u64,
    changes: SceneChanges,
}

/// Messages between sessions, the newest last.
#[derive(Default)]
struct PassedMessages {
    order: VecDeque<String>,
    by_id: HashMap<String, Value>,
}

/// What has changed.
#[derive(Default)]
struct SceneChanges {
    hello: bool,
    hub: bool,
    /// Whether another list of sessions has taken the place of the last.
    all_sessions: bool,
    sessions: BTreeSet<String>,
    left: BTreeSet<String>,
    flow: Vec<String>,
    notes: VecDeque<Value>,
    letters: Vec<String>,
    taken_back: BTreeSet<String>,
    claims: bool,
    own: bool,
    unread: bool,
}

/// Notes a value in the place of the last one, and whether it differs.
fn replace(place: &mut Value, value: Value, has_changed: &mut bool) {
    if *place != value {
        *place = value;
        *has_changed = true;
    }
}

impl PageScene {
    /// Changes what is said of the person, and of what the page can do.
    pub(crate) fn change_hello(&mut self, change: impl FnOnce(&mut Value)) {
        let mut hello = self.hello.clone();
        change(&mut hello);
        replace(&mut self.hello, hello, &mut self.changes.hello);
    }

    /// Says whether the hub is there.
    pub(crate) fn set_hub(&mut self, hub: Value) {
        replace(&mut self.hub, hub, &mut self.changes.hub);
    }

    /// Puts these sessions in the place of all others.
    pub(crate) fn set_sessions(&mut self, sessions: BTreeMap<String, Value>) {
        if self.sessions != sessions {
            self.sessions = sessions;
            self.changes.all_sessions = true;
            (self.changes.sessions, self.changes.left) = Default::default();
        }
    }

    /// A session came, or has changed.
    pub(crate) fn put_session(&mut self, id: String, session: Value) {
        if self.sessions.get(&id) == Some(&session) {
            return;
        }
        self.changes.left.remove(&id);
        self.changes.sessions.insert(id.clone());
        self.sessions.insert(id, session);
    }

    /// A session has left.
    pub(crate) fn remove_session(&mut self, id: &str) {
        if self.sessions.remove(id).is_some() {
            self.changes.sessions.remove(id);
            self.changes.left.insert(id.to_owned());
        }
    }

    /// More is known of a message between sessions.
    pub(crate) fn put_flow(&mut self, id: String, mut message: Value) {
        self.changes.flow.push(id.clone());
        match self.flow.by_id.get(&id) {
            // The time of a message is that of its first step.
            Some(before) => message["at"] = before["at"].clone(),
            None => self.flow.order.push_back(id.clone()),
        }
        self.flow.by_id.insert(id, message);
        while self.flow.order.len() > MAX_FLOW {
            let oldest = self.flow.order.pop_front();
            oldest.iter().for_each(|id| _ = self.flow.by_id.remove(id));
        }
        if self.changes.flow.len() > 2 * MAX_FLOW {
            // What is not remembered any more is told to nobody.
            let Self { flow, changes, .. } = self;
            let mut seen = BTreeSet::new();
            changes.flow.retain(|id| flow.by_id.contains_key(id) && seen.insert(id.clone()));
        }
    }

    /// A line for the list of what goes on.
    pub(crate) fn note(&mut self, at: u64, text: &str) {
        let note = json!({ "at": at, "text": text });
        self.notes.push_back(note.clone());
        self.changes.notes.push_back(note);
        for notes in [&mut self.notes, &mut self.changes.notes] {
            if notes.len() > MAX_NOTES {
                notes.pop_front();
            }
        }
    }

    /// A message to or from the person, or what is new of one.
    pub(crate) fn put_letter(&mut self, mut letter: Letter) {
        let known = self.letters.get(&letter.id).map(|known| known.order);
        let waited = self.unread.iter().find(|unread| unread["id"] == letter.id.as_str());
        let order = known.or_else(|| waited?["order"].as_u64());
        letter.order = order.unwrap_or_else(|| self.take_order());
        self.changes.taken_back.remove(&letter.id);
        let changed = self.letters.put(letter);
        self.changes.letters.extend(changed);
    }

    /// Changes a message to or from the person.
    pub(crate) fn change_letter(&mut self, id: &str, change: impl FnOnce(&mut Letter)) {
        if self.letters.change(id, change) {
            self.changes.letters.push(id.to_owned());
        }
    }

    /// A message to or from the person.
    pub(crate) fn letter(&self, id: &str) -> Option<&Letter> {
        self.letters.get(id)
    }

    /// Takes back the text of a message that nobody has seen. It waits unread as before.
    pub(crate) fn take_back(&mut self, id: &str) {
        if self.letters.remove(id) {
            self.changes.letters.retain(|changed| changed != id);
            self.changes.taken_back.insert(id.to_owned());
        }
    }

    /// The claims that are known.
    pub(crate) fn set_claims(&mut self, claims: Value) {
        replace(&mut self.claims, claims, &mut self.changes.claims);
    }

    /// The sessions of this user on this machine.
    pub(crate) fn set_own(&mut self, own: Value) {
        replace(&mut self.own, own, &mut self.changes.own);
    }

    /// The messages to the person that wait unread, without their texts, in the order of their arrival.
    pub(crate) fn set_unread(&mut self, mut unread: Vec<Value>) {
        for waiting in &mut unread {
            let before = self.unread.iter().find(|before| before["id"] == waiting["id"]);
            let known = waiting["id"].as_str().and_then(|id| self.letters.get(id));
            let known = known.map(|letter| letter.order);
            let order = before.and_then(|before| before["order"].as_u64()).or(known);
            waiting["order"] = order.unwrap_or_else(|| self.take_order()).into();
        }
        self.changes.unread |= self.unread != unread;
        self.unread = unread;
        // What waits no more and was seen a moment ago is over, such as one whose time ended just then.
        let waits: BTreeSet<_> = self.unread.iter().filter_map(|it| it["id"].as_str()).collect();
        let is_over = |letter: &&Letter| letter.marks.unread && !waits.contains(&*letter.id);
        let over: Vec<_> = self.letters.all().filter(is_over).map(|it| it.id.clone()).collect();
        for id in over {
            self.change_letter(&id, |letter| letter.marks.unread = false);
        }
    }

    /// The messages to the person that wait unread, as a frame.
    pub(crate) fn unread(&self) -> String {
        json!({ "unread": self.unread }).to_string()
    }

    /// Whether others wait unread than when [`PageScene::take_changes`] was called last.
    pub(crate) fn unread_has_changed(&self) -> bool {
        self.changes.unread
    }

    fn take_order(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order
    }

    /// Whether anything has changed since [`PageScene::take_changes`].
    pub(crate) fn has_changed(&self) -> bool {
        let SceneChanges { hello, hub, all_sessions, sessions, left, flow, .. } = &self.changes;
        let SceneChanges { notes, letters, taken_back, claims, own, unread, .. } = &self.changes;
        let are_set = [hello, hub, all_sessions, claims, own, unread].into_iter().any(|set| *set);
        let are_left = !sessions.is_empty() || !left.is_empty() || !flow.is_empty();
        let is_mail = !letters.is_empty() || !taken_back.is_empty();
        are_set || are_left || is_mail || !notes.is_empty()
    }

    /// What has changed since the last call, as frames for a tab that knows all before.
    pub(crate) fn take_changes(&mut self) -> Vec<String> {
        let changes = std::mem::take(&mut self.changes);
        if changes.hello {
            return self.whole();
        }
        let mut frame = Map::new();
        for (name, value, has_changed) in [
            ("hub", &self.hub, changes.hub),
            ("claims", &self.claims, changes.claims),
            ("own", &self.own, changes.own),
            ("unread", &json!(self.unread), changes.unread),
        ] {
            if has_changed {
                frame.insert(name.to_owned(), value.clone());
            }
        }
        if !changes.left.is_empty() {
            frame.insert("left".to_owned(), json!(changes.left));
        }
        if !changes.taken_back.is_empty() {
            frame.insert("taken_back".to_owned(), json!(changes.taken_back));
        }
        let sessions = changes.sessions.iter().filter_map(|id| self.sessions.get(id));
        let sessions: Vec<&Value> = sessions.collect();
        let flow: BTreeSet<&String> = changes.flow.iter().collect();
        let flow = flow.into_iter().filter_map(|id| self.flow.by_id.get(id));
        insert_some(&mut frame, "messages", flow.collect());
        insert_some(&mut frame, "notes", changes.notes.iter().collect());
        let mut frames = Vec::new();
        if changes.all_sessions {
            frames.extend(session_frames(&self.sessions));
        } else if sessions.len() <= SESSIONS_IN_FRAME {
            insert_some(&mut frame, "changed", sessions);
        } else {
            frames
                .extend(sessions.chunks(SESSIONS_IN_FRAME).map(|some| json!({ "changed": some })));
        }
        if !frame.is_empty() {
            frames.push(frame.into());
        }
        let letters: BTreeSet<&String> = changes.letters.iter().collect();
        let letters = self.letters.all().filter(|letter| letters.contains(&letter.id));
        frames.extend(letter_frames(letters));
        frames.iter().map(Value::to_string).collect()
    }

    /// All that there is, as frames for a tab that knows nothing.
    pub(crate) fn whole(&self) -> Vec<String> {
        let flow = self.flow.order.iter().filter_map(|id| self.flow.by_id.get(id));
        let mut frame = Map::new();
        for (name, value) in [
            ("hello", self.hello.clone()),
            ("hub", self.hub.clone()),
            ("messages", flow.cloned().collect()),
            ("notes", self.notes.iter().cloned().collect()),
            ("claims", self.claims.clone()),
            ("own", self.own.clone()),
            ("unread", json!(self.unread)),
        ] {
            if !value.is_null() {
                frame.insert(name.to_owned(), value);
            }
        }
        std::iter::once(frame.into())
            .chain(session_frames(&self.sessions))
            .chain(letter_frames(self.letters.all()))
            .map(|frame| frame.to_string())
            .collect()
    }
}

fn insert_some(frame: &mut Map<String, Value>, name: &str, values: Vec<&Value>) {
    if !values.is_empty() {
        frame.insert(name.to_owned(), values.into_iter().cloned().collect());
    }
}

/// A list of all sessions, in parts.
fn session_frames(sessions: &BTreeMap<String, Value>) -> Vec<Value> {
    let all: Vec<&Value> = sessions.values().collect();
    let parts: Vec<&[&Value]> = match all.is_empty() {
        true => vec![&[]],
        false => all.chunks(SESSIONS_IN_FRAME).collect(),
    };
    let of = parts.len();
    let part =
        |(part, some): (usize, &&[&Value])| json!({ "sessions": some, "part": part + 1, "of": of });
    parts.iter().enumerate().map(part).collect()
}

/// Messages of the person, in frames of a size that a browser takes in without a pause.
fn letter_frames<'a>(letters: impl Iterator<Item = &'a Letter>) -> Vec<Value> {
    let (mut frames, mut some, mut bytes) = (Vec::new(), Vec::new(), 0);
    for letter in letters {
        if bytes + letter.len() > LETTERS_IN_FRAME && !some.is_empty() {
            frames.push(json!({ "mail": std::mem::take(&mut some) }));
            bytes = 0;
        }
        bytes += letter.len();
        some.push(json!(letter));
    }
    if !some.is_empty() {
        frames.push(json!({ "mail": some }));
    }
    frames
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::page::letter::LetterMarks;

    /// What happens to a scene.
    #[derive(Clone, Debug)]
    enum SceneStep {
        Put(u8, u8),
        Remove(u8),
        All(Vec<u8>),
        Flow(u16, u8),
        Letter(u8, u8),
        Tell,
    }

    fn scene_step() -> impl Strategy<Value = SceneStep> {
        prop_oneof![
            (0u8..30, 0u8..3).prop_map(|(id, state)| SceneStep::Put(id, state)),
            (0u8..30).prop_map(SceneStep::Remove),
            prop::collection::vec(0u8..30, 0..30).prop_map(SceneStep::All),
            (0u16..700, 0u8..3).prop_map(|(id, state)| SceneStep::Flow(id, state)),
            (0u8..9, 0u8..3).prop_map(|(id, state)| SceneStep::Letter(id, state)),
            Just(SceneStep::Tell),
        ]
    }

    fn letter(id: u8, state: u8) -> Letter {
        let marks = LetterMarks { mine: id.is_multiple_of(2), ..LetterMarks::default() };
        Letter { id: id.to_string(), text: format!("{state}"), marks, ..Letter::default() }
    }

    /// What a tab knows that takes in frames as the page does.
    #[derive(Debug, Default, PartialEq)]
    struct Known {
        sessions: BTreeMap<String, Value>,
        flow: BTreeMap<String, Value>,
        letters: BTreeMap<String, Value>,
        parts: BTreeMap<String, Value>,
    }

    impl Known {
        fn take(&mut self, frame: &str) {
            let frame: Value = serde_json::from_str(frame).unwrap();
            let named = |field: &str| {
                let all = frame[field].as_array().into_iter().flatten();
                all.map(|it| (it["id"].as_str().unwrap().to_owned(), it.clone()))
                    .collect::<Vec<_>>()
            };
            if frame.get("hello").is_some() {
                *self = Self::default();
            }
            if frame.get("sessions").is_some() {
                self.parts.extend(named("sessions"));
                if frame["part"] == frame["of"] {
                    self.sessions = std::mem::take(&mut self.parts);
                }
            }
            self.sessions.extend(named("changed"));
            for id in frame["left"].as_array().into_iter().flatten() {
                self.sessions.remove(id.as_str().unwrap());
            }
            self.flow.extend(named("messages"));
            self.letters.extend(named("mail"));
        }
    }

    proptest! {
        #[test]
        fn tab_that_was_told_of_changes_knows_what_one_knows_that_is_told_all(
            steps in prop::collection::vec(scene_step(), 1..200),
        ) {
            let session = |id: u8, state: u8| (format!("{id:02}"), json!({ "id": format!("{id:02}"), "state": state }));
            let mut scene = PageScene::default();
            scene.change_hello(|hello| hello["you"] = json!("kurt"));
            let mut told = Known::default();
            for step in steps {
                match step {
                    SceneStep::Put(id, state) => {
                        let (id, session) = session(id, state);
                        scene.put_session(id, session);
                    }
                    SceneStep::Remove(id) => scene.remove_session(&format!("{id:02}")),
                    SceneStep::All(ids) => scene.set_sessions(ids.into_iter().map(|id| session(id, 0)).collect()),
                    SceneStep::Flow(id, state) => scene.put_flow(id.to_string(), json!({ "id": id.to_string(), "at": 0, "status": state })),
                    SceneStep::Letter(id, state) => scene.put_letter(letter(id, state)),
                    SceneStep::Tell => scene.take_changes().iter().for_each(|frame| told.take(frame)),
                }
            }
            scene.take_changes().iter().for_each(|frame| told.take(frame));
            prop_assert!(!scene.has_changed());
            let mut whole = Known::default();
            scene.whole().iter().for_each(|frame| whole.take(frame));
            prop_assert_eq!(&told.sessions, &whole.sessions);
            prop_assert_eq!(&told.letters, &whole.letters);
            // A tab may remember more of what goes on than the scene does.
            for (id, message) in &whole.flow {
                prop_assert_eq!(told.flow.get(id), Some(message));
            }
        }
    }

    #[test]
    fn text_that_nobody_has_seen_is_taken_back_and_what_waits_no_more_is_over() {
        let mut scene = PageScene::default();
        let waiting = |ids: &[&str]| ids.iter().map(|id| json!({ "id": id })).collect();
        let unread = |id: u8| {
            let mut letter = letter(id, 0);
            letter.marks.unread = true;
            letter
        };
        scene.set_unread(waiting(&["1", "3"]));
        scene.put_letter(unread(3));
        scene.put_letter(unread(1));
        assert_eq!((scene.letter("1").unwrap().order, scene.letter("3").unwrap().order), (1, 2));
        scene.take_changes();
        scene.take_back("3");
        let told = scene.take_changes().concat();
        assert!(told.contains(r#""taken_back":["3"]"#) && scene.letter("3").is_none(), "{told}");
        // The first was seen, and its time ended before that was told.
        scene.set_unread(waiting(&["3"]));
        assert!(!scene.letter("1").unwrap().marks.unread);
        scene.put_letter(unread(3));
        assert_eq!(scene.letter("3").unwrap().order, 2, "it keeps its place");
    }

    #[test]
    fn thousands_of_sessions_come_in_parts() {
        let mut scene = PageScene::default();
        let session = |id: usize| (id.to_string(), json!({ "id": id.to_string() }));
        scene.set_sessions((0..1001).map(session).collect());
        let frames = scene.take_changes();
        assert_eq!(frames.len(), 5);
        let mut known = Known::default();
        frames.iter().for_each(|frame| known.take(frame));
        assert_eq!(known.sessions.len(), 1001);
        scene.set_sessions(BTreeMap::new());
        scene.take_changes().iter().for_each(|frame| known.take(frame));
        assert!(known.sessions.is_empty());
    }

    #[test]
    fn what_is_remembered_of_what_goes_on_is_bounded_and_its_time_is_that_of_the_first_step() {
        let mut scene = PageScene::default();
        for id in 0..200_000 {
            scene.put_flow(id.to_string(), json!({ "id": id.to_string(), "at": id }));
            scene.put_flow(id.to_string(), json!({ "id": id.to_string(), "at": id + 9 }));
            assert!(scene.changes.flow.len() <= 2 * MAX_FLOW + 1);
        }
        assert_eq!((scene.flow.order.len(), scene.flow.by_id.len()), (MAX_FLOW, MAX_FLOW));
        assert_eq!(scene.flow.by_id["199999"]["at"], 199_999);
        for number in 0..100 {
            scene.note(number, "The hub is back.");
        }
        assert_eq!((scene.notes.len(), scene.changes.notes.len()), (MAX_NOTES, MAX_NOTES));
    }
}
