//! Making the picture that WhatsApp takes out of what a caller gives.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

use crate::domain::error::Result;
use crate::domain::id::ParseError;

/// The longest URL that is taken, in bytes.
const MAX_URL_BYTES: usize = 2048;
/// The largest file that is taken, in bytes.
pub const MAX_FILE_BYTES: usize = 10 << 20;

/// Where a picture comes from.
#[derive(Debug, Clone)]
pub enum PictureSource {
    /// The file itself.
    Data(Bytes),
    Url(PictureUrl),
}

/// A URL that the service may be asked to fetch: http or https, with a host and without credentials.
/// Whether its address may be asked is decided when it is fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct PictureUrl(Url);

impl PictureUrl {
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for PictureUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = |what: &str| ParseError(format!("must be an http or https URL {what}"));
        if text.len() > MAX_URL_BYTES {
            return Err(refuse(&format!("of at most {MAX_URL_BYTES} bytes")));
        }
        let url = Url::parse(text).map_err(|_| refuse("such as https://example.com/a.jpg"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(refuse("such as https://example.com/a.jpg"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("without a user name or password"));
        }
        Ok(Self(url))
    }
}

impl From<PictureUrl> for Url {
    fn from(url: PictureUrl) -> Self {
        url.0
    }
}

/// The host alone: paths and queries of picture URLs often hold keys.
impl fmt::Debug for PictureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PictureUrl({}…)", self.0.host_str().unwrap_or_default())
    }
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
    /// Refuses with INVALID_PICTURE what is no picture, and with PICTURE_FETCH_FAILED what cannot be
    /// fetched.
    async fn make(&self, source: PictureSource) -> Result<Picture>;
}
