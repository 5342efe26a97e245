//! Any value of every type of the wire.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::strategy::Union;

use super::super::*;
use crate::protocol::id::*;

type Any<T> = BoxedStrategy<T>;

fn text() -> Any<String> {
    ".{0,20}".boxed()
}

fn bytes() -> Any<Vec<u8>> {
    vec(any::<u8>(), 0..80).boxed()
}

fn hash() -> Any<[u8; 32]> {
    any::<[u8; 32]>().boxed()
}

fn number() -> Any<u64> {
    any::<u64>().boxed()
}

fn flag() -> Any<bool> {
    any::<bool>().boxed()
}

fn key() -> Any<PeerKey> {
    hash().prop_map(PeerKey).boxed()
}

fn id() -> Any<MessageId> {
    any::<[u8; 16]>().prop_map(MessageId).boxed()
}

/// One of these values.
fn one_of<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> Any<T> {
    prop::sample::select(values.to_vec()).boxed()
}

/// Anything that one of these makes.
fn any_of<T: std::fmt::Debug + 'static>(options: Vec<Any<T>>) -> Any<T> {
    Union::new(options).boxed()
}

fn ticket() -> Any<Ticket> {
    hash().prop_map(Ticket).boxed()
}

fn grant() -> Any<Grant> {
    (text(), ticket()).prop_map(|(alias, ticket)| Grant { alias, ticket }).boxed()
}

fn signature() -> Any<Signature> {
    (hash(), hash())
        .prop_map(|(one, two)| {
            let mut all = [0; 64];
            all[..32].copy_from_slice(&one);
            all[32..].copy_from_slice(&two);
            Signature(all)
        })
        .boxed()
}

fn moved() -> Any<SeatMove> {
    (hash(), number(), signature(), signature())
        .prop_map(|(from, incarnation, signature, consent)| SeatMove {
            from: SeatKey(from),
            incarnation: Incarnation(incarnation),
            signature,
            consent,
        })
        .boxed()
}

fn claim() -> Any<SeatClaim> {
    (hash(), number(), of(flag()), of(any::<[u8; 16]>()), of(moved()))
        .prop_map(|(key, incarnation, is_proven, place, moved_from)| SeatClaim {
            key: SeatKey(key),
            incarnation: Incarnation(incarnation),
            is_proven,
            place,
            moved_from,
        })
        .boxed()
}

fn seat_answer() -> Any<SeatAnswer> {
    any_of(vec![
        of(signed_card()).prop_map(SeatAnswer::Granted).boxed(),
        Just(SeatAnswer::Held).boxed(),
        (number(), of(signed_card()), of(flag()))
            .prop_map(|(number, card, free)| {
                SeatAnswer::Superseded(Incarnation(number), card, free)
            })
            .boxed(),
    ])
}

fn returned() -> Any<Return> {
    (key(), bytes(), hash()).prop_map(|(to, body, mac)| Return { to, body, mac }).boxed()
}

fn signed_card() -> Any<SignedCard> {
    (bytes(), hash(), of(signature()), of(vec(moved(), 0..3)))
        .prop_map(|(body, mac, seat_signature, moves)| SignedCard {
            body,
            mac,
            seat_signature,
            moves,
        })
        .boxed()
}

fn list() -> Any<List> {
    (of(text()), of(text()), any::<u16>(), of(text()), of(state_filter()))
        .prop_map(|(role, repo, limit, cursor, state)| List { role, repo, limit, cursor, state })
        .boxed()
}

fn state_filter() -> Any<StateFilter> {
    one_of(&[
        StateFilter::Idle,
        StateFilter::Busy,
        StateFilter::WaitingOnHuman,
        StateFilter::Unknown,
    ])
}

fn awaited() -> Any<Awaited> {
    let end = one_of(&[AwaitedEnd::Online, AwaitedEnd::Idle, AwaitedEnd::Gone]);
    (of(text()), of(text()), end)
        .prop_map(|(alias, role, end)| Awaited { alias, role, end })
        .boxed()
}

