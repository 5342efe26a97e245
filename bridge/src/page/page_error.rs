//! What is wrong with a request of the page, and what the person can do.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error that the page shows.
#[derive(Debug)]
pub(crate) struct PageError {
    status: StatusCode,
    text: String,
}

impl PageError {
    /// The request cannot be understood.
    pub(crate) fn wrong(text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: text.into() }
    }

    /// What was asked for cannot be done now.
    pub(crate) fn conflict(text: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, text: text.into() }
    }
}

impl From<anyhow::Error> for PageError {
    fn from(error: anyhow::Error) -> Self {
        Self::conflict(error.to_string())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.text }).to_string();
        (self.status, [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}
