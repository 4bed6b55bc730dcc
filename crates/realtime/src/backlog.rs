//! What a slow client has still to be sent: bounded, and of what changes only the latest.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

/// Of two things under one key the later replaces the earlier, where that has not been sent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// A number of something, under the thing's own number.
    Count(u64),
    /// The whole of something, its number included.
    Whole(u64),
    /// The answer to a ping.
    Pong,
}

/// Bytes to send, and how they may be replaced.
#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    key: Option<Key>,
}

/// About how much room a piece takes beside its bytes.
const PIECE_BYTES: usize = 64;

/// A queue of bytes.
#[derive(Debug, Default)]
pub struct Backlog {
    pieces: VecDeque<Piece>,
    /// How many pieces have left the queue.
    left: u64,
    /// Where the latest under each key stands, counted from the very first piece.
    places: HashMap<Key, u64>,
    bytes: usize,
}

impl Backlog {
    /// How much room it takes, about.
    pub fn bytes(&self) -> usize {
        self.bytes + self.pieces.len() * PIECE_BYTES
    }

    /// Adds what must arrive, in its order.
    pub fn push(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.pieces.push_back(Piece { bytes, key: None });
    }

    /// Adds what replaces what stands under the same key.
    pub fn push_latest(&mut self, key: Key, bytes: Bytes) {
        if let Key::Whole(of) = key {
            self.replace(Key::Count(of), Bytes::new());
            // The next count stands behind the whole.
            self.places.remove(&Key::Count(of));
        }
        if self.replace(key, bytes.clone()) {
            return;
        }
        self.places.insert(key, self.left + self.pieces.len() as u64);
        self.bytes += bytes.len();
        self.pieces.push_back(Piece { bytes, key: Some(key) });
    }

    fn replace(&mut self, key: Key, bytes: Bytes) -> bool {
        let Some(place) = self.places.get(&key) else { return false };
        let index = usize::try_from(place - self.left).unwrap_or(usize::MAX);
        let Some(piece) = self.pieces.get_mut(index) else { return false };
        self.bytes = self.bytes - piece.bytes.len() + bytes.len();
        piece.bytes = bytes;
        true
    }

    /// What is to be sent next; it can no longer be replaced once it was begun.
    pub fn first(&mut self) -> Option<&Bytes> {
        while self.pieces.front().is_some_and(|piece| piece.bytes.is_empty()) {
            self.pop();
        }
        self.pieces.front().map(|piece| &piece.bytes)
    }

    /// So many bytes of the first piece were sent.
    pub fn sent(&mut self, count: usize) {
        let Some(first) = self.pieces.front_mut() else { return };
        self.bytes -= count;
        let rest = first.bytes.split_off(count);
        let key = first.key.take();
        first.bytes = rest;
        let is_done = first.bytes.is_empty();
        if let Some(key) = key {
            self.forget(key);
        }
        if is_done {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(Piece { key, .. }) = self.pieces.pop_front() {
            if let Some(key) = key {
                self.forget(key);
            }
            self.left += 1;
        }
    }

    /// Forgets the place of a key, if it is that of the first piece.
    fn forget(&mut self, key: Key) {
        if self.places.get(&key) == Some(&self.left) {
            self.places.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(mut backlog: Backlog) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(first) = backlog.first().cloned() {
            all.push(String::from_utf8(first.to_vec()).unwrap());
            backlog.sent(first.len());
        }
        assert_eq!(backlog.bytes(), 0);
        all
    }

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn of_counts_the_latest_is_sent_and_of_events_all() {
        let mut backlog = Backlog::default();
        backlog.push(bytes("event 1"));
        for count in ["1 viewer", "2 viewers", "3 viewers"] {
            backlog.push_latest(Key::Count(7), bytes(count));
        }
        backlog.push(bytes("event 2"));
        backlog.push_latest(Key::Count(8), bytes("9 viewers"));
        backlog.push_latest(Key::Count(7), bytes("4 viewers"));
        assert_eq!(drain(backlog), ["event 1", "4 viewers", "event 2", "9 viewers"]);
    }

    #[test]
    fn a_whole_card_replaces_the_count_before_it_and_not_the_one_after() {
        let mut backlog = Backlog::default();
        backlog.push_latest(Key::Count(7), bytes("1 viewer"));
        backlog.push_latest(Key::Whole(7), bytes("card with 2"));
        backlog.push_latest(Key::Count(7), bytes("3 viewers"));
        backlog.push_latest(Key::Whole(8), bytes("other card"));
        assert_eq!(drain(backlog), ["card with 2", "3 viewers", "other card"].map(String::from));
        let mut backlog = Backlog::default();
        backlog.push_latest(Key::Whole(7), bytes("card with 2"));
        backlog.push_latest(Key::Count(7), bytes("3 viewers"));
        backlog.push_latest(Key::Whole(7), bytes("gone"));
        assert_eq!(drain(backlog), ["gone"]);
    }

    #[test]
    fn what_was_begun_is_not_replaced() {
        let mut backlog = Backlog::default();
        backlog.push_latest(Key::Count(7), bytes("1 viewer"));
        backlog.sent(2);
        backlog.push_latest(Key::Count(7), bytes("2 viewers"));
        backlog.push_latest(Key::Count(7), bytes("3 viewers"));
        assert_eq!(
            (backlog.bytes(), backlog.first().cloned()),
            (15 + 2 * PIECE_BYTES, Some(bytes("viewer")))
        );
        assert_eq!(drain(backlog), ["viewer", "3 viewers"]);
    }
}
