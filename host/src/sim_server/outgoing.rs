//! Bodies of replies, honest and otherwise.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The length of a body that does not end.
pub(super) const HUGE_BYTES: u64 = 100 << 20;

const HUGE_PIECE: &[u8] = &[b'x'; 64 << 10];

/// A body.
pub(super) enum Outgoing {
    Whole(Bytes),
    /// Sent one by one.
    Pieces(VecDeque<Bytes>),
    /// So much of it, and then nothing more.
    Stalls {
        first: Bytes,
        claimed: u64,
    },
    /// So much of it, and then the connection is cut.
    Breaks {
        first: Option<Bytes>,
        claimed: u64,
    },
    /// So many bytes are still to come.
    Huge(u64),
}

impl Outgoing {
    /// Returns a body that was cut: in it the bytes of the first half are left.
    pub(super) fn half(whole: &Bytes) -> Bytes {
        whole.slice(..whole.len() / 2)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = match &mut *self {
            Self::Whole(whole) if whole.is_empty() => None,
            Self::Whole(whole) => Some(std::mem::take(whole)),
            Self::Pieces(pieces) => pieces.pop_front(),
            Self::Stalls { first, .. } if first.is_empty() => return Poll::Pending,
            Self::Stalls { first, .. } => Some(std::mem::take(first)),
            Self::Breaks { first, .. } => match first.take() {
                Some(first) => Some(first),
                None => return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            },
            Self::Huge(0) => None,
            Self::Huge(left) => {
                let n = (*left).min(HUGE_PIECE.len() as u64);
                *left -= n;
                Some(Bytes::from_static(&HUGE_PIECE[..n as usize]))
            }
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_empty(),
            Self::Pieces(pieces) => pieces.is_empty(),
            Self::Huge(left) => *left == 0,
            Self::Stalls { .. } | Self::Breaks { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => SizeHint::with_exact(whole.len() as u64),
            Self::Pieces(_) => SizeHint::default(),
            Self::Stalls { claimed, .. } | Self::Breaks { claimed, .. } => {
                SizeHint::with_exact(*claimed)
            }
            Self::Huge(left) => SizeHint::with_exact(*left),
        }
    }
}
