//! What the person does on the page.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::safety_phrase::safety_phrase;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::download::download;
use super::host::PageHost;
use super::hub_news;
use super::machines;
use super::page_error::PageError;
use crate::ipc::local_sessions::{self, UserOrder};
use crate::ipc::{BridgeResponse, SendRequest};
use crate::wording::Wording;
use crate::wording::people::{group_sentence, on_page, recipients, sent as sentence};

/// The header with the name of a file, in which each byte that is no letter or digit is written as `%` and its number.
const FILE_NAME: &str = "file-name";

/// A message to send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendAsked {
    to: String,
    text: String,
    reply_to: Option<String>,
    intent: Option<String>,
    urgency: Option<String>,
    fingerprint: Option<String>,
    #[serde(default)]
    attachments: Vec<String>,
}

/// A file that is not to be sent after all.
#[derive(Deserialize)]
struct DropAsked {
    upload: String,
}

/// An attachment to save.
#[derive(Deserialize)]
struct SaveAsked {
    letter: String,
    number: u8,
}

/// Whose wakes to pause, and for how long.
#[derive(Deserialize)]
struct HoldAsked {
    /// All sessions of this user on this machine, if there is none.
    alias: Option<String>,
    seconds: u64,
}

/// Which session is meant.
#[derive(Deserialize)]
struct OrderAsked {
    /// Every session of this user on this machine, or none in particular, where none is named and that makes sense.
    alias: Option<String>,
}

/// Messages that the person has put aside.
#[derive(Deserialize)]
struct LettersNamed {
    ids: Vec<String>,
}

/// A name that something is asked for.
#[derive(Deserialize)]
pub(super) struct HostNamed {
    pub(super) name: String,
}

/// Does what is asked for.
///
/// # Errors
/// What is wrong, and what to do.
pub(crate) async fn act(
    page: &PageHost,
    action: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response, PageError> {
    let done = match action {
        "send" => send(page, parsed(&body)?).await?,
        "upload" => upload(page, headers, body)?,
        "drop" => {
            page.uploads.drop_some(&[parsed::<DropAsked>(&body)?.upload]);
            json!({})
        }
        "save" => return save(page, parsed(&body)?).await,
        "saved" => {
            let asked: SaveAsked = parsed(&body)?;
            page.downloads.has_all(attachment_of(page, &asked)?, asked.number);
            json!({})
        }
        "dismiss" => dismiss(page, parsed(&body)?),
        "verify" => verify(page, parsed(&body)?).await?,
        "hold" => {
            let HoldAsked { alias, seconds } = parsed(&body)?;
            order(page, alias, UserOrder::Hold(Duration::from_secs(seconds))).await?
        }
        "release" => order(page, parsed::<OrderAsked>(&body)?.alias, UserOrder::Release).await?,
        "remove" => {
            let alias = parsed::<OrderAsked>(&body)?.alias;
            let alias = alias
                .ok_or_else(|| PageError::wrong("Sessions are removed one by one. Choose one."))?;
            order(page, Some(alias), UserOrder::Remove).await?
        }
        "link" => json!({ "link": page.new_link() }),
        "start" => {
            let OrderAsked { alias } = parsed(&body)?;
            let alias = alias.and_then(|alias| Alias::parse(&alias).ok());
            hub_news::start(&page.engine, alias).await?;
            json!({})
        }
        "machines" => machines::known(page).await,
        "invite" => machines::invite(page, parsed(&body)?).await?,
        "join" => machines::join(page, parsed(&body)?).await?,
        "forget" => machines::forget(page, &parsed::<HostNamed>(&body)?.name)?,
        "rotate" => machines::rotate(page)?,
        _ => {
            return Err(PageError::wrong(
                "The page asked for something that its server does not know. Reload the page.",
            ));
        }
    };
    Ok(([(CONTENT_TYPE, "application/json")], done.to_string()).into_response())
}

/// Notes which requests the person has put aside.
fn dismiss(page: &PageHost, LettersNamed { ids }: LettersNamed) -> Value {
    page.live.scene(|scene| {
        for id in &ids {
            scene.change_letter(id, |letter| letter.marks.dismissed = true);
        }
    });
    json!({})
}

/// Has the session of this alias, or every one of this user on this machine, follow an order.
async fn order(
    page: &PageHost,
    alias: Option<String>,
    order: UserOrder,
) -> Result<Value, PageError> {
    let sessions = page.place().sessions().await;
    let failed = match alias {
        Some(alias) => {
            local_sessions::order(&sessions, &alias, order).await.err().into_iter().collect()
        }
        None => match local_sessions::order_all(&sessions, order).await {
            Ok(ordered) => ordered.failed,
            Err(error) => vec![error],
        },
    };
    page.look_at_own_sessions().await;
    if failed.is_empty() {
        return Ok(json!({}));
    }
    let said: Vec<_> = failed.iter().map(Wording::wording).collect();
    Err(PageError::conflict(said.join(" ")))
}

/// The body of a request.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, PageError> {
    serde_json::from_slice(body).map_err(|_| {
        PageError::wrong("The page sent what its server does not understand. Reload the page.")
    })
}

