//! The session's card: what others see of it, and when they see something new.

use std::time::Instant;

use junction_shared::protocol::wire::{Card, Context, SignedCard, ToHub};

use super::Session;
use super::said::{Said, merge};
use crate::availability::Availability;
use crate::seal::sign_card;

impl Session {
    /// What others see of this session.
    pub(super) fn context(&self) -> Context {
        merge(&self.named, &self.seen)
    }

    /// When the receive key is to be followed by a new one; a hub takes no card while a wish for an alias is
    /// on its way.
    pub(super) fn rotates_at(&self) -> Option<Instant> {
        let may_publish = self.connected && !self.is_renaming();
        self.receive.rotates_at().filter(|_| may_publish)
    }

    /// Sends the session's card. One that says something new is a new epoch. It has a new key, and so has one whose
    /// key is old, unless all that is new is the agent's availability.
    pub(super) fn publish_card(&mut self, now: Instant) {
        let (Some(grant), true) = (&self.grant, self.connected) else { return };
        let (alias, context) = (grant.alias.clone(), self.context());
        let availability = self.attending.now;
        let is_old = self.receive.rotates_at().is_some_and(|at| at <= now);
        let epoch = self.receive.epoch();
        match self.published.as_ref().filter(|card| card.epoch == epoch) {
            Some(card) if is_old || card.alias != alias || card.context != context => {
                self.receive.rotate(now, self.session_timeout);
            }
            // One that was another in between is news, even if it is the same again.
            Some(card) if card.availability != availability || self.attending.is_news() => {
                self.receive.advance();
            }
            _ => {}
        }
        let said = Said { epoch: self.receive.epoch(), alias, context, availability };
        if let Some(card) = self.card(&said) {
            self.published = Some(said);
            self.attending.said(now);
            self.post(ToHub::Card(card));
        }
    }

    pub(super) fn card(&self, said: &Said) -> Option<SignedCard> {
        let Availability { reach, unwoken, state } = said.availability;
        let card = Card {
            key: self.me.key,
            receive_key: self.receive.public(),
            epoch: said.epoch,
            alias: said.alias.clone(),
            reach,
            context: said.context.clone(),
            state,
            unwoken: (unwoken != reach).then_some(unwoken),
        };
        Some(sign_card(self.group.as_ref()?, &card))
    }
}
