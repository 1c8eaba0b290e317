//! TLS: whom our own clients trust, what our listeners show, and how the latter follow the files that they are made of.

mod certificate;
mod dial;
mod failure;
mod material;
mod pem_file;
mod source;
mod trust;

pub use certificate::sans;
pub use dial::{connect_tls, let_in, without_brackets};
pub use failure::{HandshakeFailure, cause_of, refused_in_handshake};
pub use material::{ClientAuth, Material, Purpose, TlsFiles};
pub use pem_file::PemFile;
pub use source::{Look, TlsHandle, TlsSource};
pub use trust::{Trust, distrusts};
