//! One value of every kind and the bytes it has on the wire. These bytes are the protocol: if a test here
//! fails, a change has broken it for every release before.

use bytes::Bytes;
use data_encoding::HEXLOWER;

use super::super::*;
use crate::protocol::codec::{decode, encode};
use crate::protocol::id::*;

/// A value in its encoded form.
pub(super) struct Golden {
    /// The name of its type.
    pub(super) of: &'static str,
    /// What `docs/protocol.md` calls it.
    pub(super) name: &'static str,
    /// The bytes it must have, in hex; `ab*32` stands for 32 times `ab`.
    pub(super) frozen: &'static str,
    /// The bytes it has.
    pub(super) bytes: Bytes,
    /// Reads bytes as its type and writes what it read.
    pub(super) reread: fn(&[u8]) -> Option<Bytes>,
}

impl Golden {
    /// The frozen bytes in plain hex.
    pub(super) fn hex(&self) -> String {
        let expand = |word: &str| match word.split_once('*') {
            Some((byte, times)) => byte.repeat(times.parse().unwrap()),
            None => word.to_owned(),
        };
        self.frozen.split_whitespace().map(expand).collect()
    }

    /// The bytes it has, as they would be frozen.
    pub(super) fn short(&self) -> String {
        let runs = self.bytes.chunk_by(|a, b| a == b);
        let word = |run: &[u8]| match run.len() {
            16.. => format!(" {}*{} ", HEXLOWER.encode(&run[..1]), run.len()),
            _ => HEXLOWER.encode(run),
        };
        runs.map(word).collect::<String>().trim().to_owned()
    }
}

fn golden<T>(name: &'static str, value: T, frozen: &'static str) -> Golden
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    fn reread<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Option<Bytes> {
        decode::<T>(bytes).ok().map(|value| encode(&value))
    }
    Golden {
        of: std::any::type_name::<T>(),
        name,
        frozen,
        bytes: encode(&value),
        reread: reread::<T>,
    }
}

