//! From what a caller gives to the picture that WhatsApp takes: fetched where it is a URL, decoded,
//! cropped, scaled.

mod fetch;
pub mod image;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use self::fetch::Fetcher;
use self::image::NoPicture;
use crate::domain::error::{Error, Result};
use crate::domain::fair_share::{FairShare, FairShares};
use crate::domain::port::picture::{MAX_FILE_BYTES, Picture, PictureMaker, PictureSource};
use crate::domain::reason::Reason;
use crate::tls::Trust;

/// Pictures that are scaled at the same time: each takes a core, and up to 256 MiB.
const SCALED_AT_ONCE: usize = 2;
/// Pictures that are fetched, wait for their turn or are scaled: each holds a file of up to 10 MiB, also after its
/// caller has hung up. 8 are 80 MiB, and enough for the slowest addresses not to keep the two cores idle.
const HELD_AT_ONCE: u64 = 8;
/// By then a picture is usually done.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Lets URLs lead to private addresses: for tests and closed networks.
    pub allow_private_addresses: bool,
    pub fetch_timeout: Duration,
    /// Whether several keys may call, which share the places.
    pub is_shared: bool,
}

/// The maker of pictures.
pub struct Pictures {
    fetcher: Fetcher,
    held: FairShares,
    scaled: Semaphore,
}

impl fmt::Debug for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pictures")
    }
}

impl Pictures {
    pub fn new(options: Options, trust: &Trust) -> Result<Self> {
        Ok(Self {
            fetcher: Fetcher::new(options, trust)?,
            held: FairShares::new(FairShare {
                capacity: HELD_AT_ONCE,
                is_shared: options.is_shared,
            }),
            scaled: Semaphore::new(SCALED_AT_ONCE),
        })
    }

    async fn squared(&self, file: Bytes, field: &'static str) -> Result<Picture> {
        if file.len() > MAX_FILE_BYTES {
            return Err(invalid(NoPicture::FileTooLarge, field));
        }
        let _place = self.scaled.acquire().await.map_err(Error::internal)?;
        let made = tokio::task::spawn_blocking(move || image::square_jpeg(&file)).await;
        match made.map_err(Error::internal)? {
            Ok(jpeg) => Ok(Picture::of_jpeg(jpeg.into())),
            Err(cause) => Err(invalid(cause, field)),
        }
    }
}

fn overloaded(held: u64) -> Error {
    let message = format!(
        "{HELD_AT_ONCE} pictures are made at the same time at the most, which API keys share, and this key has \
         {held} under way; nothing was done, try again"
    );
    Error::new(Reason::Overloaded, message)
        .with("limit", HELD_AT_ONCE)
        .with("held", held)
        .retry_after(RETRY_AFTER)
}

fn invalid(cause: NoPicture, field: &str) -> Error {
    let message = format!("{field} holds no picture that can be used: {cause}");
    Error::new(Reason::InvalidPicture, message)
        .blaming(field, "must be a JPEG, PNG or WebP of at most 10 MiB and 64 megapixels")
}

#[async_trait]
impl PictureMaker for Pictures {
    async fn make(&self, key_name: &str, source: PictureSource) -> Result<Picture> {
        // Refused and not kept waiting: what waits would hold its file, too.
        let held = self.held.take(key_name, 1);
        let _held = held.ok_or_else(|| overloaded(self.held.held_by(key_name)))?;
        match source {
            PictureSource::Data(file) => self.squared(file, "data").await,
            PictureSource::Url(url) => self.squared(self.fetcher.fetch(url).await?, "url").await,
        }
    }
}
