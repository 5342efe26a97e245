//! What is inside an envelope, and its layout in bytes.

use std::sync::Arc;

use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::id::{MessageId, SeatKey};
use junction_shared::protocol::limits::MAX_GROUP_NAME;
use junction_shared::protocol::limits::MAX_MESSAGE;
use junction_shared::protocol::wire::{
    Details, READS_ASKS, READS_ATTACHMENTS, READS_FROM_PERSON, READS_SEATS, READS_TEAMS,
    SealedGroup,
};
use junction_shared::secret::Secret;

use crate::group::GroupTag;
use crate::hops::Hops;
use crate::intent::Intent;
use crate::urgency::Urgency;

/// AES-GCM's tag.
pub(super) const TAG: usize = 16;
/// Body length, flags and the id answered, before all else.
pub(super) const PREFIX: usize = 4 + 1 + 16;
/// The chain's id and the number of hops, before the body of a message that is not the first of a chain.
const CHAIN: usize = 16 + 1;
/// The sender's seat, behind the chain.
const SEAT: usize = 32;
/// The length of the details, behind the seat.
const LENGTH: usize = 2;
/// The file key, behind details that name attachments.
const FILE_KEY: usize = 32;
/// The flags of a message: it answers another, it is not the first of its chain, it wakes nobody, it wakes at once, its
/// sender waits, a person wrote it, the sender's seat follows, [`Details`] follow.
const ANSWERS: u8 = 1;
pub(super) const FOLLOWS: u8 = 2;
pub(super) const LOW: u8 = 4;
pub(super) const HIGH: u8 = 8;
const ASKS: u8 = 16;
const FROM_PERSON: u8 = 32;
const SEATED: u8 = 64;
const DETAILED: u8 = 128;
/// What a plaintext is padded to: its size tells an observer one of five classes, no more.
pub(super) const PADDED: [usize; 5] = [256, 1024, 4096, 16 * 1024, 66 * 1024];

/// A message or card could not be sealed or opened. There is one error for all causes: who altered an envelope learns
/// nothing from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// What is inside an envelope.
#[derive(Default, PartialEq, Eq)]
pub struct Plain {
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// The message's chain and how long it is; `None` for the first message of a chain.
    pub follows: Option<Hops>,
    /// The urgency that the sender gave the message.
    pub urgency: Urgency,
    /// Whether the sender waits for the answer.
    pub asks: bool,
    /// Whether a person wrote the message, as its sender says.
    pub from_person: bool,
    /// The seat of the sender, as the sender itself names it.
    pub seat: Option<SeatKey>,
    /// What the message says of its attachments, if it has any.
    pub attachments: Option<SealedManifest>,
    /// What the sender expects.
    pub intent: Intent,
    /// The group that the message was sent to, if it was sent to one.
    pub group: Option<GroupTag>,
    /// The request that this message only repeats, for the next process of its receiver's session.
    pub repeated: Option<RepeatedRequest>,
    /// The text.
    pub body: String,
}

/// The request that a message repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepeatedRequest {
    /// The request's id on the wire.
    pub id: MessageId,
    /// How long ago it was sent, in milliseconds.
    pub age_ms: u64,
}

/// What a message says of its attachments, and the key that opens them.
#[derive(Clone)]
pub struct SealedManifest {
    /// The encoded [`Manifest`](junction_shared::protocol::wire::Manifest).
    pub manifest: Arc<[u8]>,
    /// The file key.
    pub key: Arc<Secret>,
    /// The message that named these attachments first, if this one only repeats them.
    pub repeats: Option<MessageId>,
}

impl PartialEq for SealedManifest {
    fn eq(&self, other: &Self) -> bool {
        self.manifest == other.manifest
            && self.key.expose() == other.key.expose()
            && self.repeats == other.repeats
    }
}

impl Eq for SealedManifest {}