/// Sends a message. What becomes of it is shown as it happens.
async fn send(page: &PageHost, asked: SendAsked) -> Result<Value, PageError> {
    let attachments = page.uploads.take(&asked.attachments).await.map_err(PageError::conflict)?;
    let request = SendRequest {
        to: asked.to,
        message: asked.text,
        reply_to: asked.reply_to,
        wait_seconds: 0,
        ttl_seconds: None,
        fingerprint: asked.fingerprint,
        urgency: asked.urgency,
        intent: asked.intent,
        key: None,
        wait_for: None,
        from_person: true,
        attachments: Vec::new(),
    };
    let answer = page.sends.sent(request, attachments).await?;
    let said = match &answer.response {
        BridgeResponse::Sent { answer } => {
            let is_group = answer.contains_key("recipients");
            let said = if is_group { group_sentence(answer, true) } else { sentence(answer) };
            let said = on_page(&said);
            let id = answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            page.live.scene(|scene| {
                scene.change_letter(&id, |letter| {
                    letter.why = Some(said.clone());
                    if let (true, Some(group)) =
                        (is_group, answer.get("to").and_then(Value::as_str))
                    {
                        // As the page names its conversation, however it was written.
                        (letter.to, letter.group) = (group.to_owned(), Some(group.to_owned()));
                    }
                    recipients(answer).iter().for_each(|it| letter.note_recipient(it));
                });
            });
            Ok(json!({ "id": id, "to": answer.get("to"), "said": said }))
        }
        BridgeResponse::Failed { why } => Err(PageError::conflict(why.clone())),
        _ => Err(PageError::conflict(
            "Nobody can say whether the message was sent. Ask its receiver.",
        )),
    };
    answer.told();
    page.uploads.drop_some(&asked.attachments);
    said
}

/// Keeps a file until it is sent.
fn upload(page: &PageHost, headers: &HeaderMap, body: Bytes) -> Result<Value, PageError> {
    let name = headers.get(FILE_NAME).and_then(|name| decoded(name.as_bytes()));
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| {
        PageError::wrong("The file has no name that can be read. Rename it, and attach it again.")
    })?;
    let bytes = body.len();
    let upload = page.uploads.keep(name.clone(), body).map_err(PageError::conflict)?;
    Ok(json!({ "upload": upload, "name": name, "bytes": bytes }))
}

/// A text in which bytes are written as `%` and two hexadecimal digits.
fn decoded(text: &[u8]) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.extend(data_encoding::HEXLOWER_PERMISSIVE.decode(digits).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Answers with an attachment, which the browser saves.
async fn save(page: &PageHost, asked: SaveAsked) -> Result<Response, PageError> {
    let message = attachment_of(page, &asked)?;
    download(&page.engine, &page.downloads, message, asked.number).await
}

/// The message of a peer with this attachment.
fn attachment_of(page: &PageHost, asked: &SaveAsked) -> Result<MessageId, PageError> {
    let is_known = page.live.scene(|scene| {
        let letter = scene.letter(&asked.letter).filter(|letter| !letter.marks.mine);
        letter.is_some_and(|letter| letter.attachments.iter().any(|it| it.number == asked.number))
    });
    let id = Uuid::try_parse(&asked.letter).ok().filter(|_| is_known);
    let unknown = "That attachment is not known any more. Ask the sender to send it again.";
    id.map(|id| MessageId(id.into_bytes())).ok_or_else(|| PageError::conflict(unknown))
}

/// The words that two people compare.
async fn verify(page: &PageHost, asked: OrderAsked) -> Result<Value, PageError> {
    let alias = Alias::parse(asked.alias.as_deref().unwrap_or_default())
        .map_err(|_| PageError::wrong("That is not an alias. Choose a session of the list."))?;
    let own = page.engine.snapshot().fingerprint;
    let sessions = page.place().sessions().await;
    let mut descriptions = sessions.iter().filter_map(|session| session.said.as_ref().ok());
    if descriptions.any(|said| said.alias.as_deref() == Some(alias.as_str())) {
        return Ok(json!({ "yours": true }));
    }
    let peer = page.engine.fingerprint_of(alias).await;
    let unknown =
        "No session has that alias now, or its key has changed. Look who is there, and try again.";
    let peer = peer.ok_or_else(|| PageError::conflict(unknown))?;
    if peer == own {
        return Err(PageError::wrong("That alias is your own. Choose another session."));
    }
    Ok(json!({ "own": own, "peer": peer, "phrase": safety_phrase(&own, &peer) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_written_byte_by_byte() {
        assert_eq!(decoded(b"a%20b%C3%a9.txt").as_deref(), Some("a b\u{e9}.txt"));
        for wrong in [&b"%"[..], b"%2", b"%zz", b"%ff"] {
            assert_eq!(decoded(wrong), None);
        }
    }
}