fn target() -> Any<LookupTarget> {
    any_of(vec![
        text().prop_map(LookupTarget::Alias).boxed(),
        key().prop_map(LookupTarget::Key).boxed(),
        hash().prop_map(|key| LookupTarget::Seat(SeatKey(key))).boxed(),
    ])
}

pub(super) fn question() -> Any<Question> {
    any_of(vec![
        signed_card().prop_map(Question::Rename).boxed(),
        list().prop_map(Question::List).boxed(),
        target().prop_map(Question::Lookup).boxed(),
        of(text()).prop_map(Question::Watch).boxed(),
        awaited().prop_map(Question::Await).boxed(),
    ])
}

fn listed() -> Any<Listed> {
    (signed_card(), flag(), number())
        .prop_map(|(card, online, session_ms)| Listed { card, online, session_ms })
        .boxed()
}

fn page() -> Any<Page> {
    (vec(listed(), 0..3), any::<u32>(), of(text()))
        .prop_map(|(peers, total, next)| Page { peers, total, next })
        .boxed()
}

fn naming() -> Any<Naming> {
    any_of(vec![
        grant().prop_map(Naming::Granted).boxed(),
        text().prop_map(|free| Naming::Taken { free }).boxed(),
        Just(Naming::Bad).boxed(),
    ])
}

fn standing() -> Any<Standing> {
    one_of(&[Standing::Online, Standing::Away, Standing::Gone, Standing::NotYet])
}

pub(super) fn answer() -> Any<Answer> {
    any_of(vec![
        naming().prop_map(Answer::Named).boxed(),
        page().prop_map(Answer::Page).boxed(),
        (standing(), of(signed_card())).prop_map(|(s, card)| Answer::Found(s, card)).boxed(),
        vec(listed(), 0..3).prop_map(Answer::Seen).boxed(),
        Just(Answer::Busy).boxed(),
    ])
}

fn header() -> Any<Header> {
    let names = (any::<[u8; 16]>(), id(), key(), key(), hash());
    let numbers = any::<[u64; 4]>();
    (names, numbers)
        .prop_map(|((group, id, from, to, enc), [epoch, seq, sent_ms, ttl_ms])| Header {
            group: GroupId(group),
            id,
            from,
            to,
            epoch: Epoch(epoch),
            enc,
            seq: Seq(seq),
            sent_ms,
            ttl_ms,
            kind: Kind::Text,
        })
        .boxed()
}

fn envelope() -> Any<Envelope> {
    (header(), bytes())
        .prop_map(|(header, sealed)| Envelope { header, sealed: sealed.into() })
        .boxed()
}

fn send() -> Any<Send> {
    (envelope(), number(), flag(), flag())
        .prop_map(|(envelope, age_ms, resend, restart)| Send { envelope, age_ms, resend, restart })
        .boxed()
}

fn receipt() -> Any<Receipt> {
    let kinds = [ReceiptKind::Opened, ReceiptKind::Read, ReceiptKind::Expired, ReceiptKind::Stale];
    let outlook = (bytes(), hash()).prop_map(|(body, mac)| SignedOutlook { body, mac });
    let seat = (hash(), hash()).prop_map(|(key, mac)| SignedSeat { key: SeatKey(key), mac });
    (key(), id(), one_of(&kinds), hash(), of(outlook), of(seat))
        .prop_map(|(to, id, kind, mac, outlook, seat)| Receipt { to, id, kind, mac, outlook, seat })
        .boxed()
}

fn refusal() -> Any<Refusal> {
    one_of(&[
        Refusal::Gone,
        Refusal::InboxFull,
        Refusal::IdConflict,
        Refusal::ToSelf,
        Refusal::NoAttachments,
        Refusal::Changed,
    ])
}

fn transfer() -> Any<TransferId> {
    (key(), key(), id(), any::<u8>())
        .prop_map(|(from, to, message, attachment)| TransferId { from, to, message, attachment })
        .boxed()
}

fn range() -> Any<ChunkRange> {
    (transfer(), any::<u32>(), any::<u32>())
        .prop_map(|(transfer, next, until)| ChunkRange { transfer, next, until })
        .boxed()
}

