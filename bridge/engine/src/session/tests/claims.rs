//! Claims between sessions: told, refused, followed and forgotten.

use junction_shared::protocol::wire::TEAMS;

use super::*;
use crate::claims::{ClaimRequest, ClaimsPage, Collision, CollisionKind, Release, Repository};
use crate::command::ClaimCommand;

const SECOND: Duration = Duration::from_secs(1);

fn repository() -> Repository {
    Repository { name: "github.com/acme/widgets".to_owned(), ignores_case: false }
}

fn request(path: &str) -> ClaimRequest {
    ClaimRequest {
        repository: repository(),
        paths: vec![path.to_owned()],
        note: Some("why".to_owned()),
        ttl: Duration::from_secs(900),
    }
}

impl Stage {
    /// Alice and Bob, both in the repository.
    fn in_repository() -> Self {
        let mut stage = Self::new();
        for name in ["alice", "bob"] {
            stage.note(name, ClaimCommand::WorkIn(repository()));
        }
        stage
    }

    fn note(&mut self, name: &'static str, command: ClaimCommand) {
        let now = self.now;
        self.session(name).command(Command::Claim(command), now);
        self.run();
    }

    fn claim(&mut self, name: &'static str, path: &str) -> ClaimsPage {
        self.ask(name, |reply| Command::Claim(ClaimCommand::Claim(request(path), reply))).unwrap()
    }

    fn claims(&mut self, name: &'static str) -> ClaimsPage {
        self.ask(name, |reply| Command::Claim(ClaimCommand::List(repository(), reply))).unwrap()
    }

    fn collisions(&mut self, name: &'static str, path: &str) -> Vec<Collision> {
        let (reply, mut answer) = oneshot::channel();
        let paths = vec![path.to_owned()];
        let asked = ClaimCommand::Collisions(repository(), paths, reply);
        let now = self.now;
        self.session(name).command(Command::Claim(asked), now);
        answer.try_recv().expect("an answer without the hub")
    }

    /// Asks to be told once all others are heard, without carrying any frame.
    fn hear(&mut self, name: &'static str) -> oneshot::Receiver<bool> {
        let (reply, answer) = oneshot::channel();
        let now = self.now;
        self.session(name).command(Command::Claim(ClaimCommand::Hear(repository(), reply)), now);
        answer
    }

    /// Lets a second pass, after which what has changed is told.
    fn pass_second(&mut self) {
        self.now += SECOND;
        let now = self.now;
        self.sessions.values_mut().for_each(|session| session.on_time(now));
        self.run();
    }
}

fn seen(page: &ClaimsPage) -> Vec<(Option<&str>, &str)> {
    let claims = page.claims.iter();
    claims.map(|claim| (claim.alias.as_ref().map(Alias::as_str), claim.path.as_str())).collect()
}

#[test]
fn claims_are_told_to_the_others_and_the_first_learns_of_a_later_one_once() {
    let mut stage = Stage::in_repository();
    let page = stage.claim("alice", "src");
    assert_eq!((seen(&page), page.is_complete), (vec![(None, "src")], true));
    assert_eq!(seen(&stage.claims("bob")), [(Some("alice"), "src")]);
    let page = stage.claim("bob", "src/lib.rs");
    assert_eq!(page.conflicts.len(), 1);
    assert!(page.conflicts[0].you_yield && page.conflicts[0].alias.as_str() == "alice");
    let news = stage.sessions["alice"].snapshot.borrow().team.claim_news.clone();
    let page = stage.ask("alice", |reply| Command::Claim(ClaimCommand::Look(repository(), reply)));
    let page = page.unwrap();
    assert!(page.claims.len() == 2 && page.conflicts.is_empty(), "a look for somebody else");
    let told = news.take();
    assert_eq!(told.len(), 1);
    assert!(!told[0].you_yield && told[0].yours == "src" && told[0].path == "src/lib.rs");
    stage.pass_second();
    stage.claim("bob", "docs");
    stage.pass_second();
    assert!(news.is_empty(), "told once");
    assert!(stage.sessions["bob"].snapshot.borrow().team.claim_news.is_empty(), "it saw the page");
    // What is given back and over by the next state is not told any more.
    news.give_back(told);
    let all = ClaimCommand::Release(repository(), Release::All, oneshot::channel().0);
    stage.note("bob", all);
    stage.pass_second();
    assert!(news.is_empty());
}

#[test]
fn regression_claim_that_is_made_when_all_are_heard_yields_to_older_ones() {
    let mut stage = Stage::new();
    stage.session("bob").disconnected();
    let mut heard = stage.hear("bob");
    stage.note("alice", ClaimCommand::WorkIn(repository()));
    stage.claim("alice", "src");
    assert!(heard.try_recv().is_err(), "there is no connection yet");
    stage.welcome("bob", "bob");
    assert!(heard.try_recv().is_err(), "nobody has said anything yet");
    stage.run();
    assert_eq!(heard.try_recv(), Ok(true));
    let page = stage.claim("bob", "src");
    assert!(page.is_complete && page.is_relayed && page.conflicts[0].you_yield);
    assert_eq!(stage.hear("bob").try_recv(), Ok(true), "at once");
}

