//! What is wrong with a request of the page, and what the person can do.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::person::send_service::SendFault;
use crate::wording::people::{new_key_on_page, on_page};

/// An error that the page shows.
#[derive(Debug)]
pub(crate) struct PageError {
    status: StatusCode,
    text: String,
    /// The fingerprint of a receiver's new key, with which the message can be sent after all.
    fingerprint: Option<String>,
}

impl PageError {
    /// The request cannot be understood.
    pub(crate) fn wrong(text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: text.into(), fingerprint: None }
    }

    /// What was asked for cannot be done now.
    pub(crate) fn conflict(text: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, text: text.into(), fingerprint: None }
    }
}

impl From<SendFault> for PageError {
    fn from(fault: SendFault) -> Self {
        let text = match &fault.offered {
            Some(offered) => new_key_on_page(&fault.why, offered),
            None => on_page(&fault.why),
        };
        Self { fingerprint: fault.offered, ..Self::conflict(text) }
    }
}

impl From<anyhow::Error> for PageError {
    fn from(error: anyhow::Error) -> Self {
        Self::conflict(error.to_string())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.text });
        if let Some(fingerprint) = self.fingerprint {
            body["fingerprint"] = fingerprint.into();
        }
        let body = body.to_string();
        (self.status, [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}
