//! Protobuf on the wire with small buffers.
//!
//! tonic keeps an encode buffer of 8 KiB a stream by default, half of what an idle watcher costs.
//! Ours begin small and grow with what they carry.

use std::marker::PhantomData;

use bytes::Buf as _;
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::ProstCodec;

use super::field_count::has_more_fields;

const BUFFER_BYTES: usize = 512;
const YIELD_BYTES: usize = 32 * 1024;
/// A request that is larger than this is one because of a picture, or of few texts.
const PLAIN_BYTES: usize = 256 << 10;
const MAX_FIELDS: usize = 16_384;

/// The codec of every generated client and server.
#[derive(Debug, Clone)]
pub struct LeanCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for LeanCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for LeanCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as Codec>::Encoder;
    type Decoder = LeanDecoder<<ProstCodec<T, U> as Codec>::Decoder>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::new(BUFFER_BYTES, YIELD_BYTES))
    }

    fn decoder(&mut self) -> Self::Decoder {
        let settings = BufferSettings::new(BUFFER_BYTES, YIELD_BYTES);
        LeanDecoder {
            inner: ProstCodec::<T, U>::raw_decoder(settings),
            // Answers are read by us alone, of a service that is trusted.
            is_request: std::any::type_name::<U>().ends_with("Request"),
        }
    }
}

/// Counts the fields of a large request before any of them is made: an empty text is two bytes there, and 24 in
/// memory.
#[derive(Debug)]
pub struct LeanDecoder<D> {
    inner: D,
    is_request: bool,
}

impl<D> Decoder for LeanDecoder<D>
where
    D: Decoder<Error = Status>,
{
    type Item = D::Item;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<D::Item>, Status> {
        // It is in one piece: tonic has it in a single buffer.
        let is_large = self.is_request && buffer.remaining() > PLAIN_BYTES;
        if is_large && has_more_fields(buffer.chunk(), MAX_FIELDS) {
            let message = format!("the message has more than {MAX_FIELDS} fields");
            return Err(Status::invalid_argument(message));
        }
        self.inner.decode(buffer)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.inner.buffer_settings()
    }
}
