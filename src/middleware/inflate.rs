//! Bodies that arrive packed. What comes out of them has the same limits as what arrives: a few kilobytes can hold
//! gigabytes.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};

use super::body::{BodyError, BoundedBody};

/// What is unpacked at a time.
const STEP: usize = 16 << 10;

/// How a body is packed: HTTP's `gzip` and `deflate`, which is zlib.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Deflate,
}

/// Why a body was not unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflateError {
    Bounds(BodyError),
    /// It is not packed as announced.
    Garbled,
}

impl BoundedBody {
    /// The body unpacked, where that has at most `max_bytes`. What comes out takes its share of the buffer while it
    /// does.
    pub fn inflated(mut self, coding: Coding, max_bytes: usize) -> Result<Self, InflateError> {
        let packed = std::mem::take(&mut self.bytes);
        let mut unpacking: Box<dyn Read> = match coding {
            Coding::Gzip => Box::new(MultiGzDecoder::new(packed.as_ref())),
            Coding::Deflate => Box::new(ZlibDecoder::new(packed.as_ref())),
        };
        let (mut unpacked, mut step) = (Vec::new(), vec![0; STEP]);
        loop {
            let length = unpacking.read(&mut step).map_err(|_| InflateError::Garbled)?;
            if length == 0 {
                break;
            }
            if unpacked.len() + length > max_bytes {
                return Err(InflateError::Bounds(BodyError::TooLarge { limit: max_bytes }));
            }
            if !self.share.grow(length) {
                return Err(InflateError::Bounds(BodyError::NoRoom));
            }
            unpacked.extend_from_slice(&step[..length]);
        }
        drop(unpacking);
        Ok(Self { bytes: Bytes::from(unpacked), share: self.share })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use axum::body::Body;
    use axum::extract::Request;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;
    use crate::domain::fair_share::FairShare;
    use crate::middleware::BodyLimits;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packing = GzEncoder::new(Vec::new(), Compression::best());
        packing.write_all(bytes).expect("packed");
        packing.finish().expect("packed")
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut packing = ZlibEncoder::new(Vec::new(), Compression::best());
        packing.write_all(bytes).expect("packed");
        packing.finish().expect("packed")
    }

    async fn read(limits: &BodyLimits, bytes: Vec<u8>) -> BoundedBody {
        limits.read(Request::new(Body::from(bytes)), "key").await.expect("a body")
    }

    fn limits(capacity: u64) -> BodyLimits {
        let buffer = FairShare { capacity, is_shared: false };
        BodyLimits::new(1 << 20, Duration::from_secs(1), buffer)
    }

    #[tokio::test]
    async fn what_was_packed_comes_out_as_it_was() {
        let (text, limits) = (b"Team ".repeat(10_000), limits(1 << 20));
        for (coding, packed) in [(Coding::Gzip, gzip(&text)), (Coding::Deflate, zlib(&text))] {
            let body = read(&limits, packed).await.inflated(coding, text.len()).expect("unpacked");
            assert_eq!(body.bytes().as_ref(), text);
        }
        // Of several members, all.
        let twice = [gzip(b"one "), gzip(b"two")].concat();
        let body = read(&limits, twice).await.inflated(Coding::Gzip, 100).expect("unpacked");
        assert_eq!(body.bytes().as_ref(), b"one two");
    }

    #[tokio::test]
    async fn a_bomb_is_let_out_no_further_than_the_limit() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 128 << 10);
        let body = read(&limits(1 << 20), bomb.clone()).await;
        let too_large = InflateError::Bounds(BodyError::TooLarge { limit: 4096 });
        assert_eq!(body.inflated(Coding::Gzip, 4096).expect_err("a bomb"), too_large);
        // Nor than there is room for, which is then free again.
        let limits = limits(256 << 10);
        let body = read(&limits, bomb.clone()).await;
        let no_room = InflateError::Bounds(BodyError::NoRoom);
        assert_eq!(body.inflated(Coding::Gzip, usize::MAX).expect_err("a bomb"), no_room);
        read(&limits, vec![0; 256 << 10]).await;
    }

    #[tokio::test]
    async fn what_is_packed_otherwise_or_broken_off_is_garbled() {
        let limits = limits(1 << 20);
        let packed = gzip(b"{\"subject\":\"Team\"}");
        let broken = packed[..packed.len() - 9].to_vec();
        for (coding, bytes) in [
            (Coding::Gzip, b"{}".to_vec()),
            (Coding::Deflate, packed),
            (Coding::Gzip, broken),
            (Coding::Deflate, b"{}".to_vec()),
        ] {
            let error = read(&limits, bytes).await.inflated(coding, 1000).expect_err("garbled");
            assert_eq!(error, InflateError::Garbled, "{coding:?}");
        }
    }
}