/// The details of a message as they are sealed to a bridge with these features; nothing if the message has none.
fn details_of(plain: &Plain, features: u32) -> Result<Option<Vec<u8>>, Broken> {
    let attachments = plain.attachments.as_ref();
    if attachments.is_some() && features & READS_ATTACHMENTS == 0 {
        return Err(Broken);
    }
    let mut details = Details {
        manifest: attachments.map(|sealed| sealed.manifest.to_vec().into()),
        repeats: attachments.and_then(|sealed| sealed.repeats),
        ..Details::default()
    };
    if features & READS_TEAMS != 0 {
        details.intent = plain.intent.number();
        details.group = plain
            .group
            .as_ref()
            .map(|group| SealedGroup { id: group.id, to: group.to.to_string() });
        details.repeats = details.repeats.or(plain.repeated.map(|request| request.id));
        details.age_ms = plain.repeated.map(|request| request.age_ms);
    }
    let is_any = details != Details::default();
    Ok(is_any.then(|| encode(&details).into()))
}

/// The plaintext, padded, with room for the tag behind it.
pub(super) fn pad(plain: &Plain, features: u32) -> Result<Vec<u8>, Broken> {
    let body = plain.body.as_bytes();
    if body.len() > MAX_MESSAGE {
        return Err(Broken);
    }
    let seat = plain.seat.filter(|_| features & READS_SEATS != 0);
    let details = details_of(plain, features)?;
    let file_key = plain.attachments.as_ref().map(|sealed| &sealed.key);
    let detailed = details.as_ref().map_or(0, |details| LENGTH + details.len())
        + file_key.map_or(0, |_| FILE_KEY);
    let extra = plain.follows.map_or(0, |_| CHAIN) + seat.map_or(0, |_| SEAT) + detailed;
    let needed = PREFIX + extra + body.len();
    let padded = PADDED.into_iter().find(|size| *size >= needed).ok_or(Broken)?;
    // Room for the tag too: the cipher works in place.
    let mut buffer = Vec::with_capacity(padded + TAG);
    let length = u32::try_from(body.len()).map_err(|_| Broken)?;
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.push(flags(plain, features) | if details.is_some() { DETAILED } else { 0 });
    buffer.extend_from_slice(&plain.reply_to.map_or([0; 16], |id| id.0));
    if let Some(Hops { chain, count }) = plain.follows {
        buffer.extend_from_slice(&chain.0);
        buffer.push(count);
    }
    seat.into_iter().for_each(|SeatKey(seat)| buffer.extend_from_slice(&seat));
    if let Some(details) = details {
        let length = u16::try_from(details.len()).map_err(|_| Broken)?;
        buffer.extend_from_slice(&length.to_be_bytes());
        buffer.extend_from_slice(&details);
    }
    file_key.into_iter().for_each(|key| buffer.extend_from_slice(key.expose()));
    buffer.extend_from_slice(body);
    buffer.resize(padded + TAG, 0);
    Ok(buffer)
}

fn flags(plain: &Plain, features: u32) -> u8 {
    let when = |is: bool, flag: u8| if is { flag } else { 0 };
    when(plain.reply_to.is_some(), ANSWERS)
        | when(plain.follows.is_some(), FOLLOWS)
        | when(plain.urgency == Urgency::Low, LOW)
        | when(plain.urgency == Urgency::High, HIGH)
        | when(plain.asks && features & READS_ASKS != 0, ASKS)
        | when(plain.from_person && features & READS_FROM_PERSON != 0, FROM_PERSON)
        | when(plain.seat.is_some() && features & READS_SEATS != 0, SEATED)
}