#[test]
fn touched_paths_are_told_and_collide_without_the_hub() {
    let mut stage = Stage::in_repository();
    let touched = ClaimCommand::Touched(repository(), vec!["src/a.rs".to_owned()]);
    stage.note("alice", touched);
    let found = stage.collisions("bob", "src/a.rs");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].alias.as_str()), (CollisionKind::Touched, "alice"));
    assert!(stage.collisions("bob", "src/b.rs").is_empty());
    assert!(stage.collisions("alice", "src/a.rs").is_empty(), "its own");
    let bob = stage.session("bob");
    bob.disconnected();
    assert_eq!(stage.collisions("bob", "src/a.rs").len(), 1);
}

#[test]
fn claims_stay_while_their_session_is_away_and_end_when_it_is_gone() {
    let mut stage = Stage::in_repository();
    stage.claim("alice", "src");
    let (now, alice) = (stage.now, stage.key("alice"));
    let tag = GroupKeys::derive(&Secret::filled(|key| key.fill(7)))
        .repository_tag("github.com/acme/widgets");
    stage.session("bob").frame(ToBridge::RepositoryLeft(tag, alice), now);
    assert_eq!(stage.claims("bob").claims.len(), 1);
    stage.session("bob").frame(ToBridge::Peer(alice, Standing::Away, None), now);
    assert_eq!(stage.claims("bob").claims.len(), 1);
    stage.session("bob").frame(ToBridge::Peer(alice, Standing::Gone, None), now);
    assert!(stage.claims("bob").claims.is_empty());
}

#[test]
fn repeated_altered_and_foreign_states_change_nothing() {
    let mut stage = Stage::in_repository();
    stage.claim("alice", "src");
    let now = stage.now;
    let all = ClaimCommand::Release(repository(), Release::All, oneshot::channel().0);
    stage.now += SECOND;
    stage.session("alice").command(Command::Claim(all), now + SECOND);
    let frame = stage.session("alice").next_frame(now + SECOND).unwrap();
    let ToHub::Claims(release) = decode(&frame).unwrap() else { panic!("claims") };
    let from = stage.key("alice");
    let relayed = |claims: SealedClaims| ToBridge::Claims(SealedClaims { peer: from, ..claims });
    let mut altered = release.clone();
    altered.sealed = altered.sealed.slice(1..);
    let renumbered = SealedClaims { number: release.number + 1, ..release.clone() };
    let stranger = SealedClaims { peer: PeerKey([9; 32]), ..release.clone() };
    for frame in [relayed(altered), relayed(renumbered), ToBridge::Claims(stranger)] {
        stage.session("bob").frame(frame, now);
        assert_eq!(stage.claims("bob").claims.len(), 1);
    }
    stage.session("bob").frame(relayed(release.clone()), now);
    assert!(stage.claims("bob").claims.is_empty());
    stage.session("bob").frame(relayed(release), now);
    assert_eq!(stage.sessions["bob"].snapshot.borrow().misbehaviour, 0);
}

#[test]
fn older_hub_gets_no_frame_of_claims() {
    let mut stage = Stage::new();
    stage.features = Some(HUB_FEATURES & !TEAMS);
    stage.session("alice").disconnected();
    stage.welcome("alice", "alice");
    stage.run();
    let page = stage.claim("alice", "src");
    assert!(page.claims.len() == 1 && !page.is_complete && !page.is_relayed);
    assert!(stage.repositories.is_empty());
    assert_eq!(stage.hear("alice").try_recv(), Ok(false), "nobody will ever be heard");
}

#[test]
fn session_that_follows_works_in_the_same_repositories_and_claims_nothing() {
    let mut stage = Stage::in_repository();
    stage.claim("alice", "src");
    stage.claim("bob", "src");
    let now = stage.now;
    let mut next = stage.session("alice").successor(now);
    next.set_group(GroupKeys::derive(&Secret::filled(|key| key.fill(7))));
    assert!(next.snapshot.borrow().team.claim_news.is_empty());
    stage.keys.insert(next.membership.key(), "alice");
    stage.sessions.insert("alice", next);
    stage.welcome("alice", "alice");
    stage.run();
    assert_eq!(seen(&stage.claims("alice")), [(Some("bob"), "src")]);
}

#[test]
fn claims_are_told_again_on_the_next_connection_and_in_another_group_to_others() {
    let mut stage = Stage::in_repository();
    stage.session("alice").disconnected();
    let page = stage.claim("alice", "src");
    assert!(!page.is_complete);
    stage.welcome("alice", "alice");
    stage.run();
    assert_eq!(seen(&stage.claims("bob")), [(Some("alice"), "src")]);
    let session = stage.session("alice");
    session.moved();
    session.set_group(GroupKeys::derive(&Secret::filled(|key| key.fill(8))));
    stage.welcome("alice", "alice");
    stage.run();
    let page = stage.claims("alice");
    assert!(page.is_complete, "nobody is there");
    assert_eq!(seen(&page), [(None, "src")]);
}
