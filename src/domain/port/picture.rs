//! Making the picture that WhatsApp takes from what a caller gives.

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::error::Result;

/// Where a picture comes from.
#[derive(Debug, Clone)]
pub enum PictureSource {
    Data(Bytes),
    Url(PictureUrl),
}

#[derive(Debug, Clone)]
pub struct PictureUrl(pub String);

impl std::str::FromStr for PictureUrl {
    type Err = crate::domain::id::ParseError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// A square JPEG as WhatsApp takes it.
#[derive(Debug, Clone)]
pub struct Picture(Bytes);

impl Picture {
    pub fn jpeg(&self) -> &Bytes {
        &self.0
    }
}

#[async_trait]
pub trait PictureMaker: Send + Sync + 'static {
    async fn make(&self, source: PictureSource) -> Result<Picture>;
}
