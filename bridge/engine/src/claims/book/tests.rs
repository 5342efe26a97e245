//! What many sessions agree on in the end, whatever the hub between them does.

mod table;

use std::collections::BTreeSet;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use proptest::prelude::*;

use super::*;
use crate::claims::request::Release;
use table::Table;

const TAG: RepositoryTag = RepositoryTag([1; 16]);
const MINUTE: Duration = Duration::from_secs(60);
/// Patterns that sessions claim: some meet, some do not.
const PATHS: [&str; 6] = ["src", "src/a.rs", "src/*.rs", "docs", "**/b.md", "tests/x"];

fn repository(name: &str) -> Repository {
    Repository { name: name.to_owned(), ignores_case: false }
}

fn request(paths: &[&str]) -> ClaimRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    ClaimRequest { repository: repository("one"), paths, note: None, ttl: 30 * MINUTE }
}

fn alias(key: &PeerKey) -> Option<Alias> {
    Alias::parse(&format!("session-{}-{}", key.0[0], key.0[1])).ok()
}

fn look<T>(
    book: &mut ClaimBook,
    me: PeerKey,
    now: Instant,
    look: impl FnOnce(&mut ClaimBook, &ClaimsView<'_>) -> T,
) -> T {
    look(book, &ClaimsView { me, now, wall_ms: 1_000_000, alias_of: &alias })
}

fn named(conflict: &ClaimConflict) -> (String, String, String, bool) {
    let ClaimConflict { alias, path, yours, you_yield, .. } = conflict.clone();
    (alias.to_string(), path, yours, you_yield)
}

#[derive(Clone, Copy, Debug)]
enum TableStep {
    Claim(usize, usize),
    Release(usize, usize),
    Touch(usize, usize),
    Disconnect(usize),
    Connect(usize),
    Restart(usize),
    Write,
    Deliver(usize),
    Repeat(usize),
    Lose(usize),
    Pass(u64),
}

fn step(seats: usize) -> impl Strategy<Value = TableStep> {
    let (seat, path, flight) = (move || 0..seats, || 0..PATHS.len(), || 0..64usize);
    prop_oneof![
        4 => (seat(), path()).prop_map(|(seat, path)| TableStep::Claim(seat, path)),
        2 => (seat(), path()).prop_map(|(seat, path)| TableStep::Release(seat, path)),
        2 => (seat(), path()).prop_map(|(seat, path)| TableStep::Touch(seat, path)),
        1 => seat().prop_map(TableStep::Disconnect),
        2 => seat().prop_map(TableStep::Connect),
        1 => seat().prop_map(TableStep::Restart),
        6 => Just(TableStep::Write),
        8 => flight().prop_map(TableStep::Deliver),
        2 => flight().prop_map(TableStep::Repeat),
        2 => flight().prop_map(TableStep::Lose),
        2 => (0..2_000u64).prop_map(TableStep::Pass),
    ]
}

fn apply(table: &mut Table, step: TableStep) {
    let flights = table.flights.len();
    let flight = |at: usize| (flights > 0).then(|| at % flights);
    match step {
        TableStep::Claim(seat, path) => table.claim(seat, &[PATHS[path]]),
        TableStep::Release(seat, path) => table.release(seat, PATHS[path]),
        TableStep::Touch(seat, path) => {
            let now = table.now;
            let touched = [PATHS[path].replace('*', "x")];
            table.seats[seat].book.touch(&repository("one"), TAG, &touched, now);
        }
        TableStep::Disconnect(seat) => table.disconnect(seat),
        TableStep::Connect(seat) => table.connect(seat),
        TableStep::Restart(seat) => table.restart(seat),
        TableStep::Write => table.write(),
        TableStep::Deliver(at) => {
            if let Some(at) = flight(at) {
                let flight = table.flights.remove(at);
                table.deliver(flight);
            }
        }
        TableStep::Repeat(at) => {
            if let Some(at) = flight(at) {
                let again = table.flights[at].clone();
                table.deliver(again);
            }
        }
        TableStep::Lose(at) => _ = flight(at).map(|at| table.flights.remove(at)),
        TableStep::Pass(ms) => table.now += Duration::from_millis(ms),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was lost, doubled, reordered, cut off or restarted: once all are connected and everything arrives, all see
    /// the same claims, and each claim that conflicts is known to both sides, of which one yields.
    #[test]
    fn sessions_agree_once_they_hear_each_other(
        steps in (2usize..5).prop_flat_map(|seats| {
            (Just(seats), proptest::collection::vec(step(seats), 1..80))
        }),
    ) {
        let (count, steps) = steps;
        let mut table = Table::new(count);
        steps.into_iter().for_each(|step| apply(&mut table, step));
        table.settle();
        table.pass_quota();
        for seat in 0..count {
            let claim = |(alias, path, ..): (String, String, String, bool)| (alias, path);
            let told: BTreeSet<_> = table.seats[seat].told.clone().into_iter().map(claim).collect();
            let conflicts = table.show(seat).conflicts;
            prop_assert!(conflicts.iter().map(|one| claim(named(one))).all(|one| told.contains(&one)));
        }
        let all: Vec<_> = (0..count).map(|seat| table.claims(seat)).collect();
        for seen in &all {
            prop_assert_eq!(seen, &all[0]);
        }
        let sides = (0..count).flat_map(|seat| {
            let own = alias(&table.seats[seat].key).unwrap().to_string();
            let page = table.show(seat);
            let side = |conflict: &ClaimConflict| {
                let (other, path, yours, yields) = named(conflict);
                (own.clone(), yours, other, path, yields)
            };
            page.conflicts.iter().map(side).collect::<Vec<_>>()
        });
        let sides: BTreeSet<_> = sides.collect();
        for (own, yours, other, path, yields) in &sides {
            let opposite = (other.clone(), path.clone(), own.clone(), yours.clone(), !yields);
            prop_assert!(sides.contains(&opposite), "{} does not know of {}", other, own);
        }
        // And all of them are those of a plain look at what is claimed.
        let meet = |one: &str, two: &str| {
            crate::claims::pattern::Pattern::new(one)
                .meets(&crate::claims::pattern::Pattern::new(two), false)
        };
        let expected = all[0].iter().flat_map(|one| {
            let others = all[0].iter().filter(|two| one.0 != two.0 && meet(&one.1, &two.1));
            others.map(|two| (one.0.clone(), one.1.clone(), two.0.clone(), two.1.clone()))
        });
        let found = sides.into_iter().map(|(own, yours, other, path, _)| (own, yours, other, path));
        prop_assert_eq!(found.collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
    }
}

#[test]
fn who_claims_first_holds_and_learns_later_that_another_came() {
    let mut table = Table::new(2);
    table.settle();
    table.claim(0, &["src"]);
    table.settle();
    table.claim(1, &["src/a.rs"]);
    let first = alias(&table.seats[0].key).unwrap().to_string();
    let yields = (first, "src".to_owned(), "src/a.rs".to_owned(), true);
    assert!(table.seats[1].told.contains(&yields));
    assert!(table.seats[0].told.is_empty());
    table.settle();
    let second = alias(&table.seats[1].key).unwrap().to_string();
    let holds = (second, "src/a.rs".to_owned(), "src".to_owned(), false);
    assert_eq!(std::mem::take(&mut table.seats[0].told), BTreeSet::from([holds.clone()]));
    table.settle();
    assert!(table.seats[0].told.is_empty(), "told once");
    table.release(1, "src/a.rs");
    table.settle();
    table.claim(1, &["src/a.rs"]);
    table.settle();
    assert_eq!(table.seats[0].told, BTreeSet::from([holds]), "another claim, and told again");
}

#[test]
fn states_beyond_the_first_ones_are_a_second_apart_and_hold_all_changes() {
    let mut table = Table::new(2);
    table.settle();
    table.now += MINUTE;
    let second = Duration::from_secs(1);
    let write = |table: &mut Table| {
        table.write();
        std::mem::take(&mut table.flights).into_iter().map(|flight| flight.3).collect::<Vec<_>>()
    };
    for n in 0..8 {
        table.claim(0, &[&format!("a{n}")]);
        assert_eq!(write(&mut table).len(), 1, "some at once");
    }
    table.claim(0, &["b"]);
    table.claim(0, &["c"]);
    assert!(!table.seats[0].book.is_told("one"));
    let due = table.seats[0].book.deadline().unwrap();
    assert!(write(&mut table).is_empty() && due == table.now + second);
    table.now = due;
    let states = write(&mut table);
    assert_eq!(states.len(), 1);
    assert_eq!(states[0].claims.iter().map(|group| group.paths.len()).sum::<usize>(), 10);
    assert!(table.seats[0].book.is_told("one"));
    // What was touched before is told again after a minute, what is new after a second.
    let touch = |table: &mut Table, path: &str| {
        let now = table.now;
        table.seats[0].book.touch(&repository("one"), TAG, &[path.to_owned()], now);
        table.seats[0].book.deadline().map(|due| due - now)
    };
    assert_eq!(touch(&mut table, "x"), Some(second));
    table.now += second;
    assert_eq!(write(&mut table).len(), 1);
    assert_eq!(touch(&mut table, "x"), Some(MINUTE));
    assert_eq!(touch(&mut table, "y"), Some(second));
}

#[test]
fn regression_file_that_two_sessions_keep_editing_is_told_each_time() {
    let touch = |table: &mut Table, number: usize, path: &str| {
        let now = table.now;
        table.seats[number].book.touch(&repository("one"), TAG, &[path.to_owned()], now);
        table.seats[number].book.deadline().map(|due| due - now)
    };
    let mut table = Table::new(2);
    table.settle();
    table.claim(1, &["src"]);
    for path in ["src/both", "both", "alone"] {
        (0..2).for_each(|_| table.pass_second());
        touch(&mut table, 0, path);
        if path == "both" {
            touch(&mut table, 1, path);
        }
        (0..2).for_each(|_| table.pass_second());
        let due = touch(&mut table, 0, path).unwrap_or_default();
        assert_eq!(due > Duration::from_secs(1), path == "alone", "{path}: {due:?}");
    }
}

/// Everything that is on its way arrives, in the same moment.
fn arrive(table: &mut Table) {
    table.write();
    std::mem::take(&mut table.flights).into_iter().for_each(|flight| table.deliver(flight));
}

/// The session claims what another has claimed, and is told at once that it yields.
fn yields_to_the_first(table: &mut Table, (number, path): (usize, &str), first: usize) {
    table.claim(number, &[path]);
    let conflicts = table.show(number).conflicts;
    assert!(conflicts.len() == 1 && conflicts[0].you_yield, "{conflicts:?}");
    assert!(conflicts[0].alias == alias(&table.seats[first].key).unwrap());
    arrive(table);
    let conflicts = table.show(first).conflicts;
    assert!(conflicts.len() == 1 && !conflicts[0].you_yield, "{conflicts:?}");
}

#[test]
fn regression_claims_in_quick_succession_are_known_to_who_claims_next() {
    for (first, second) in [(0, 1), (1, 0)] {
        let mut table = Table::new(2);
        table.settle();
        for path in ["p0", "p1", "p2", "p3"] {
            table.claim(first, &[path]);
            arrive(&mut table);
        }
        yields_to_the_first(&mut table, (second, "p3"), first);
    }
}

#[test]
fn regression_claim_that_waits_for_its_turn_holds_against_one_that_is_made_meanwhile() {
    for (first, second) in [(0, 1), (1, 0)] {
        let mut table = Table::new(2);
        table.settle();
        for n in 0..20 {
            table.claim(first, &[&format!("p{n}")]);
            arrive(&mut table);
        }
        assert!(!table.seats[first].book.is_told("one"));
        table.claim(second, &["p19"]);
        assert!(table.show(second).conflicts.is_empty(), "not known yet");
        arrive(&mut table);
        table.pass_second();
        let yields = |table: &mut Table, number| {
            let conflicts = table.show(number).conflicts;
            conflicts.iter().map(|conflict| conflict.you_yield).collect::<Vec<_>>()
        };
        assert_eq!(
            (yields(&mut table, first), yields(&mut table, second)),
            (vec![false], vec![true])
        );
    }
}

#[test]
fn regression_sessions_that_claim_one_path_at_once_all_learn_of_the_others() {
    let mut table = Table::new(3);
    table.settle();
    // What each has claimed before makes no difference.
    (0..3).for_each(|_| table.claim(2, &["other"]));
    (0..3).for_each(|number| table.claim(number, &["same"]));
    arrive(&mut table);
    let yields = (0..3).map(|number| {
        let told = table.seats[number].told.iter();
        (told.len(), told.filter(|(.., yields)| *yields).count())
    });
    let mut yields: Vec<_> = yields.collect();
    yields.sort_unstable();
    assert_eq!(yields, [(2, 0), (2, 1), (2, 2)], "without waiting");
}

#[test]
fn ninth_repository_takes_the_place_of_the_one_used_least_where_nothing_is_claimed() {
    let (now, other) = (Instant::now(), PeerKey([9; 32]));
    let tag = |n: u8| RepositoryTag([n; 16]);
    let name = |n: u8| repository(&n.to_string());
    let mut book = ClaimBook::default();
    (0..8).for_each(|n| book.work_in(&name(n), tag(n)));
    book.connected();
    assert_eq!(book.next_frame(now), Some(ClaimsFrame::Repositories((0..8).map(tag).collect())));
    (0..2).for_each(|n| book.same_repository(&tag(n), &[other]));
    while book.next_frame(now).is_some() {}
    let claim = ClaimRequest { repository: name(0), ..request(&["a"]) };
    book.claim(&claim, tag(0), now).unwrap();
    while book.next_frame(now).is_some() {}
    (2..8).for_each(|n| book.work_in(&name(n), tag(n)));
    book.work_in(&name(8), tag(8));
    let Some(ClaimsFrame::State { tag: left, to, state, .. }) = book.next_frame(now) else {
        panic!("a farewell comes first")
    };
    assert_eq!((left, to, state), (tag(1), other, SharedClaims::default()));
    let named = [0, 2, 3, 4, 5, 6, 7, 8].map(tag).to_vec();
    assert_eq!(book.next_frame(now), Some(ClaimsFrame::Repositories(named)));
    assert_eq!(book.next_frame(now), None);
}

#[test]
fn old_numbers_and_strangers_change_nothing() {
    let now = Instant::now();
    let (me, other) = (PeerKey([1; 32]), PeerKey([2; 32]));
    let mut book = ClaimBook::default();
    book.work_in(&repository("one"), TAG);
    book.connected();
    book.same_repository(&TAG, &[other]);
    let mut speaker = ClaimBook::default();
    speaker.claim(&request(&["src"]), TAG, now).unwrap();
    speaker.connected();
    speaker.next_frame(now);
    speaker.same_repository(&TAG, &[me]);
    let Some(ClaimsFrame::State { state, .. }) = speaker.next_frame(now) else { panic!("a state") };
    assert!(!book.hear((TAG, 5), PeerKey([3; 32]), &state, now), "it is not there");
    assert!(book.hear((TAG, 5), other, &state, now));
    assert!(!book.is_newer(&TAG, &other, 5) && book.is_newer(&TAG, &other, 6));
    assert!(!book.hear((TAG, 4), other, &SharedClaims::default(), now));
    assert_eq!(book.with_content(), [other]);
    assert!(book.left(&TAG, &other), "it may only be away");
    book.gone(&other);
    book.joined(&TAG, other);
    assert!(!book.hear((TAG, 5), other, &state, now), "a repeated one, after its session is gone");
}

#[test]
fn collisions_name_who_claims_and_who_has_changed() {
    let mut table = Table::new(2);
    table.settle();
    table.claim(0, &["src"]);
    let now = table.now;
    table.seats[0].book.touch(&repository("one"), TAG, &["README.md".to_owned()], now);
    table.settle();
    let ask = |table: &mut Table, path: &str| {
        let (now, seat) = (table.now, &mut table.seats[1]);
        let paths = [path.to_owned(), "../bad".to_owned()];
        look(&mut seat.book, seat.key, now, |book, view| {
            book.collisions(&repository("one"), &paths, view)
        })
    };
    let found = ask(&mut table, "src/lib.rs");
    assert!(found.len() == 1 && found[0].theirs == "src" && !found[0].you_hold);
    assert_eq!(ask(&mut table, "README.md").len(), 1);
    assert!(ask(&mut table, "docs/README.md").is_empty());
    table.now += 10 * MINUTE;
    assert!(ask(&mut table, "README.md").is_empty());
    table.now += 20 * MINUTE;
    assert!(ask(&mut table, "src/lib.rs").is_empty(), "its time is over");
}

#[test]
fn liar_who_claims_everything_costs_little_and_yields_to_who_was_first() {
    let mut table = Table::new(2);
    table.settle();
    let mine: Vec<_> = (0..500).map(|n| format!("src/module_{n}/file.rs")).collect();
    let mine: Vec<_> = mine.iter().map(String::as_str).collect();
    table.claim(0, &mine);
    table.settle();
    let wild: Vec<_> = (0..512).map(|n| format!("**/*a*{n}*/**/*?*?*e*")).collect();
    let mut all: Vec<_> = wild.iter().map(String::as_str).take(511).collect();
    all.push("**");
    table.claim(1, &all);
    let begun = Instant::now();
    table.settle();
    let page = table.show(0);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(page.conflicts.len() == 256 && page.more > 0);
    assert!(page.conflicts.iter().all(|conflict| !conflict.you_yield));
    assert!(table.show(1).conflicts.iter().all(|conflict| conflict.you_yield));
}

#[test]
fn regression_project_stays_among_the_repositories_whatever_else_is_edited() {
    let now = Instant::now();
    let (tag, name) = (|n: u8| RepositoryTag([n; 16]), |n: u8| repository(&n.to_string()));
    let mut book = ClaimBook::default();
    book.set_project(&name(0), tag(0));
    for n in 1..8 {
        let claim = ClaimRequest { repository: name(n), ..request(&["a"]) };
        book.claim(&claim, tag(n), now).unwrap();
    }
    book.touch(&name(8), tag(8), &["b".to_owned()], now);
    book.touch(&name(9), tag(9), &["b".to_owned()], now);
    let names = |book: &ClaimBook| {
        book.repositories().iter().map(|one| one.name.parse().unwrap()).collect::<Vec<u8>>()
    };
    assert_eq!(names(&book), [0, 2, 3, 4, 5, 6, 7, 9]);
    assert_eq!(book.take_given_up(now), ["1"], "the eighth had no claims");
    assert!(book.take_given_up(now).is_empty(), "told once");
    book.work_in(&name(8), tag(8));
    book.work_in(&name(10), tag(10));
    assert!(book.take_given_up(now).is_empty());
    book.work_in(&name(0), tag(0));
    assert_eq!(names(&book)[0], 0);
    assert_eq!(names(&book.successor())[0], 0);
}

#[test]
fn regression_claim_of_one_file_is_found_among_many_that_were_changed() {
    let mut table = Table::new(4);
    table.settle();
    let paths: Vec<_> = (0..200).map(|n| format!("src/{n}.rs")).collect();
    for seat in 1..4 {
        let now = table.now;
        table.seats[seat].book.touch(&repository("one"), TAG, &paths, now);
    }
    table.claim(2, &["src/199.rs"]);
    table.claim(3, &["**/199.rs"]);
    (0..5).for_each(|_| table.pass_second());
    let (now, seat) = (table.now, &mut table.seats[0]);
    let (found, all) = look(&mut seat.book, seat.key, now, |book, view| {
        let one = repository("one");
        (book.claimants(&one, &paths, view), book.collisions(&one, &paths, view))
    });
    let found: Vec<_> = found.iter().map(|one| (one.path.as_str(), one.theirs.as_str())).collect();
    let both = [("src/199.rs", "src/199.rs"), ("src/199.rs", "**/199.rs")];
    assert_eq!(found, both, "one of each session, and the one that holds first");
    assert_eq!((all.len(), all[0].path.as_str()), (256, "src/199.rs"));
    assert!(all[1].theirs == "**/199.rs" && all[2].theirs == "src/0.rs");
}

#[test]
fn regression_liar_who_claims_again_and_again_hides_no_honest_conflict() {
    let mut table = Table::new(3);
    table.settle();
    let mine: Vec<_> = (0..101).map(|n| format!("src/{n}.rs")).collect();
    table.claim(0, &mine.iter().map(String::as_str).collect::<Vec<_>>());
    table.pass_second();
    let news = |table: &mut Table| std::mem::take(&mut table.seats[0].told).len();
    let mut lies = 0;
    for n in 0..30 {
        table.claim(1, &[&format!("**/{n}*"), "**"]);
        table.pass_second();
        table.release(1, "**");
        table.pass_second();
        lies += news(&mut table);
    }
    assert_eq!(lies, 8, "one for each claim, and a few in ten minutes");
    table.claim(2, &["src/7.rs"]);
    table.pass_second();
    let honest = alias(&table.seats[2].key).unwrap().to_string();
    let told = std::mem::take(&mut table.seats[0].told);
    assert_eq!(
        told,
        BTreeSet::from([(honest, "src/7.rs".to_owned(), "src/7.rs".to_owned(), false)])
    );
    table.pass_quota();
    assert_eq!(news(&mut table), 8, "what was left out is not taken for told");
}

#[test]
fn regression_news_for_which_there_is_no_room_comes_later() {
    let mut table = Table::new(2);
    table.settle();
    table.claim(0, &["src"]);
    table.pass_second();
    table.claim(1, &["src/a", "src/b", "src/c"]);
    table.write();
    let (me, other) = (table.seats[0].key, table.seats[1].key);
    let (now, state) = (table.now, table.flights.remove(0).3);
    let book = &mut table.seats[0].book;
    assert!(book.hear((TAG, 99), other, &state, now));
    let mut count = |now, room| {
        look(book, me, now, |book, view| (book.news(view, room).len(), book.news_due()))
    };
    assert_eq!(count(now, 0), (0, Some(now + Duration::from_secs(1))));
    assert_eq!(count(now, 2), (2, Some(now + Duration::from_secs(1))));
    assert_eq!(count(now, 2), (1, None));
    assert_eq!(count(now, 2), (0, None));
}

#[test]
fn regression_page_shows_as_much_of_each_session() {
    let mut table = Table::new(3);
    table.settle();
    let mine: Vec<_> = (0..300).map(|n| format!("src/{n}.rs")).collect();
    table.claim(0, &mine.iter().map(String::as_str).collect::<Vec<_>>());
    table.claim(1, &["**", "src"]);
    table.claim(2, &["src/299.rs"]);
    (0..2).for_each(|_| table.pass_second());
    let page = table.show(0);
    assert_eq!((page.conflicts.len(), page.more, page.is_complete), (256, 345, true));
    assert!(page.conflicts[..2].iter().any(|conflict| conflict.path == "src/299.rs"));
}
