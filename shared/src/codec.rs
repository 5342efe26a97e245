//! Bytes to frames and back, size first.

use bytes::Bytes;
use minicbor::{Decode, Encode};

use crate::limits::MAX_FRAME;

/// Why bytes are no frame. It says nothing of what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// More bytes than any frame may have.
    #[error("the frame is larger than {MAX_FRAME} bytes")]
    TooLarge,
    /// Not one item of the expected type, whole and with nothing behind it.
    #[error("the bytes are no frame of this protocol")]
    Malformed,
}

/// The encoded form of a value of the wire.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Bytes {
    let mut buffer = Vec::with_capacity(128);
    // Writing to a vector cannot fail, and no encoder of the wire refuses a value.
    let written = minicbor::encode(value, &mut buffer);
    debug_assert!(written.is_ok());
    buffer.into()
}

/// The value that these bytes hold, all of them.
///
/// # Errors
/// [`CodecError`] if they are too many, or not one whole item of the type.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, CodecError> {
    if bytes.len() > MAX_FRAME {
        return Err(CodecError::TooLarge);
    }
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder.decode().map_err(|_| CodecError::Malformed)?;
    if decoder.position() == bytes.len() { Ok(value) } else { Err(CodecError::Malformed) }
}
