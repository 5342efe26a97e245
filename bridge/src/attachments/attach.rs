//! What is attached: a file, an environment variable, or one value out of a file.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use junction_attachments::source::{OpenFile, open_file, read_env, read_value};
use junction_attachments::values::{self, Format};
use junction_attachments::{Allowed, Policy, safe_name};
use junction_engine::attachment::{Attachment, Content, PrepareError, PreparedAttachments, Source};
use junction_shared::protocol::wire::AttachmentKind;

use super::access::{AttachmentAccess, blocking};
use super::fault::AttachmentFault;

/// What an agent or a person names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NamedSource {
    /// The file at this path.
    File(String),
    /// The environment variable of this name.
    Env(String),
    /// One value out of a file.
    Value {
        /// The path of the file.
        path: String,
        /// The key of the value.
        key: String,
    },
}

impl AttachmentAccess {
    /// Reads what was named, if it may leave. `once` counts for this call alone.
    ///
    /// # Errors
    /// [`AttachmentFault`] about the first that cannot be attached.
    pub(crate) async fn attach(
        &self,
        named: Vec<NamedSource>,
        once: Vec<Allowed>,
    ) -> Result<PreparedAttachments, AttachmentFault> {
        let access = self.clone();
        let attached = blocking(move || {
            let policy = Arc::new(access.policy(&once)?);
            let attachments = named.iter().map(|source| attachment(&policy, source));
            let attachments = attachments.collect::<Result<Vec<_>, _>>()?;
            let names: Vec<_> = attachments.iter().map(|it| it.name.clone()).collect();
            PreparedAttachments::read(attachments).map_err(|PrepareError { at, why }| {
                let name = names.get(at).cloned().unwrap_or_default();
                AttachmentFault::Unattachable { name, why }
            })
        });
        attached.await.map_err(|fault| fault.in_context(|| self.allow_context()))
    }
}

/// One attachment. Whatever forbids it is found here, with the reason.
fn attachment(policy: &Arc<Policy>, named: &NamedSource) -> Result<Attachment, AttachmentFault> {
    let (name, kind) = match named {
        NamedSource::File(path) => {
            let file = open_file(policy, path)?;
            (file.name().to_owned(), AttachmentKind::File)
        }
        NamedSource::Env(name) => {
            read_env(policy, name)?;
            (safe_name(name), AttachmentKind::Value)
        }
        NamedSource::Value { path, key } => {
            value(policy, path, key)?;
            (safe_name(key), AttachmentKind::Value)
        }
    };
    let source = Arc::new(CheckedSource { policy: Arc::clone(policy), named: named.clone() });
    Ok(Attachment { name, kind, source })
}

/// One value out of a file that may leave.
fn value(policy: &Policy, path: &str, key: &str) -> Result<Vec<u8>, AttachmentFault> {
    let find = |file: junction_attachments::source::ValueFile<'_>| {
        values::read_value(Format::of(file.name.as_ref()), file.bytes, file.key)
    };
    read_value(policy, path, key, find).map_err(|refused| AttachmentFault::of_value(path, refused))
}

/// What was named, to be read again by the same checks each time.
struct CheckedSource {
    policy: Arc<Policy>,
    named: NamedSource,
}

impl Source for CheckedSource {
    fn open(&self) -> io::Result<Content> {
        let refused = |_| io::Error::from(io::ErrorKind::PermissionDenied);
        match &self.named {
            NamedSource::File(path) => {
                let file = open_file(&self.policy, path);
                Ok(Box::new(FileContent(file.map_err(|refusal| refused(refusal.into()))?)))
            }
            NamedSource::Env(name) => {
                let value = read_env(&self.policy, name);
                let value = value.map_err(|refusal| refused(refusal.into()))?;
                Ok(Box::new(Cursor::new(value.to_vec())))
            }
            NamedSource::Value { path, key } => {
                Ok(Box::new(Cursor::new(value(&self.policy, path, key).map_err(refused)?)))
            }
        }
    }
}

/// An open file as a reader.
struct FileContent(OpenFile);

impl Read for FileContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}
