//! What a `watch` prints other than messages, and who looks for it: the ends of what was sent through it, who comes and
//! goes, and whether the hub is there.

use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use tokio::sync::{mpsc, watch as channel};
use tokio::time::sleep;

use super::peer_changes::{PeerChanges, PeerNews};
use crate::onlooker::all_peers;
use crate::person::send_service::FollowedMessage;
use crate::wording::people::for_person;
use junction_engine::error::{Error, Unanswered};
use junction_engine::{ConnectionState, Engine, PeerInfo, Status, UploadProgress, UploadState};

/// How often the list of peers is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// What is to be printed, other than messages.
pub(crate) enum WatchNews {
    /// A message is being sent through this session.
    Sent,
    /// A message of this person's, or an attachment of one, has ended: the next read has the receipt.
    Ended,
    Peer(PeerNews, PeerInfo),
    /// What the connection to the hub is.
    Hub(String),
    /// The hub gave the session another alias.
    Renamed(Alias),
}

/// Looks for news until nobody takes them any more.
pub(crate) fn look(
    engine: &Engine,
    followed: mpsc::Receiver<FollowedMessage>,
    news: &mpsc::Sender<WatchNews>,
) {
    tokio::spawn(follow(followed, news.clone()));
    tokio::spawn(look_at_peers(engine.clone(), news.clone()));
    tokio::spawn(look_at_hub(engine.clone(), news.clone()));
}

/// Waits for the ends of messages that were sent through this session.
async fn follow(mut followed: mpsc::Receiver<FollowedMessage>, news: mpsc::Sender<WatchNews>) {
    while let Some(FollowedMessage { receivers, uploads, .. }) = followed.recv().await {
        if news.send(WatchNews::Sent).await.is_err() {
            return;
        }
        for status in receivers.into_iter().filter_map(|(_, status)| status) {
            tokio::spawn(follow_status(status, news.clone()));
        }
        if let Some(uploads) = uploads {
            tokio::spawn(follow_uploads(uploads, news.clone()));
        }
    }
}

/// Waits for the end of a message to one receiver that was sent through this session.
async fn follow_status(mut status: channel::Receiver<Status>, news: mpsc::Sender<WatchNews>) {
    let is_end = |status: &Status| *status == Status::Read || status.is_final_without_reply();
    let _ = status.wait_for(is_end).await;
    let _ = news.send(WatchNews::Ended).await;
}

/// Waits for the ends of the attachments of a message that was sent through this session.
async fn follow_uploads(
    mut uploads: channel::Receiver<Vec<UploadProgress>>,
    news: mpsc::Sender<WatchNews>,
) {
    let mut told = 0;
    loop {
        let (ended, all) = {
            let uploads = uploads.borrow_and_update();
            let ended = uploads.iter().filter(|it| matches!(it.state, UploadState::Ended(_)));
            (ended.count(), uploads.len())
        };
        if ended > told && news.send(WatchNews::Ended).await.is_err() {
            return;
        }
        told = ended;
        if ended == all || uploads.changed().await.is_err() {
            return;
        }
    }
}

/// Looks who comes, goes or changes.
async fn look_at_peers(engine: Engine, news: mpsc::Sender<WatchNews>) {
    let mut changes = PeerChanges::default();
    loop {
        // Only while there is a hub: to ask for one would start it again after a stop. A list that cannot be had says
        // nothing about anybody.
        if engine.snapshot().state == ConnectionState::Connected
            && let Ok(peers) = all_peers(&engine, None, None).await
        {
            for (what, peer) in changes.look(peers) {
                if news.send(WatchNews::Peer(what, peer)).await.is_err() {
                    return;
                }
            }
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// Looks whether the hub is there, and what it calls the session.
async fn look_at_hub(engine: Engine, news: mpsc::Sender<WatchNews>) {
    let mut snapshot = engine.watch();
    let mut is_connected = true;
    loop {
        let (state, renamed) = {
            let seen = snapshot.borrow_and_update();
            (seen.state.clone(), seen.renamed.take())
        };
        let said = match state {
            ConnectionState::Connected if !is_connected => Some("the hub is back".to_owned()),
            ConnectionState::Away(why) if is_connected => {
                let why = for_person(&Error::HubAway(Unanswered::Away(why)));
                Some(format!("the hub is away. {why}"))
            }
            _ => None,
        };
        if said.is_some() {
            is_connected = !is_connected;
        }
        let said = said.map(WatchNews::Hub).into_iter().chain(renamed.map(WatchNews::Renamed));
        for said in said {
            if news.send(said).await.is_err() {
                return;
            }
        }
        if snapshot.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::id::MessageId;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn regression_receipts_of_messages_to_groups_are_told_for_each_member() {
        let (followers, followed) = mpsc::channel(1);
        let (news, mut received) = mpsc::channel(1);
        tokio::spawn(follow(followed, news));
        let (members, receivers): (Vec<_>, Vec<_>) = ["bob", "eve"]
            .map(|alias| {
                let (member, status) = channel::channel(Status::Accepted);
                (member, (Alias::parse(alias).unwrap(), Some(status)))
            })
            .into_iter()
            .unzip();
        let request = serde_json::from_str(r#"{"to":"bob,eve","message":""}"#).unwrap();
        let message = FollowedMessage {
            id: MessageId([0; 16]),
            request,
            receivers,
            attached: Vec::new(),
            uploads: None,
        };
        followers.send(message).await.unwrap();
        assert!(matches!(received.recv().await, Some(WatchNews::Sent)));
        for member in members {
            assert!(tokio::time::timeout(LOOK_INTERVAL, received.recv()).await.is_err());
            member.send_replace(Status::Read);
            assert!(matches!(received.recv().await, Some(WatchNews::Ended)));
        }
    }
}
