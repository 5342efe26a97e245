//! How a connection is made: the hub is found, dialled, and each side proves what it is.

use junction_shared::protocol::codec::encode;
use junction_shared::protocol::handshake::BridgeHandshake;
use junction_shared::protocol::wire::ToHub;
use tokio::time::timeout;

use super::{Actor, LEAVE_PATIENCE, StateEnd, Transition};
use crate::ConnectionState;
use crate::clock::now;
use crate::hubs::failed_dial::FailedDial;
use crate::hubs::target::{FoundHub, HubTarget};
use crate::session::SeatVerdict;
use crate::transport::dial::{self, DialError, Dialer, HubConnection};

impl<D: Dialer> Actor<D> {
    /// Dials the hub and shakes hands.
    pub(super) async fn dialing(&mut self) -> Result<HubConnection<D::Stream>, StateEnd> {
        // A claim that came before needs no hello of its own.
        let _ = self.transition.take_if(|transition| matches!(transition, Transition::Redial));
        if self.transition.is_some() {
            return Err(StateEnd::Transition);
        }
        self.is_dial_asked = std::mem::take(&mut self.is_asked);
        let target = self.find_hub().await?;
        let dialer = self.dialer.clone();
        let opening = timeout(self.hub.patience(), dial::open(&dialer, &target.endpoint));
        let opened = self.drive(opening).await?.unwrap_or(Err(DialError::Silent));
        let opened = self.checked(opened).await?;
        let caller = self.session.caller(opened.pin).ok_or(StateEnd::Transition)?;
        let answered = BridgeHandshake::answer(&opened.challenge, caller);
        let (hello, handshake) = self.checked(answered).await?;
        let answered = self.drive(opened.send_hello(hello)).await?;
        let (connection, welcome) = self.checked(answered).await?;
        let body = handshake.check(&welcome);
        let body = self.checked(body).await?;
        if !self.session.may_join(&body) {
            // Without a card the session has been in no list so far.
            self.drive(connection.close(vec![encode(&ToHub::Leave)], LEAVE_PATIENCE)).await?;
            return Err(StateEnd::Away(self.hub.lists_all()));
        }
        if let SeatVerdict::DialAgain(pause) = self.session.judge_seat(&body, now()) {
            if !body.resumed {
                // Without a card the session has been in no list so far.
                self.drive(connection.close(vec![encode(&ToHub::Leave)], LEAVE_PATIENCE)).await?;
            }
            return Err(StateEnd::ClaimAgain(pause));
        }
        self.session.welcomed(&body, now());
        self.claims.settle();
        self.hub.welcomed();
        self.show(ConnectionState::Connected);
        Ok(connection)
    }

    /// The result of a step of a dial. If it failed, finds out why.
    async fn checked<T, E: Into<FailedDial>>(
        &mut self,
        result: Result<T, E>,
    ) -> Result<T, StateEnd> {
        let failed = match result {
            Ok(done) => return Ok(done),
            Err(error) => error.into(),
        };
        let port = self.hub.failed(&failed, self.is_dial_asked || self.is_asked);
        let port = self.drive(port).await?;
        Err(StateEnd::Away(self.hub.away(failed, port, self.session.group_id())))
    }

    /// Finds out where the hub is, and sets the keys of its group. A person may correct the files at any time: they are
    /// read with every dial until they name a hub, and again if the hub is not what they said.
    async fn find_hub(&mut self) -> Result<HubTarget, StateEnd> {
        if let Some(target) = self.hub.current().filter(|_| self.session.has_group()) {
            return Ok(target);
        }
        let found = self.drive(self.hub.look_up()).await?;
        let FoundHub { target, group, running } = found.map_err(StateEnd::Away)?;
        self.session.set_group(group.keys);
        self.hub.found(target.clone(), group.is_own, running);
        self.show_hub();
        Ok(target)
    }
}
