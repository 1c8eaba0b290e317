//! Files that change while the service runs: what they hold now is what the next handshake is made with. Connections that
//! are open keep what they began with.

use std::sync::Arc;

use tokio::sync::watch;

use super::material::{Material, TlsFiles};
use crate::domain::clock::Timestamp;

/// Looks at the files, and holds the last that could be used.
#[derive(Debug)]
pub struct TlsSource {
    files: TlsFiles,
    current: watch::Sender<Arc<Material>>,
    digest: [u8; 32],
    refused: Option<Refused>,
}

#[derive(Debug)]
struct Refused {
    why: String,
    is_told: bool,
}

/// What a look at the files has found.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    Unchanged,
    /// What they hold is in force.
    Renewed,
    /// They hold what cannot be used, and it says why: once for as long as that stays so.
    Refused(String),
}

/// What is in force at the moment.
#[derive(Debug, Clone)]
pub struct TlsHandle(watch::Receiver<Arc<Material>>);

impl TlsHandle {
    pub fn get(&self) -> Arc<Material> {
        self.0.borrow().clone()
    }
}

impl TlsSource {
    /// Refuses files that cannot be used.
    pub fn open(files: TlsFiles, now: Timestamp) -> Result<Self, String> {
        let contents = files.read()?;
        let material = files.build(&contents, now)?;
        let current = watch::Sender::new(Arc::new(material));
        Ok(Self { files, current, digest: contents.digest(), refused: None })
    }

    pub fn handle(&self) -> TlsHandle {
        TlsHandle(self.current.subscribe())
    }

    pub fn look(&mut self, now: Timestamp) -> Look {
        let contents = match self.files.read() {
            Ok(contents) => contents,
            Err(why) => return self.refuse(why),
        };
        let digest = contents.digest();
        if digest == self.digest {
            self.refused = None;
            return Look::Unchanged;
        }
        match self.files.build(&contents, now) {
            Ok(material) => {
                (self.digest, self.refused) = (digest, None);
                self.current.send_replace(Arc::new(material));
                Look::Renewed
            }
            Err(why) => self.refuse(why),
        }
    }

    /// Files are not always written at once: what is wrong at one look alone is not told of.
    fn refuse(&mut self, why: String) -> Look {
        match &mut self.refused {
            Some(refused) if refused.why == why => {
                if refused.is_told {
                    return Look::Unchanged;
                }
                refused.is_told = true;
                Look::Refused(why)
            }
            Some(_) | None => {
                self.refused = Some(Refused { why, is_told: false });
                Look::Unchanged
            }
        }
    }
}

#[cfg(test)]
mod tests;
