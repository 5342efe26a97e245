//! Attachments on their way: what the hub keeps of each, what it has asked of its sender, and what its receiver wants.
//! A pure machine, to which `transfers.rs` brings the frames.
//!
//! A transfer that has *room* is kept whole until it is saved or expires. One without room is only relayed: its chunks are
//! pulled as its receiver fetches them, and dropped as they are sent. So whatever others have left here, a receiver gets
//! what it asks for while the sender is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::{
    CHUNK_WINDOW, HUB_ATTACHMENT_BYTES, PAIR_OFFERS, PAIR_TRANSFERS, RECEIVER_ATTACHMENT_BYTES,
};
use junction_shared::protocol::wire::{Chunk, ChunkRange, TransferId};

mod stored_transfer;

use stored_transfer::StoredTransfer;

/// Transfers known for one receiver. Beyond it those go first that are saved, then those of which nothing is kept.
const MAX_TRANSFERS: usize = 256;

/// Transfers without room that are fetched for one receiver at a time. A bridge fetches no more at once, and each holds at
/// most [`CHUNK_WINDOW`] chunks.
const MAX_RELAYED: usize = 16;

/// What one receiver has here.
#[derive(Default)]
struct ReceiverShare {
    ids: BTreeSet<TransferId>,
    /// The bytes of all transfers with room.
    bytes: usize,
    /// The transfer that sent a chunk last: others come first.
    last: Option<TransferId>,
}

/// All attachments on their way.
#[derive(Default)]
pub(super) struct AttachmentStore {
    /// Ordered by sender.
    transfers: BTreeMap<TransferId, StoredTransfer>,
    receivers: HashMap<PeerKey, ReceiverShare>,
    /// Receivers with a transfer that would have room if the hub as a whole had.
    waiting_for_hub: BTreeSet<PeerKey>,
    bytes: usize,
    arrivals: u64,
}

impl AttachmentStore {
    /// Takes in an offer that is known, with as many chunks: its sender is asked anew. False if it is not known so.
    pub(super) fn renew(&mut self, id: &TransferId, chunks: u32) -> bool {
        let known = self.transfers.get_mut(id).filter(|known| known.chunks == chunks);
        if let Some(known) = known {
            (known.pulled, known.is_told) = (0..0, false);
            return true;
        }
        false
    }

    /// Takes in a new offer.
    pub(super) fn add(&mut self, id: TransferId, chunks: u32, expires_at: Duration) {
        self.arrivals += 1;
        let transfer = StoredTransfer {
            chunks,
            kept: BTreeMap::new(),
            has_room: false,
            is_saved: false,
            is_told: false,
            pulled: 0..0,
            fetched: 0..0,
            arrival: self.arrivals,
            expires_at,
        };
        self.transfers.insert(id, transfer);
        self.receivers.entry(id.to).or_default().ids.insert(id);
    }

    /// Returns the transfers that have to go for a new one: the same one of another size, one of a pair that has as many as
    /// may be, and one of a receiver.
    pub(super) fn displaced_by(&self, id: &TransferId) -> Vec<TransferId> {
        if self.transfers.contains_key(id) {
            return vec![*id];
        }
        let Some(share) = self.receivers.get(&id.to) else { return Vec::new() };
        let open = |id: &&TransferId| self.transfers.get(id).is_some_and(|known| !known.is_saved);
        let of_pair: Vec<_> = share.ids.range(all_of(id.from)).filter(open).copied().collect();
        // The sender has taken back others than it offers, or forgotten them with its last connection.
        let oldest = |ids: &[TransferId]| {
            let known = ids.iter().filter_map(|id| Some((id, self.transfers.get(id)?)));
            known.min_by_key(|(_, known)| (known.is_fetched(), known.arrival)).map(|(id, _)| *id)
        };
        let is_coming = |id: &&TransferId| !self.transfers[*id].is_kept_whole();
        let coming: Vec<_> = of_pair.iter().filter(is_coming).copied().collect();
        let displaced = if coming.len() >= PAIR_TRANSFERS {
            oldest(&coming)
        } else if of_pair.len() >= PAIR_OFFERS {
            oldest(&of_pair)
        } else if share.ids.len() >= MAX_TRANSFERS {
            let known = share.ids.iter().filter_map(|id| Some((id, self.transfers.get(id)?)));
            let least = known.min_by_key(|(_, known)| {
                (known.is_fetched(), !known.is_saved, known.kept.len(), u64::MAX - known.arrival)
            });
            least.map(|(id, _)| *id)
        } else {
            None
        };
        displaced.into_iter().collect()
    }