/// Every golden value, in the order of the protocol.
pub(super) fn all() -> Vec<Golden> {
    [
        connect(),
        bodies(),
        to_hub(),
        questions(),
        to_bridge(),
        answers(),
        refusals(),
        receipts(),
        seats(),
        transfers(),
        claims(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const KEY: PeerKey = PeerKey([0x11; 32]);
const OTHER: PeerKey = PeerKey([0x22; 32]);
const ID: MessageId = MessageId([0x33; 16]);
const TICKET: Ticket = Ticket([0x44; 32]);
const MAC: [u8; 32] = [0x55; 32];

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A signed thing's body, which travels as it is.
fn body() -> Vec<u8> {
    vec![0xb0, 0xd1]
}

fn grant() -> Grant {
    Grant { alias: "calm-fox".to_owned(), ticket: TICKET }
}

fn signed() -> SignedCard {
    SignedCard { body: body(), mac: MAC, seat_signature: None, moves: None }
}

fn listed() -> Listed {
    Listed { card: signed(), online: true, session_ms: 60_000 }
}

pub(super) fn context() -> Context {
    Context {
        repo: text("junction"),
        task: text("docs"),
        role: text("writer"),
        branch: text("main"),
        machine: text("desk"),
        client: text("claude-code"),
    }
}

pub(super) fn card(context: Context) -> Card {
    Card {
        key: KEY,
        receive_key: ReceiveKey([0x66; 32]),
        epoch: Epoch(3),
        alias: "calm-fox".to_owned(),
        reach: Reach::NextTurn,
        context,
        state: None,
        unwoken: None,
        features: None,
        attended: None,
        seat: None,
    }
}

pub(super) fn envelope() -> Envelope {
    let header = Header {
        group: GroupId([0x77; 16]),
        id: ID,
        from: KEY,
        to: OTHER,
        epoch: Epoch(3),
        enc: [0x88; 32],
        seq: Seq(42),
        sent_ms: 1_700_000_000_000,
        ttl_ms: 1_800_000,
        kind: Kind::Text,
    };
    Envelope { header, sealed: vec![0x99; 24].into() }
}

pub(super) fn outlook() -> SignedOutlook {
    let outlook = Outlook { wakes_in: Some(60), hindrance: None };
    SignedOutlook { body: encode(&outlook).to_vec(), mac: MAC }
}

pub(super) fn receipt(kind: ReceiptKind) -> Receipt {
    Receipt { to: KEY, id: ID, kind, mac: MAC, outlook: None, seat: None }
}

pub(super) fn challenge() -> Challenge {
    Challenge { versions: vec![VERSION], nonce: [0xaa; 32], hub_eph: [0xbb; 32] }
}

pub(super) fn hello_body(want: Option<String>, ticket: Option<Ticket>) -> HelloBody {
    HelloBody {
        version: VERSION,
        key: KEY,
        dial: Dial(1),
        want,
        ticket,
        nonce: [0xcc; 32],
        unlisted: None,
        seat: None,
    }
}

pub(super) fn welcome_body() -> WelcomeBody {
    WelcomeBody {
        grant: grant(),
        connection: ConnectionId(7),
        resumed: false,
        session_timeout_ms: 1_800_000,
        sweep_interval_ms: 60_000,
        past_restart_grace: None,
        features: None,
        seat: None,
    }
}

fn connect() -> Vec<Golden> {
    let hello = Hello { body: body(), proof: MAC, seat_signature: None };
    let welcome = Welcome { body: body(), mac: MAC };
    vec![
        golden("Challenge", ToBridge::Challenge(challenge()), "8200818381015820 aa*32 5820 bb*32"),
        golden("Hello", ToHub::Hello(hello), "8200818242b0d15820 55*32"),
        golden("Welcome", ToBridge::Welcome(welcome), "8201818242b0d15820 55*32"),
    ]
}

fn bodies() -> Vec<Golden> {
    vec![
        golden("body of Hello", hello_body(None, None), "86015820 11*32 01f6f65820 cc*32"),
        golden(
            "body of Hello, with a wish",
            hello_body(text("calm-fox"), Some(TICKET)),
            "86015820 11*32 016863616c6d2d666f785820 44*32 5820 cc*32",
        ),
        golden(
            "body of Hello, unlisted",
            HelloBody { unlisted: Some(true), ..hello_body(None, None) },
            "87015820 11*32 01f6f65820 cc*32 f5",
        ),
        golden(
            "body of Welcome",
            welcome_body(),
            "85826863616c6d2d666f785820 44*32 07f41a001b774019ea60",
        ),
        golden(
            "body of Card",
            card(context()),
            "865820 11*32 5820 66*32 036863616c6d2d666f780186686a756e6374696f6e64646f637366777269746572646d61696e646465736b6b636c617564652d636f6465",
        ),
        golden(
            "body of Card, without context",
            card(Context::default()),
            "865820 11*32 5820 66*32 036863616c6d2d666f780180",
        ),
    ]
}

fn to_hub() -> Vec<Golden> {
    let send = Send { envelope: envelope(), age_ms: 5, resend: false, restart: true };
    vec![
        golden("Card", ToHub::Card(signed()), "8201818242b0d15820 55*32"),
        golden("Unwatch", ToHub::Unwatch(9), "82038109"),
        golden(
            "Send",
            ToHub::Send(send),
            "82048184828a50 77*16 50 33*16 5820 11*32 5820 22*32 035820 88*32 182a1b0000018bcfe568001a001b7740015818 99*24 05f4f5",
        ),
        golden(
            "Receipt, to the hub",
            ToHub::Receipt(receipt(ReceiptKind::Read)),
            "820581845820 11*32 50 33*16 025820 55*32",
        ),
        golden("Repush", ToHub::Repush, "820680"),
        golden("Leave", ToHub::Leave, "820780"),
    ]
}

pub(super) fn awaited() -> Awaited {
    Awaited { alias: text("calm-fox"), role: None, end: AwaitedEnd::Idle }
}

fn questions() -> Vec<Golden> {
    let ask = |name, question, frozen| golden(name, ToHub::Ask(9, question), frozen);
    let all = List { role: None, repo: None, limit: 50, cursor: None, state: None };
    let some = List { role: text("writer"), limit: 200, cursor: text("calm-fox"), ..all.clone() };
    let idle = List { state: Some(StateFilter::Idle), ..all.clone() };
    let gone = Awaited { alias: None, role: text("writer"), end: AwaitedEnd::Gone };
    let alias = LookupTarget::Alias("calm-fox".to_owned());
    vec![
        ask("Ask Rename", Question::Rename(signed()), "820282098200818242b0d15820 55*32"),
        ask("Ask List", Question::List(all), "8202820982018183f6f61832"),
        ask(
            "Ask List, filtered, next page",
            Question::List(some),
            "820282098201818466777269746572f618c86863616c6d2d666f78",
        ),
        ask(
            "Ask Lookup of an alias",
            Question::Lookup(alias),
            "820282098202818200816863616c6d2d666f78",
        ),
        ask(
            "Ask Lookup of a key",
            Question::Lookup(LookupTarget::Key(KEY)),
            "820282098202818201815820 11*32",
        ),
        ask("Ask List of a state", Question::List(idle), "8202820982018185f6f61832f600"),
        ask("Ask Await", Question::Await(awaited()), "82028209820481836863616c6d2d666f78f601"),
        ask(
            "Ask Await of the end of a role",
            Question::Await(gone),
            "8202820982048183f66677726974657202",
        ),
        ask("Ask Watch", Question::Watch(None), "82028209820380"),
        ask("Ask Watch of a role", Question::Watch(text("writer")), "8202820982038166777269746572"),
    ]
}

fn to_bridge() -> Vec<Golden> {
    let peer =
        |name, standing, card, frozen| golden(name, ToBridge::Peer(KEY, standing, card), frozen);
    vec![
        golden("Reassigned", ToBridge::Reassigned(grant()), "820381826863616c6d2d666f785820 44*32"),
        peer(
            "Peer online, new card",
            Standing::Online,
            Some(signed()),
            "8204835820 11*32 008242b0d15820 55*32",
        ),
        peer("Peer away", Standing::Away, None, "8204825820 11*32 01"),
        golden("Accepted", ToBridge::Accepted(ID), "82058150 33*16"),
        golden("Later", ToBridge::Later(ID), "82078150 33*16"),
        golden("Room", ToBridge::Room(OTHER), "8208815820 22*32"),
        golden(
            "Deliver",
            ToBridge::Deliver(envelope(), 1234),
            "820982828a50 77*16 50 33*16 5820 11*32 5820 22*32 035820 88*32 182a1b0000018bcfe568001a001b7740015818 99*24 1904d2",
        ),
        golden(
            "Receipt, to a bridge",
            ToBridge::Receipt(receipt(ReceiptKind::Opened)),
            "820a81845820 11*32 50 33*16 015820 55*32",
        ),
        golden("Repushing", ToBridge::Repushing, "820b80"),
    ]
}

fn answers() -> Vec<Golden> {
    let answer = |name, answer, frozen| golden(name, ToBridge::Answer(9, answer), frozen);
    let taken = Naming::Taken { free: "calm-fox-2".to_owned() };
    let page = Page { peers: vec![listed()], total: 2, next: text("calm-fox") };
    let last = Page { peers: vec![], total: 0, next: None };
    vec![
        answer(
            "Answer Named, granted",
            Answer::Named(Naming::Granted(grant())),
            "82028209820081820081826863616c6d2d666f785820 44*32",
        ),
        answer(
            "Answer Named, taken",
            Answer::Named(taken),
            "820282098200818201816a63616c6d2d666f782d32",
        ),
        answer("Answer Named, bad", Answer::Named(Naming::Bad), "82028209820081820280"),
        answer(
            "Answer Page",
            Answer::Page(page),
            "820282098201818381838242b0d15820 55*32 f519ea60026863616c6d2d666f78",
        ),
        answer("Answer Page, empty", Answer::Page(last), "82028209820181828000"),
        answer(
            "Answer Found",
            Answer::Found(Standing::Online, Some(signed())),
            "82028209820282008242b0d15820 55*32",
        ),
        answer("Answer Found, gone", Answer::Found(Standing::Gone, None), "8202820982028102"),
        answer(
            "Answer Found, not yet known",
            Answer::Found(Standing::NotYet, None),
            "8202820982028103",
        ),
        answer(
            "Answer Seen",
            Answer::Seen(vec![listed()]),
            "8202820982038181838242b0d15820 55*32 f519ea60",
        ),
        answer("Answer Busy", Answer::Busy, "82028209820480"),
    ]
}

fn refusals() -> Vec<Golden> {
    let refused = |name, why, frozen| golden(name, ToBridge::Refused(ID, why), frozen);
    vec![
        refused("Refused, gone", Refusal::Gone, "82068250 33*16 00"),
        refused("Refused, inbox full", Refusal::InboxFull, "82068250 33*16 01"),
        refused("Refused, id conflict", Refusal::IdConflict, "82068250 33*16 02"),
        refused("Refused, to self", Refusal::ToSelf, "82068250 33*16 03"),
        refused("Refused, no attachments", Refusal::NoAttachments, "82068250 33*16 04"),
        refused("Refused, changed", Refusal::Changed, "82068250 33*16 05"),
    ]
}

fn receipts() -> Vec<Golden> {
    let last = |name, kind, frozen| golden(name, ToHub::Receipt(receipt(kind)), frozen);
    let card = |reach| Card { reach, ..card(Context::default()) };
    vec![
        last("Receipt, expired", ReceiptKind::Expired, "820581845820 11*32 50 33*16 035820 55*32"),
        last("Receipt, stale", ReceiptKind::Stale, "820581845820 11*32 50 33*16 045820 55*32"),
        golden(
            "Receipt, opened, with an outlook",
            ToHub::Receipt(Receipt { outlook: Some(outlook()), ..receipt(ReceiptKind::Opened) }),
            "820581855820 11*32 50 33*16 015820 55*32 824381183c5820 55*32",
        ),
        golden(
            "body of Outlook, woken in a minute",
            Outlook { wakes_in: Some(60), hindrance: None },
            "81183c",
        ),
        golden(
            "body of Outlook, not woken",
            Outlook { wakes_in: None, hindrance: Some(Hindrance::NoWay) },
            "82f607",
        ),
        golden(
            "body of Outlook, held for ten minutes",
            Outlook { wakes_in: Some(600), hindrance: Some(Hindrance::Held) },
            "8219025809",
        ),
        golden(
            "body of Card, pull",
            card(Reach::Pull),
            "865820 11*32 5820 66*32 036863616c6d2d666f780080",
        ),
        golden(
            "body of Card, push",
            card(Reach::Push),
            "865820 11*32 5820 66*32 036863616c6d2d666f780280",
        ),
        golden(
            "body of Card, idle",
            Card { state: Some(State::Idle), ..card(Reach::Push) },
            "875820 11*32 5820 66*32 036863616c6d2d666f78028000",
        ),
        golden(
            "body of Card, woken by nothing quiet",
            Card {
                state: Some(State::WaitingOnHuman),
                unwoken: Some(Reach::NextTurn),
                ..card(Reach::Push)
            },
            "885820 11*32 5820 66*32 036863616c6d2d666f7802800201",
        ),
        golden(
            "body of Card, unattended",
            Card { attended: Some(false), ..card(Reach::Pull) },
            "8a5820 11*32 5820 66*32 036863616c6d2d666f780080f6f6f6f4",
        ),
    ]
}

const SEAT: SeatKey = SeatKey([0xdd; 32]);
const SIGNATURE: Signature = Signature([0xee; 64]);

pub(super) fn moved() -> SeatMove {
    SeatMove {
        from: SeatKey([0xde; 32]),
        incarnation: Incarnation(4),
        signature: SIGNATURE,
        consent: Signature([0xef; 64]),
    }
}

pub(super) fn claim() -> SeatClaim {
    SeatClaim {
        key: SEAT,
        incarnation: Incarnation(5),
        is_proven: Some(true),
        place: Some([0xdf; 16]),
        moved_from: Some(moved()),
    }
}

pub(super) fn seated() -> SignedCard {
    SignedCard { seat_signature: Some(SIGNATURE), moves: Some(vec![moved()]), ..signed() }
}

pub(super) fn returned() -> Return {
    Return { to: KEY, body: body(), mac: MAC }
}

pub(super) fn return_body() -> ReturnBody {
    ReturnBody { from: OTHER, seat: SEAT, highest: Seq(42), read: 5, leased: 2 }
}

fn seats() -> Vec<Golden> {
    let answer = |answer| WelcomeBody { seat: Some(answer), ..welcome_body() };
    let hello = Hello { body: body(), proof: MAC, seat_signature: Some(SIGNATURE) };
    let wish = SeatClaim { is_proven: None, place: None, moved_from: None, ..claim() };
    let named = SignedSeat { key: SEAT, mac: MAC };
    vec![
        golden("Hello, with a seat", ToHub::Hello(hello), "8200818342b0d15820 55*32 5840 ee*64"),
        golden(
            "body of Hello, with a seat",
            HelloBody { seat: Some(claim()), ..hello_body(None, None) },
            "88015820 11*32 01f6f65820 cc*32 f6855820 dd*32 05f550 df*16 845820 de*32 045840 ee*64 5840 ef*64",
        ),
        golden(
            "body of Hello, with a wish for a seat",
            HelloBody { seat: Some(wish), ..hello_body(None, None) },
            "88015820 11*32 01f6f65820 cc*32 f6825820 dd*32 05",
        ),
        golden(
            "body of Welcome, seat granted",
            answer(SeatAnswer::Granted(Some(signed()))),
            "88826863616c6d2d666f785820 44*32 07f41a001b774019ea60f6f68200818242b0d15820 55*32",
        ),
        golden(
            "body of Welcome, seat held",
            answer(SeatAnswer::Held),
            "88826863616c6d2d666f785820 44*32 07f41a001b774019ea60f6f6820180",
        ),
        golden(
            "body of Welcome, seat superseded",
            answer(SeatAnswer::Superseded(Incarnation(6), Some(signed()), None)),
            "88826863616c6d2d666f785820 44*32 07f41a001b774019ea60f6f6820282068242b0d15820 55*32",
        ),
        golden(
            "body of Card, with a seat",
            Card {
                seat: Some(CardSeat { key: SEAT, incarnation: Incarnation(5) }),
                ..card(Context::default())
            },
            "8b5820 11*32 5820 66*32 036863616c6d2d666f780180f6f6f6f6825820 dd*32 05",
        ),
        golden(
            "Card, with a seat",
            ToHub::Card(seated()),
            "8201818442b0d15820 55*32 5840 ee*64 81845820 de*32 045840 ee*64 5840 ef*64",
        ),
        golden(
            "Ask Lookup of a seat",
            ToHub::Ask(9, Question::Lookup(LookupTarget::Seat(SEAT))),
            "820282098202818202815820 dd*32",
        ),
        golden(
            "Receipt, opened, with a seat",
            ToHub::Receipt(Receipt { seat: Some(named), ..receipt(ReceiptKind::Opened) }),
            "820581865820 11*32 50 33*16 015820 55*32 f6825820 dd*32 5820 55*32",
        ),
        golden("Return", ToHub::Return(returned()), "820881835820 11*32 42b0d15820 55*32"),
        golden("body of Return", return_body(), "855820 22*32 5820 dd*32 182a0502"),
        golden("Vacate", ToHub::Vacate, "820980"),
        golden("Returned", ToBridge::Returned(returned()), "820c81835820 11*32 42b0d15820 55*32"),
        golden(
            "Unseated",
            ToBridge::Unseated(seated()),
            "820d818442b0d15820 55*32 5840 ee*64 81845820 de*32 045840 ee*64 5840 ef*64",
        ),
    ]
}

const TRANSFER: TransferId = TransferId { from: KEY, to: OTHER, message: ID, attachment: 1 };

pub(super) fn offer() -> Offer {
    Offer { transfer: TRANSFER, chunks: 256, ttl_ms: 1_800_000 }
}

pub(super) fn range() -> ChunkRange {
    ChunkRange { transfer: TRANSFER, next: 8, until: 16 }
}

pub(super) fn chunk() -> Chunk {
    Chunk { transfer: TRANSFER, number: 8, sealed: vec![0x99; 24].into() }
}

pub(super) fn attachment_receipt(kind: AttachmentEnd) -> AttachmentReceipt {
    AttachmentReceipt { transfer: TRANSFER, kind, mac: MAC }
}

pub(super) fn manifest() -> Manifest {
    let file = ManifestEntry {
        name: "report.pdf".to_owned(),
        kind: AttachmentKind::File,
        bytes: 16 << 20,
        sha256: Some([0x99; 32]),
    };
    let value = ManifestEntry {
        name: "R2_KEY".to_owned(),
        kind: AttachmentKind::Value,
        bytes: 40,
        sha256: None,
    };
    Manifest { attachments: vec![file, value] }
}

pub(super) fn details() -> Details {
    Details { manifest: Some(body().into()), repeats: Some(ID), ..Details::default() }
}

pub(super) fn details_of_a_group() -> Details {
    let group = SealedGroup { id: ID, to: "role:reviewer".to_owned() };
    Details { intent: Some(1), group: Some(group), ..Details::default() }
}

fn transfers() -> Vec<Golden> {
    let saved = attachment_receipt(AttachmentEnd::Saved);
    vec![
        golden(
            "body of Manifest",
            manifest(),
            "8182846a7265706f72742e706466011a010000005820 99*32 836652325f4b4559021828",
        ),
        golden("body of Details", details(), "8242b0d150 33*16"),
        golden(
            "body of Details, of a group",
            details_of_a_group(),
            "84f6f6018250 33*16 6d726f6c653a7265766965776572",
        ),
        golden(
            "Offer",
            ToHub::Offer(offer()),
            "820a8183845820 11*32 5820 22*32 50 33*16 011901001a001b7740",
        ),
        golden("Withdraw", ToHub::Withdraw(TRANSFER), "820b81845820 11*32 5820 22*32 50 33*16 01"),
        golden(
            "Chunk, to the hub",
            ToHub::Chunk(chunk()),
            "820c8183845820 11*32 5820 22*32 50 33*16 01085818 99*24",
        ),
        golden("Fetch", ToHub::Fetch(range()), "820d8183845820 11*32 5820 22*32 50 33*16 010810"),
        golden(
            "AttachmentReceipt, to the hub",
            ToHub::AttachmentReceipt(saved.clone()),
            "820e8183845820 11*32 5820 22*32 50 33*16 01015820 55*32",
        ),
        golden("Offered", ToBridge::Offered(TRANSFER), "820e81845820 11*32 5820 22*32 50 33*16 01"),
        golden("Pull", ToBridge::Pull(range()), "820f8183845820 11*32 5820 22*32 50 33*16 010810"),
        golden(
            "Chunk, to a bridge",
            ToBridge::Chunk(chunk()),
            "82108183845820 11*32 5820 22*32 50 33*16 01085818 99*24",
        ),
        golden(
            "Unavailable",
            ToBridge::Unavailable(TRANSFER),
            "821181845820 11*32 5820 22*32 50 33*16 01",
        ),
        golden(
            "AttachmentReceipt, to a bridge",
            ToBridge::AttachmentReceipt(saved),
            "82128183845820 11*32 5820 22*32 50 33*16 01015820 55*32",
        ),
        golden("Kept", ToBridge::Kept(TRANSFER), "821381845820 11*32 5820 22*32 50 33*16 01"),
        golden(
            "AttachmentReceipt, expired",
            ToHub::AttachmentReceipt(attachment_receipt(AttachmentEnd::Expired)),
            "820e8183845820 11*32 5820 22*32 50 33*16 01025820 55*32",
        ),
    ]
}

const TAG: RepositoryTag = RepositoryTag([0x77; 16]);

fn sealed_claims() -> SealedClaims {
    SealedClaims { peer: OTHER, repository: TAG, number: 9, sealed: vec![0x99; 24].into() }
}

pub(super) fn claims_state() -> SharedClaims {
    let group = ClaimGroup {
        note: text("new login"),
        age_ms: 1_000,
        left_ms: 900_000,
        counter: 3,
        paths: vec!["src/auth".to_owned(), "**/*.sql".to_owned()],
    };
    let touched = TouchedPath { path: "README.md".to_owned(), age_ms: 250 };
    SharedClaims { ignores_case: true, claims: vec![group], touched: vec![touched] }
}

fn claims() -> Vec<Golden> {
    vec![
        golden(
            "body of Claims",
            claims_state(),
            "83f58185696e6577206c6f67696e1903e81a000dbba00382687372632f61757468682a2a2f2a2e73716c\
             818269524541444d452e6d6418fa",
        ),
        golden(
            "body of Claims, of a session that claims nothing",
            SharedClaims::default(),
            "83f48080",
        ),
        golden("Repositories", ToHub::Repositories(vec![TAG]), "820f818150 77*16"),
        golden(
            "Claims, to the hub",
            ToHub::Claims(sealed_claims()),
            "821081845820 22*32 50 77*16 095818 99*24",
        ),
        golden(
            "SameRepository",
            ToBridge::SameRepository(TAG, vec![KEY, OTHER]),
            "82148250 77*16 825820 11*32 5820 22*32",
        ),
        golden(
            "RepositoryJoined",
            ToBridge::RepositoryJoined(TAG, OTHER),
            "82158250 77*16 5820 22*32",
        ),
        golden("RepositoryLeft", ToBridge::RepositoryLeft(TAG, OTHER), "82168250 77*16 5820 22*32"),
        golden(
            "Claims, to a bridge",
            ToBridge::Claims(sealed_claims()),
            "821781845820 22*32 50 77*16 095818 99*24",
        ),
    ]
}
