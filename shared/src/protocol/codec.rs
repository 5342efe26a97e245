//! Bytes to frames and back, size first.

use std::convert::Infallible;

use bytes::Bytes;
use minicbor::encode::Write;
use minicbor::{Decode, Encode};

use crate::protocol::limits::MAX_FRAME;

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

/// The encoded form of a value of the wire. It is measured first: a buffer that grew would copy a large message
/// twice more than needed, and keep room for another.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Bytes {
    let mut length = Length(0);
    // Neither a counter nor a vector fails to be written, and no encoder of the wire refuses a value.
    let measured = minicbor::encode(value, &mut length);
    let mut buffer = Vec::with_capacity(length.0);
    let written = minicbor::encode(value, &mut buffer);
    debug_assert!(measured.is_ok() && written.is_ok() && buffer.len() == length.0);
    buffer.into()
}

/// Counts what is written to it.
struct Length(usize);

impl Write for Length {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0 += bytes.len();
        Ok(())
    }
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