    /// Gives room to transfers of a receiver as far as there is any: to those of the sender that has least here, and of
    /// those to the oldest. Returns which have room now, and which saved ones went for them.
    pub(super) fn admit(&mut self, to: &PeerKey) -> (Vec<TransferId>, Vec<(TransferId, Duration)>) {
        let (mut admitted, mut gone) = (Vec::new(), Vec::new());
        self.waiting_for_hub.remove(to);
        for id in self.waiting(to) {
            let Some(charge) = self.transfers.get(&id).map(StoredTransfer::charge) else {
                continue;
            };
            while !self.fits(to, charge)
                && let Some(saved) = self.oldest_saved(to)
            {
                gone.extend(self.remove(&saved).map(|removed| (saved, removed.expires_at)));
            }
            if !self.fits(to, charge) {
                if self.bytes + charge > HUB_ATTACHMENT_BYTES {
                    self.waiting_for_hub.insert(*to);
                }
                continue;
            }
            if let Some(transfer) = self.transfers.get_mut(&id) {
                transfer.has_room = true;
                self.bytes += charge;
                self.receivers.entry(*to).or_default().bytes += charge;
                admitted.push(id);
            }
        }
        (admitted, gone)
    }

    /// Returns the transfers of a receiver that wait for room, in their turn.
    fn waiting(&self, to: &PeerKey) -> Vec<TransferId> {
        let Some(share) = self.receivers.get(to) else { return Vec::new() };
        let mut bytes: BTreeMap<PeerKey, usize> = BTreeMap::new();
        let mut waiting = Vec::new();
        for id in &share.ids {
            let Some(known) = self.transfers.get(id) else { continue };
            if known.has_room {
                *bytes.entry(id.from).or_default() += known.charge();
            } else if !known.is_saved {
                waiting.push((*id, known.arrival));
            }
        }
        waiting.sort_by_key(|(id, arrival)| {
            (bytes.get(&id.from).copied().unwrap_or_default(), *arrival)
        });
        waiting.into_iter().map(|(id, _)| id).collect()
    }

    fn fits(&self, to: &PeerKey, charge: usize) -> bool {
        let used = self.receivers.get(to).map_or(0, |share| share.bytes);
        used + charge <= RECEIVER_ATTACHMENT_BYTES && self.bytes + charge <= HUB_ATTACHMENT_BYTES
    }

    fn oldest_saved(&self, to: &PeerKey) -> Option<TransferId> {
        let ids = self.receivers.get(to)?.ids.iter();
        let known = ids.filter_map(|id| Some((id, self.transfers.get(id)?)));
        let saved = known.filter(|(_, known)| known.is_saved && !known.is_fetched());
        saved.min_by_key(|(_, known)| known.arrival).map(|(id, _)| *id)
    }

    /// Returns the receivers with transfers that wait for room in the hub as a whole.
    pub(super) fn waiting_for_hub(&self) -> Vec<PeerKey> {
        self.waiting_for_hub.iter().copied().collect()
    }

    /// Returns what to ask of the sender of a transfer now.
    pub(super) fn pull(&mut self, id: &TransferId) -> Option<ChunkRange> {
        let range = self.transfers.get_mut(id)?.pull()?;
        Some(ChunkRange { transfer: *id, next: range.start, until: range.end })
    }

    /// Takes in a chunk. False if it was not asked for.
    pub(super) fn chunk(&mut self, chunk: Chunk) -> bool {
        let Some(transfer) = self.transfers.get_mut(&chunk.transfer) else { return false };
        if transfer.pulled.is_empty() || transfer.pulled.start != chunk.number {
            return false;
        }
        transfer.pulled.start += 1;
        if transfer.has_room || transfer.fetched.contains(&chunk.number) {
            transfer.kept.insert(chunk.number, chunk.sealed);
        }
        true
    }

    /// Returns whether all of a transfer is here now, and its sender was not told so.
    pub(super) fn take_kept(&mut self, id: &TransferId) -> bool {
        let is_news = |it: &&mut StoredTransfer| it.is_kept_whole() && !it.is_saved && !it.is_told;
        self.transfers.get_mut(id).filter(is_news).map(|it| it.is_told = true).is_some()
    }

    /// Takes in what the receiver wants. A range that begins where the one before ended continues it. One that would be
    /// relayed beside too many others waits until it is asked for again. False if nothing is known of the transfer.
    pub(super) fn fetch(&mut self, range: &ChunkRange) -> bool {
        let others = self.relayed(&range.transfer);
        let Some(transfer) = self.transfers.get_mut(&range.transfer) else { return false };
        if !transfer.has_room && others >= MAX_RELAYED {
            return true;
        }
        let until = range.until.min(transfer.chunks).min(range.next.saturating_add(CHUNK_WINDOW));
        if transfer.is_fetched() && range.next == transfer.fetched.end {
            transfer.fetched.end = until.max(range.next);
        } else {
            transfer.fetched = range.next..until.max(range.next);
        }
        if !transfer.has_room {
            let fetched = transfer.fetched.clone();
            transfer.kept.retain(|number, _| fetched.contains(number));
        }
        true
    }