fn chunk() -> Any<Chunk> {
    (transfer(), any::<u32>(), bytes())
        .prop_map(|(transfer, number, sealed)| Chunk { transfer, number, sealed: sealed.into() })
        .boxed()
}

fn attachment_receipt() -> Any<AttachmentReceipt> {
    (transfer(), one_of(&[AttachmentEnd::Saved, AttachmentEnd::Expired]), hash())
        .prop_map(|(transfer, kind, mac)| AttachmentReceipt { transfer, kind, mac })
        .boxed()
}

fn tag() -> Any<RepositoryTag> {
    any::<[u8; 16]>().prop_map(RepositoryTag).boxed()
}

fn sealed_claims() -> Any<SealedClaims> {
    (key(), tag(), number(), bytes())
        .prop_map(|(peer, repository, number, sealed)| SealedClaims {
            peer,
            repository,
            number,
            sealed: sealed.into(),
        })
        .boxed()
}

pub(super) fn claims_state() -> Any<SharedClaims> {
    let group = (of(text()), number(), number(), number(), vec(text(), 0..4)).prop_map(
        |(note, age_ms, left_ms, counter, paths)| ClaimGroup {
            note,
            age_ms,
            left_ms,
            counter,
            paths,
        },
    );
    let touched = (text(), number()).prop_map(|(path, age_ms)| TouchedPath { path, age_ms });
    (flag(), vec(group, 0..4), vec(touched, 0..4))
        .prop_map(|(ignores_case, claims, touched)| SharedClaims { ignores_case, claims, touched })
        .boxed()
}

pub(super) fn to_hub() -> Any<ToHub> {
    any_of(vec![
        (bytes(), hash(), of(signature()))
            .prop_map(|(body, proof, seat_signature)| {
                ToHub::Hello(Hello { body, proof, seat_signature })
            })
            .boxed(),
        signed_card().prop_map(ToHub::Card).boxed(),
        (any::<u32>(), question()).prop_map(|(number, q)| ToHub::Ask(number, q)).boxed(),
        any::<u32>().prop_map(ToHub::Unwatch).boxed(),
        send().prop_map(ToHub::Send).boxed(),
        receipt().prop_map(ToHub::Receipt).boxed(),
        Just(ToHub::Repush).boxed(),
        Just(ToHub::Leave).boxed(),
        returned().prop_map(ToHub::Return).boxed(),
        Just(ToHub::Vacate).boxed(),
        (transfer(), any::<u32>(), number())
            .prop_map(|(transfer, chunks, ttl_ms)| ToHub::Offer(Offer { transfer, chunks, ttl_ms }))
            .boxed(),
        transfer().prop_map(ToHub::Withdraw).boxed(),
        chunk().prop_map(ToHub::Chunk).boxed(),
        range().prop_map(ToHub::Fetch).boxed(),
        attachment_receipt().prop_map(ToHub::AttachmentReceipt).boxed(),
        vec(tag(), 0..9).prop_map(ToHub::Repositories).boxed(),
        sealed_claims().prop_map(ToHub::Claims).boxed(),
    ])
}

fn challenge() -> Any<Challenge> {
    (vec(any::<u16>(), 0..5), hash(), hash())
        .prop_map(|(versions, nonce, hub_eph)| Challenge { versions, nonce, hub_eph })
        .boxed()
}

