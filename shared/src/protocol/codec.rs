//! Encoding and decoding of frames. The size is checked before parsing.

use std::convert::Infallible;

use bytes::Bytes;
use minicbor::encode::Write;
use minicbor::{Decode, Encode};

use crate::protocol::limits::MAX_FRAME;

/// Why bytes are not a frame. The error never quotes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The frame exceeds the size limit.
    #[error("the frame is larger than {MAX_FRAME} bytes")]
    TooLarge,
    /// The bytes are not exactly one item of the expected type.
    #[error("the bytes are not a frame of this protocol")]
    Malformed,
}

/// Encodes a wire value. Its length is measured first: a growing buffer would copy a large message twice more than
/// needed and keep spare capacity.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Bytes {
    let mut length = Length(0);
    // Writing to a counter or a vector cannot fail, and no wire encoder refuses a value.
    let measured = minicbor::encode(value, &mut length);
    let mut buffer = Vec::with_capacity(length.0);
    let written = minicbor::encode(value, &mut buffer);
    debug_assert!(measured.is_ok() && written.is_ok() && buffer.len() == length.0);
    buffer.into()
}

/// A writer that counts bytes.
struct Length(usize);

impl Write for Length {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0 += bytes.len();
        Ok(())
    }
}

/// Decodes a value that takes up all of the bytes.
///
/// # Errors
/// [`CodecError`] if there are too many bytes, or they are not exactly one item of the type.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, CodecError> {
    if bytes.len() > MAX_FRAME {
        return Err(CodecError::TooLarge);
    }
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder.decode().map_err(|_| CodecError::Malformed)?;
    if decoder.position() == bytes.len() { Ok(value) } else { Err(CodecError::Malformed) }
}