    /// Returns how many other transfers are relayed to the receiver of this one.
    fn relayed(&self, id: &TransferId) -> usize {
        let ids = self.receivers.get(&id.to).into_iter().flat_map(|share| &share.ids);
        let others = ids.filter(|other| *other != id).filter_map(|other| self.transfers.get(other));
        others.filter(|other| !other.has_room && other.is_fetched()).count()
    }

    /// Takes the next chunk for a receiver. Transfers take turns.
    pub(super) fn next_chunk(&mut self, to: &PeerKey) -> Option<Chunk> {
        let share = self.receivers.get_mut(to)?;
        let transfers = &mut self.transfers;
        let is_ready = |id: &&TransferId| {
            let known = transfers.get(id);
            known.is_some_and(|known| {
                known.is_fetched() && known.kept.contains_key(&known.fetched.start)
            })
        };
        let from = share.last.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = share.ids.range((from, Bound::Unbounded)).find(is_ready);
        let id = *rest.or_else(|| share.ids.iter().find(is_ready))?;
        share.last = Some(id);
        let transfer = transfers.get_mut(&id)?;
        let number = transfer.fetched.start;
        transfer.fetched.start += 1;
        let sealed = if transfer.has_room {
            transfer.kept.get(&number).cloned()
        } else {
            transfer.kept.remove(&number)
        };
        Some(Chunk { transfer: id, number, sealed: sealed? })
    }

    /// Notes that the receiver has saved a transfer. The receiver says so again on each connection, and may be fetching the
    /// transfer a second time.
    pub(super) fn saved(&mut self, id: &TransferId) {
        if let Some(transfer) = self.transfers.get_mut(id) {
            transfer.is_saved = true;
        }
    }

    /// Removes a transfer. Returns when it would have expired, and whether its receiver was fetching it.
    pub(super) fn remove(&mut self, id: &TransferId) -> Option<RemovedTransfer> {
        let transfer = self.transfers.remove(id)?;
        if let Some(share) = self.receivers.get_mut(&id.to) {
            share.ids.remove(id);
            if transfer.has_room {
                share.bytes -= transfer.charge();
                self.bytes -= transfer.charge();
            }
            if share.ids.is_empty() {
                self.receivers.remove(&id.to);
                self.waiting_for_hub.remove(&id.to);
            }
        }
        Some(RemovedTransfer {
            expires_at: transfer.expires_at,
            was_fetched: transfer.is_fetched(),
        })
    }

    /// Notes that a peer has no connection any more: nothing that was asked of it comes, and nothing can be sent to it.
    pub(super) fn disconnected(&mut self, key: &PeerKey) {
        for (_, transfer) in self.transfers.range_mut(all_of(*key)) {
            transfer.pulled = 0..0;
        }
        let ids = self.receivers.get(key).map(|share| &share.ids);
        for id in ids.into_iter().flatten() {
            if let Some(transfer) = self.transfers.get_mut(id) {
                transfer.fetched = 0..0;
                if !transfer.has_room {
                    transfer.kept.clear();
                }
            }
        }
    }

    /// Returns the transfers that no one can finish once this peer is gone: all to it, and those from it that are not
    /// complete here.
    pub(super) fn ended_with(&self, key: &PeerKey) -> Vec<TransferId> {
        let from = self.transfers.range(all_of(*key));
        let incomplete = from.filter(|(_, known)| !known.is_complete()).map(|(id, _)| *id);
        let to = self.receivers.get(key).map(|share| share.ids.iter().copied());
        incomplete.chain(to.into_iter().flatten()).collect()
    }

    /// Returns the receivers that something is kept for.
    pub(super) fn receivers(&self) -> impl Iterator<Item = PeerKey> {
        self.receivers.keys().copied()
    }

    /// Returns whether nothing is here that has not been saved.
    pub(super) fn is_done(&self) -> bool {
        self.transfers.values().all(|transfer| transfer.is_saved)
    }

    /// Returns the bytes that there is room for.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns how many transfers there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.transfers.len()
    }
}

/// What became of a transfer that was removed.
pub(super) struct RemovedTransfer {
    /// When it would have expired.
    pub(super) expires_at: Duration,
    /// Whether its receiver was fetching it.
    pub(super) was_fetched: bool,
}

/// Returns the range of all transfers from a sender.
fn all_of(from: PeerKey) -> std::ops::RangeInclusive<TransferId> {
    let end = |to, message, attachment| TransferId { from, to, message, attachment };
    end(PeerKey([0; 32]), MessageId([0; 16]), 0)
        ..=end(PeerKey([0xff; 32]), MessageId([0xff; 16]), u8::MAX)
}