pub(super) fn to_bridge() -> Any<ToBridge> {
    any_of(vec![
        challenge().prop_map(ToBridge::Challenge).boxed(),
        (bytes(), hash()).prop_map(|(body, mac)| ToBridge::Welcome(Welcome { body, mac })).boxed(),
        (any::<u32>(), answer()).prop_map(|(number, a)| ToBridge::Answer(number, a)).boxed(),
        grant().prop_map(ToBridge::Reassigned).boxed(),
        (key(), standing(), of(signed_card()))
            .prop_map(|(key, standing, card)| ToBridge::Peer(key, standing, card))
            .boxed(),
        id().prop_map(ToBridge::Accepted).boxed(),
        (id(), refusal()).prop_map(|(id, why)| ToBridge::Refused(id, why)).boxed(),
        id().prop_map(ToBridge::Later).boxed(),
        key().prop_map(ToBridge::Room).boxed(),
        (envelope(), number()).prop_map(|(envelope, age)| ToBridge::Deliver(envelope, age)).boxed(),
        receipt().prop_map(ToBridge::Receipt).boxed(),
        Just(ToBridge::Repushing).boxed(),
        returned().prop_map(ToBridge::Returned).boxed(),
        signed_card().prop_map(ToBridge::Unseated).boxed(),
        transfer().prop_map(ToBridge::Offered).boxed(),
        range().prop_map(ToBridge::Pull).boxed(),
        chunk().prop_map(ToBridge::Chunk).boxed(),
        transfer().prop_map(ToBridge::Unavailable).boxed(),
        attachment_receipt().prop_map(ToBridge::AttachmentReceipt).boxed(),
        transfer().prop_map(ToBridge::Kept).boxed(),
        (tag(), vec(key(), 0..5))
            .prop_map(|(tag, keys)| ToBridge::SameRepository(tag, keys))
            .boxed(),
        (tag(), key()).prop_map(|(tag, key)| ToBridge::RepositoryJoined(tag, key)).boxed(),
        (tag(), key()).prop_map(|(tag, key)| ToBridge::RepositoryLeft(tag, key)).boxed(),
        sealed_claims().prop_map(ToBridge::Claims).boxed(),
    ])
}

pub(super) fn hello_body() -> Any<HelloBody> {
    (any::<u16>(), key(), number(), of(text()), of(ticket()), hash(), of(flag()), of(claim()))
        .prop_map(|(version, key, dial, want, ticket, nonce, unlisted, seat)| HelloBody {
            version,
            key,
            dial: Dial(dial),
            want,
            ticket,
            nonce,
            unlisted,
            seat,
        })
        .boxed()
}

pub(super) fn welcome_body() -> Any<WelcomeBody> {
    let more = (of(any::<u32>()), of(seat_answer()));
    (grant(), number(), flag(), number(), number(), of(flag()), more)
        .prop_map(
            |(
                grant,
                connection,
                resumed,
                session_timeout_ms,
                sweep_interval_ms,
                past_restart_grace,
                (features, seat),
            )| {
                WelcomeBody {
                    grant,
                    connection: ConnectionId(connection),
                    resumed,
                    session_timeout_ms,
                    sweep_interval_ms,
                    past_restart_grace,
                    features,
                    seat,
                }
            },
        )
        .boxed()
}

fn context() -> Any<Context> {
    let field = || of(text());
    (field(), field(), field(), field(), field(), field())
        .prop_map(|(repo, task, role, branch, machine, client)| Context {
            repo,
            task,
            role,
            branch,
            machine,
            client,
        })
        .boxed()
}

pub(super) fn card() -> Any<Card> {
    let reach = || one_of(&[Reach::Pull, Reach::NextTurn, Reach::Push]);
    let state = one_of(&[State::Idle, State::Busy, State::WaitingOnHuman]);
    let (state, unwoken) = (of(state), of(reach()));
    let (features, attended) = (of(any::<u32>().boxed()), of(flag()));
    let seat = of((hash(), number()).prop_map(|(key, incarnation)| CardSeat {
        key: SeatKey(key),
        incarnation: Incarnation(incarnation),
    }));
    let more = (state, unwoken, features, attended, seat);
    (key(), hash(), number(), text(), reach(), context(), more)
        .prop_map(|(key, receive_key, epoch, alias, reach, context, more)| {
            let (receive_key, epoch) = (ReceiveKey(receive_key), Epoch(epoch));
            let (state, unwoken, features, attended, seat) = more;
            Card {
                key,
                receive_key,
                epoch,
                alias,
                reach,
                context,
                state,
                unwoken,
                features,
                attended,
                seat,
            }
        })
        .boxed()
}
