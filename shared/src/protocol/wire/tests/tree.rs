//! CBOR as a tree, to change an encoded value where its type has no field for it.

use minicbor::Decoder;
use minicbor::data::Type;

/// An item: an array, or the bytes of anything else.
#[derive(Clone)]
pub(super) enum Tree {
    Atom(Vec<u8>),
    Array(Vec<Tree>),
}

impl Tree {
    /// The item that these bytes are.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::read(&mut Decoder::new(bytes))
    }

    fn read(decoder: &mut Decoder<'_>) -> Self {
        if decoder.datatype().unwrap() == Type::Array {
            let length = decoder.array().unwrap().unwrap();
            return Self::Array((0..length).map(|_| Self::read(decoder)).collect());
        }
        let start = decoder.position();
        decoder.skip().unwrap();
        Self::Atom(decoder.input()[start..decoder.position()].to_vec())
    }

    /// The items of an array.
    pub(super) fn items(&mut self) -> &mut Vec<Tree> {
        match self {
            Self::Array(items) => items,
            Self::Atom(_) => panic!("not an array"),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Atom(bytes) => bytes.clone(),
            Self::Array(items) => {
                let mut bytes = Vec::new();
                minicbor::Encoder::new(&mut bytes).array(items.len() as u64).unwrap();
                bytes.extend(items.iter().flat_map(Self::bytes));
                bytes
            }
        }
    }
}
