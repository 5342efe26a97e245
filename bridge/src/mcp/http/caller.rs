//! Who posts a message.

use std::sync::Arc;

use super::proof::AnswerProof;

/// Who posts a message, and what shows that the answer arrives.
pub(crate) struct PostCaller {
    /// What the client names its requests in, if it was given something: ids of requests are unique there.
    pub(crate) session: Option<String>,
    /// What is known of answers on the client's connection.
    pub(crate) proof: Arc<AnswerProof>,
    /// Dropped once the request is answered.
    #[expect(dead_code, reason = "held, to be dropped")]
    pub(crate) held: Box<dyn Send>,
}
