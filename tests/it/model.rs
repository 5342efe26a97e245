//! Models of the protocol that are small enough to visit all of their states, and what each rule is for: without it,
//! a promise is broken.
//!
//! [`mail`] has one sender, the hub, and the processes of a receiver that restarts. [`succession`] has a sender that
//! restarts. [`claims`] has the seat itself: who holds it, and whom a peer takes for its contact.

mod check;
mod claims;
mod mail;
mod mutants;
mod succession;

use check::{Model, explore};
use claims::ClaimsModel;
use mail::{Faults, MailModel};
use mutants::Mutant;
use succession::SuccessionModel;

const NO_FAULT: Faults = Faults {
    hub_kills: 0,
    sender_drops: 0,
    receiver_drops: 0,
    receiver_kills: 0,
    timeouts: 0,
    no_room: 0,
    lies: 0,
};

const HUB_KILL: Faults = Faults { hub_kills: 1, ..NO_FAULT };
const SENDER_DROP: Faults = Faults { sender_drops: 1, ..NO_FAULT };
const RECEIVER_DROP: Faults = Faults { receiver_drops: 1, ..NO_FAULT };
const RECEIVER_KILL: Faults = Faults { receiver_kills: 1, ..NO_FAULT };
const TIMEOUT: Faults = Faults { timeouts: 1, ..NO_FAULT };
const NO_ROOM: Faults = Faults { no_room: 1, ..NO_FAULT };
const LIE: Faults = Faults { lies: 1, ..NO_FAULT };

/// A model of messages to processes of one seat, one after the other or at once, on hubs that know seats.
const fn mail(messages: u8, processes: u8, faults: Faults) -> MailModel {
    MailModel { messages, processes, hubs_with_seats: (true, true), faults, mutant: None }
}

fn holds<M: Model>(name: &str, model: &M) {
    match explore(model) {
        Ok(explored) => {
            eprintln!("{name}: {} states, {} steps", explored.states, explored.steps);
        }
        Err(counterexample) => panic!("{name}: {counterexample}"),
    }
}

fn breaks<M: Model>(mutant: Mutant, model: &M) {
    match explore(model) {
        Ok(explored) => panic!("{mutant:?} breaks nothing in {} states", explored.states),
        Err(counterexample) => eprintln!("{mutant:?}: {counterexample}"),
    }
}

#[test]
fn one_process_keeps_every_promise() {
    let faults =
        Faults { hub_kills: 1, sender_drops: 1, receiver_drops: 1, receiver_kills: 1, ..NO_FAULT };
    holds("one process", &mail(2, 1, faults));
}

#[test]
fn nothing_is_lost_by_restarts_in_order() {
    holds("three messages, one restart", &mail(3, 2, NO_FAULT));
    holds("one message, two restarts", &mail(1, 3, NO_FAULT));
}

#[test]
fn restarts_keep_every_promise_while_connections_break() {
    holds("the sender's connection", &mail(2, 2, SENDER_DROP));
    holds("a receiver's connection", &mail(2, 2, RECEIVER_DROP));
}

#[test]
fn restarts_keep_every_promise_in_every_other_fault() {
    holds("a killed receiver", &mail(2, 2, RECEIVER_KILL));
    holds("a time that passes early", &mail(2, 2, TIMEOUT));
    holds("a full inbox", &mail(2, 2, NO_ROOM));
    holds("a killed hub and receiver", &mail(1, 2, Faults { hub_kills: 1, ..RECEIVER_KILL }));
}

#[test]
fn restarts_keep_every_promise_on_a_hub_that_lies() {
    holds("a lie and a killed receiver", &mail(1, 2, Faults { lies: 1, ..RECEIVER_KILL }));
}

#[test]
fn hubs_without_seats_keep_todays_promises() {
    let without = MailModel { hubs_with_seats: (false, false), ..mail(2, 2, RECEIVER_KILL) };
    holds("a hub without seats", &without);
    holds(
        "an older hub after it",
        &MailModel { hubs_with_seats: (true, false), ..mail(1, 2, HUB_KILL) },
    );
    holds(
        "a newer hub after it",
        &MailModel { hubs_with_seats: (false, true), ..mail(1, 2, HUB_KILL) },
    );
}

/// The larger configurations. They take some minutes, and more of them memory than time.
#[test]
#[ignore = "takes minutes"]
fn restarts_keep_every_promise_in_several_faults() {
    holds("two messages, a killed hub", &mail(2, 2, HUB_KILL));
    holds("three messages, a broken connection", &mail(3, 2, RECEIVER_DROP));
    holds("two messages, two restarts", &mail(2, 3, NO_FAULT));
    holds("two messages, a lie", &mail(2, 2, LIE));
    let faults =
        Faults { hub_kills: 1, sender_drops: 1, receiver_drops: 1, receiver_kills: 1, ..NO_FAULT };
    holds("one of each", &mail(1, 2, faults));
}