pub(super) fn unpad(mut buffer: Vec<u8>) -> Result<Plain, Broken> {
    let (prefix, rest) = buffer.split_at_checked(PREFIX).ok_or(Broken)?;
    let length = u32::from_be_bytes(prefix[..4].try_into().map_err(|_| Broken)?);
    let length = usize::try_from(length).map_err(|_| Broken)?;
    let (flags, id) = (prefix[4], id(&prefix[5..])?);
    let reply_to = (flags & ANSWERS != 0).then_some(id);
    let urgency = match flags & (LOW | HIGH) {
        0 => Urgency::Normal,
        LOW => Urgency::Low,
        HIGH => Urgency::High,
        _ => return Err(Broken),
    };
    if reply_to.is_none() && id.0 != [0; 16] {
        return Err(Broken);
    }
    let (follows, rest) = if flags & FOLLOWS == 0 {
        (None, rest)
    } else {
        let (chain, rest) = rest.split_at_checked(CHAIN).ok_or(Broken)?;
        (Some(follows(chain)?), rest)
    };
    let (seat, rest) = if flags & SEATED == 0 {
        (None, rest)
    } else {
        let (seat, rest) = rest.split_first_chunk::<SEAT>().ok_or(Broken)?;
        (Some(SeatKey(*seat)), rest)
    };
    let (details, rest) =
        if flags & DETAILED == 0 { (PlainDetails::default(), rest) } else { details(rest)? };
    let before = buffer.len() - rest.len();
    let (body, padding) = buffer[before..].split_at_checked(length).ok_or(Broken)?;
    if length > MAX_MESSAGE || padding.iter().any(|byte| *byte != 0) {
        return Err(Broken);
    }
    // A buffer that is mostly padding is not worth keeping while the message waits.
    let body = if length < padding.len() {
        body.to_vec()
    } else {
        buffer.truncate(before + length);
        buffer.drain(..before);
        buffer
    };
    let body = String::from_utf8(body).map_err(|_| Broken)?;
    let (asks, from_person) = (flags & ASKS != 0, flags & FROM_PERSON != 0);
    let PlainDetails { attachments, intent, group, repeated } = details;
    Ok(Plain {
        reply_to,
        follows,
        urgency,
        asks,
        from_person,
        seat,
        attachments,
        intent,
        group,
        repeated,
        body,
    })
}

/// What details say.
#[derive(Default)]
struct PlainDetails {
    attachments: Option<SealedManifest>,
    intent: Intent,
    group: Option<GroupTag>,
    repeated: Option<RepeatedRequest>,
}

/// The details at the beginning of these bytes, and what is behind them. Fields of later versions are passed over.
fn details(bytes: &[u8]) -> Result<(PlainDetails, &[u8]), Broken> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>().ok_or(Broken)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (details, rest) = rest.split_at_checked(length).ok_or(Broken)?;
    let Details { manifest, repeats, intent, group, age_ms } =
        decode(details).map_err(|_| Broken)?;
    let intent = Intent::of_number(intent);
    let group = group.map(|SealedGroup { id, to }| {
        if to.len() <= MAX_GROUP_NAME { Ok(GroupTag { id, to: to.into() }) } else { Err(Broken) }
    });
    let group = group.transpose()?;
    let Some(manifest) = manifest else {
        let repeated = repeats.map(|id| RepeatedRequest { id, age_ms: age_ms.unwrap_or_default() });
        return Ok((PlainDetails { attachments: None, intent, group, repeated }, rest));
    };
    let (key, rest) = rest.split_first_chunk::<FILE_KEY>().ok_or(Broken)?;
    let key = Arc::new(Secret::filled(|secret| secret.copy_from_slice(key)));
    let attachments = Some(SealedManifest { manifest: manifest.to_vec().into(), key, repeats });
    Ok((PlainDetails { attachments, intent, group, repeated: None }, rest))
}

fn id(bytes: &[u8]) -> Result<MessageId, Broken> {
    bytes.try_into().map(MessageId).map_err(|_| Broken)
}

/// The hops of a message that is not the first of its chain.
fn follows(bytes: &[u8]) -> Result<Hops, Broken> {
    let (chain, count) = (id(&bytes[..16])?, bytes[16]);
    if count > 1 { Ok(Hops { chain, count }) } else { Err(Broken) }
}
