//! Making the picture that WhatsApp takes out of what a caller gives.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::error::Result;
pub use crate::domain::web_url::WebUrl as PictureUrl;

/// The largest file that is taken, in bytes.
pub const MAX_FILE_BYTES: usize = 10 << 20;

/// Where a picture comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureSource {
    /// The file itself.
    #[serde(with = "crate::domain::picture::base64_text")]
    Data(Bytes),
    Url(PictureUrl),
}

/// A square JPEG of 640 × 640 pixels, as WhatsApp takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture(Bytes);

impl Picture {
    /// For makers, who see to it that it is one.
    pub fn of_jpeg(jpeg: Bytes) -> Self {
        Self(jpeg)
    }

    pub fn jpeg(&self) -> &Bytes {
        &self.0
    }
}

#[async_trait]
pub trait PictureMaker: Send + Sync + 'static {
    /// Refuses with INVALID_PICTURE what is no picture, with PICTURE_FETCH_FAILED what cannot be fetched, and
    /// with OVERLOADED what is too many at the same time, of all callers or of the key of that name.
    async fn make(&self, key_name: &str, source: PictureSource) -> Result<Picture>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_its_jpeg_and_no_file_has_more_than_10_mebibytes() {
        let jpeg = Bytes::from_static(&[0xff, 0xd8, 0xff]);
        assert_eq!(Picture::of_jpeg(jpeg.clone()).jpeg(), &jpeg);
        assert_eq!(MAX_FILE_BYTES, 10 * 1024 * 1024);
    }
}