#[test]
fn a_sender_that_restarts_is_read_in_order() {
    for hub_kills in 0..=2 {
        holds("a sender that restarts", &SuccessionModel { hub_kills, mutant: None });
    }
}

const CLAIMS: ClaimsModel =
    ClaimsModel { is_equal: false, checks_cards: false, lies: true, hub_kills: 1, mutant: None };

#[test]
fn a_seat_has_one_holder_and_no_thief() {
    for is_equal in [false, true] {
        for checks_cards in [false, true] {
            holds("claims", &ClaimsModel { is_equal, checks_cards, ..CLAIMS });
            holds(
                "claims, honest hub",
                &ClaimsModel { is_equal, checks_cards, lies: false, ..CLAIMS },
            );
        }
    }
}

#[test]
fn delivery_needs_each_of_its_rules() {
    for (mutant, faults) in [
        (Mutant::NoDedupe, SENDER_DROP),
        (Mutant::DoneOnAccept, NO_FAULT),
        (Mutant::DoneOnOpen, NO_FAULT),
        (Mutant::NoResend, SENDER_DROP),
        (Mutant::NoRereceipt, SENDER_DROP),
        (Mutant::NoGone, RECEIVER_KILL),
        (Mutant::DropOnPush, RECEIVER_DROP),
        (Mutant::DeleteOnOpen, RECEIVER_DROP),
    ] {
        breaks(mutant, &MailModel { mutant: Some(mutant), ..mail(2, 1, faults) });
    }
}

#[test]
fn delivery_to_a_seat_needs_each_of_its_rules() {
    for (mutant, faults) in [
        (Mutant::NoWaitForOlderLane, NO_FAULT),
        (Mutant::QueuedBeforeReturned, NO_FAULT),
        (Mutant::ReturnAfterRead, SENDER_DROP),
        (Mutant::ReadAfterReturn, NO_FAULT),
        (Mutant::UnseatedReadsOn, NO_FAULT),
        (Mutant::LeasedCountsAsReturned, NO_FAULT),
        (Mutant::ReturnWithoutMac, LIE),
        (Mutant::WordSaidOnce, SENDER_DROP),
        (Mutant::NoReturnAtExit, NO_FAULT),
        (Mutant::SealedAgainUnderTheSameIk, NO_FAULT),
        (Mutant::SealedAgainWithoutReturn, RECEIVER_KILL),
        (Mutant::SealedAgainWithoutReturn, LIE),
        (Mutant::ReturnedRefusedWhenFull, NO_ROOM),
        (Mutant::LateReturnResealedAfterUnconfirmed, TIMEOUT),
        (Mutant::AnswerOfTheOlderSealing, NO_FAULT),
        (Mutant::GoneEndsWhatAWordKeeps, NO_FAULT),
        (Mutant::LowerIncarnationHolds, HUB_KILL),
    ] {
        breaks(mutant, &MailModel { mutant: Some(mutant), ..mail(2, 2, faults) });
    }
    let mutant = Mutant::ReceiptOfTheOlderSealing;
    let faults = Faults { sender_drops: 1, receiver_drops: 1, ..TIMEOUT };
    breaks(mutant, &MailModel { mutant: Some(mutant), ..mail(1, 2, faults) });
}

#[test]
fn the_order_of_a_sender_that_restarts_needs_each_of_its_rules() {
    for (mutant, hub_kills) in [
        (Mutant::SenderRestartOvertakes, 0),
        (Mutant::FormerSenderHandsOver, 0),
        (Mutant::OlderSenderAfterNewer, 1),
    ] {
        breaks(mutant, &SuccessionModel { hub_kills, mutant: Some(mutant) });
    }
}

#[test]
fn a_seat_needs_each_of_its_rules() {
    for mutant in [
        Mutant::UnsignedHello,
        Mutant::UnsignedCard,
        Mutant::PinMovedByACard,
        Mutant::PinStaysOnTheKey,
        Mutant::UnsignedMove,
        Mutant::OldMoveCounts,
        Mutant::LowerIncarnationHolds,
        Mutant::LowerIncarnationTakesOver,
        Mutant::SeatPassesAtHello,
    ] {
        breaks(mutant, &ClaimsModel { mutant: Some(mutant), ..CLAIMS });
    }
    let mutant = Mutant::EqualIncarnationsBothHold;
    breaks(mutant, &ClaimsModel { is_equal: true, mutant: Some(mutant), ..CLAIMS });
}
