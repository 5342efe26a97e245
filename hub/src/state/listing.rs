//! The peers that can be listed, in the order of their aliases.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::context_text::is_same;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::MAX_PAGE;
use junction_shared::protocol::wire::List;

use super::peer::PublishedCard;

/// The newest cards of all listed peers, by alias.
#[derive(Default)]
pub(super) struct Listing(BTreeMap<String, Arc<PublishedCard>>);

/// One page of a listing.
pub(super) struct ListingPage {
    /// The cards on the page.
    pub(super) cards: Vec<Arc<PublishedCard>>,
    /// The number of matches on all pages.
    pub(super) total: usize,
    /// The cursor of the next page, if there is one.
    pub(super) next: Option<String>,
}

impl Listing {
    /// Adds a card and replaces any of the same alias.
    pub(super) fn add(&mut self, published: Arc<PublishedCard>) {
        self.0.insert(published.card.alias.clone(), published);
    }

    /// Removes the card of this alias.
    pub(super) fn remove(&mut self, alias: &Alias) {
        self.0.remove(alias.as_str());
    }

    /// Returns all cards in the order of their aliases.
    pub(super) fn cards(&self) -> impl Iterator<Item = &Arc<PublishedCard>> {
        self.0.values()
    }

    /// Returns the card of this alias.
    pub(super) fn card(&self, alias: &Alias) -> Option<&Arc<PublishedCard>> {
        self.0.get(alias.as_str())
    }

    /// Returns the page that `list` asks for, without the requester.
    pub(super) fn page(
        &self,
        list: &List,
        requester: &PeerKey,
        requester_is_listed: bool,
    ) -> ListingPage {
        let limit = usize::from(list.limit.clamp(1, MAX_PAGE));
        let matches = |published: &&Arc<PublishedCard>| {
            published.card.key != *requester && is_match(list, published)
        };
        let start = list.cursor.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest =
            self.0.range::<str, _>((start, Bound::Unbounded)).map(|(_, card)| card).filter(matches);
        let cards: Vec<_> = rest.by_ref().take(limit).cloned().collect();
        let next = rest.next().and(cards.last()).map(|last| last.card.alias.clone());
        let total = if list.role.is_none() && list.repo.is_none() && list.state.is_none() {
            // The common query is answered without looking at every card.
            self.0.len() - usize::from(requester_is_listed)
        } else {
            self.cards().filter(matches).count()
        };
        ListingPage { cards, total, next }
    }
}

fn is_match(list: &List, published: &PublishedCard) -> bool {
    let (context, state) = (&published.card.context, published.card.state);
    has(&context.role, &list.role)
        && has(&context.repo, &list.repo)
        && list.state.is_none_or(|wanted| wanted.matches(state))
}

/// Returns whether a field of a context is the wanted one, or any is.
fn has(field: &Option<String>, wanted: &Option<String>) -> bool {
    let Some(wanted) = wanted else { return true };
    field.as_ref().is_some_and(|field| is_same(field, wanted))
}
