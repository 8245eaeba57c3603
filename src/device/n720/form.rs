//! A form as a request body that tells whether it was sent. Knows no path and no field.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A form that notes when the connection takes it for writing.
#[derive(Debug)]
pub(super) struct Watched {
    left: Option<Bytes>,
    sent: Arc<AtomicBool>,
}

impl Watched {
    /// The form, encoded, and what becomes true once it is taken.
    pub(super) fn new(form: Vec<u8>) -> (Self, Arc<AtomicBool>) {
        let sent = Arc::new(AtomicBool::new(false));
        (Self { left: Some(Bytes::from(form)), sent: Arc::clone(&sent) }, sent)
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.left.take();
        if bytes.is_some() {
            self.sent.store(true, Ordering::Release);
        }
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none()
    }

    /// Exact, so that the form goes out with its length and not in chunks, which the device need not understand.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
