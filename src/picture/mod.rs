//! From what a caller gives to the picture that WhatsApp takes: fetched where it is a URL, decoded,
//! cropped, scaled.

mod fetch;
pub mod image;
mod memory;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::fetch::Fetcher;
use self::image::NoPicture;
use crate::domain::error::{Error, Result};
use crate::domain::port::picture::{
    MAX_FILE_BYTES, Picture, PictureMaker, PictureSource, PictureUrl,
};
use crate::domain::reason::Reason;
use crate::tls::Trust;

/// Pictures that are decoded and scaled at the same time: one takes a core, and what `memory` allows it.
const DECODED_AT_ONCE: usize = 1;
/// Pictures whose file is here or arrives: each is up to 10 MiB, also after its caller has hung up. 8 are 80 MiB.
const HELD_AT_ONCE: usize = 8;
/// URLs that are asked, until the first byte of a file is here: they hold nothing.
const ASKED_AT_ONCE: usize = 64;
/// How long a picture waits for each of its turns; one that is decoded takes a second or two.
const PATIENCE: Duration = Duration::from_secs(20);
/// By then a picture is usually done.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Lets URLs lead to private addresses: for tests and closed networks.
    pub allow_private_addresses: bool,
    pub fetch_timeout: Duration,
}

/// The maker of pictures.
pub struct Pictures {
    fetcher: Fetcher,
    asked: Arc<Semaphore>,
    held: Arc<Semaphore>,
    decoded: Arc<Semaphore>,
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
            asked: Arc::new(Semaphore::new(ASKED_AT_ONCE)),
            held: Arc::new(Semaphore::new(HELD_AT_ONCE)),
            decoded: Arc::new(Semaphore::new(DECODED_AT_ONCE)),
        })
    }

    /// The file at the URL, and its place. It is taken when the file begins to arrive: an address that only takes
    /// its time keeps nobody else from a place.
    async fn fetched(&self, url: PictureUrl) -> Result<(Bytes, OwnedSemaphorePermit)> {
        let asked = turn(&self.asked).await?;
        let answer = self.fetcher.ask(url).await?;
        drop(asked);
        let held = turn(&self.held).await?;
        Ok((answer.read().await?, held))
    }

    async fn squared(
        &self,
        file: Bytes,
        held: OwnedSemaphorePermit,
        field: &'static str,
    ) -> Result<Picture> {
        if file.len() > MAX_FILE_BYTES {
            return Err(invalid(NoPicture::FileTooLarge, field));
        }
        let turn = turn(&self.decoded).await?;
        let made = tokio::task::spawn_blocking(move || {
            // What runs here runs on, whoever still waits for it: so it keeps its places.
            let _places = (held, turn);
            image::square_jpeg(&file)
        });
        match made.await.map_err(Error::internal)? {
            Ok(jpeg) => Ok(Picture::of_jpeg(jpeg.into())),
            Err(cause) => Err(invalid(cause, field)),
        }
    }
}

/// Waits for a place, but not for ever.
async fn turn(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let place = timeout(PATIENCE, places.clone().acquire_owned()).await;
    place.map_err(|_| overloaded())?.map_err(Error::internal)
}

fn overloaded() -> Error {
    let message = "too many pictures at the same time; nothing was done, try again";
    Error::new(Reason::Overloaded, message).retry_after(RETRY_AFTER)
}

fn invalid(cause: NoPicture, field: &str) -> Error {
    let message = format!("{field} holds no picture that can be used: {cause}");
    Error::new(Reason::InvalidPicture, message)
        .blaming(field, "must be a JPEG of at most 10 MiB and 64 megapixels, or a PNG or WebP that takes at most 256 MiB decoded")
}

#[async_trait]
impl PictureMaker for Pictures {
    async fn make(&self, source: PictureSource) -> Result<Picture> {
        let (file, held, field) = match source {
            PictureSource::Data(file) => (file, turn(&self.held).await?, "data"),
            PictureSource::Url(url) => {
                let (file, held) = self.fetched(url).await?;
                (file, held, "url")
            }
        };
        self.squared(file, held, field).await
    }
}
