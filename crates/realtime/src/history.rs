//! What was published on a channel lately, so that a client that was cut misses nothing.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::protocol::Publication;

/// The most publications that a client may have missed.
pub const MAX_RECOVERED: usize = 1_000;
/// The most bytes of publications that are kept of a channel.
const MAX_BYTES: usize = 1024 * 1024;

/// The last publications of a stream whose positions ascend, maybe with holes.
#[derive(Debug)]
pub struct History {
    recent: VecDeque<Publication>,
    bytes: usize,
    /// Everything after this position is here.
    complete_after: u64,
}

impl History {
    /// Of a stream that is followed from here on.
    pub fn new(position: u64) -> Self {
        Self { recent: VecDeque::new(), bytes: 0, complete_after: position }
    }

    /// Everything after this position is here.
    pub fn complete_after(&self) -> u64 {
        self.complete_after
    }

    /// Adds the next one.
    pub fn push(&mut self, publication: Publication) {
        self.bytes += publication.data.len();
        self.recent.push_back(publication);
        while self.recent.len() > MAX_RECOVERED || self.bytes > MAX_BYTES {
            let Some(oldest) = self.recent.pop_front() else { break };
            self.bytes -= oldest.data.len();
            self.complete_after = oldest.offset;
        }
    }

    /// All after a position; `None`: not all of them are here.
    pub fn after(&self, position: u64) -> Option<Vec<Publication>> {
        (position >= self.complete_after).then(|| {
            let begin = self.recent.partition_point(|publication| publication.offset <= position);
            self.recent.range(begin..).cloned().collect()
        })
    }

    /// Adds what was before all that is here: everything after `position` up to where this was complete. What would be
    /// too much is left out.
    pub fn prepend(&mut self, position: u64, earlier: Vec<Publication>) {
        let bytes: usize = earlier.iter().map(|publication| publication.data.len()).sum();
        if self.recent.len() + earlier.len() > MAX_RECOVERED || self.bytes + bytes > MAX_BYTES {
            return;
        }
        self.bytes += bytes;
        self.complete_after = position;
        for publication in earlier.into_iter().rev() {
            self.recent.push_front(publication);
        }
    }

    /// What was published under a position.
    pub fn get(&self, position: u64) -> Option<&Bytes> {
        let place = self.recent.binary_search_by_key(&position, |publication| publication.offset).ok()?;
        self.recent.get(place).map(|publication| &publication.data)
    }

    /// Replaces what was published under a position.
    pub fn replace(&mut self, position: u64, data: Bytes) {
        if let Ok(place) = self.recent.binary_search_by_key(&position, |publication| publication.offset) {
            let publication = &mut self.recent[place];
            self.bytes = self.bytes - publication.data.len() + data.len();
            publication.data = data;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(offset: u64) -> Publication {
        Publication { data: Bytes::from(offset.to_string()), offset }
    }

    fn offsets(history: &History, after: u64) -> Option<Vec<u64>> {
        history.after(after).map(|all| all.iter().map(|publication| publication.offset).collect())
    }

    #[test]
    fn all_that_was_missed_or_nothing() {
        let mut history = History::new(10);
        [12, 15, 16].into_iter().for_each(|offset| history.push(publication(offset)));
        assert_eq!(offsets(&history, 10), Some(vec![12, 15, 16]));
        assert_eq!(offsets(&history, 13), Some(vec![15, 16]), "a position in a hole");
        assert_eq!(offsets(&history, 16), Some(vec![]));
        assert_eq!(offsets(&history, 9), None);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut history = History::new(0);
        (1..=1_003).for_each(|offset| history.push(publication(offset)));
        assert_eq!(offsets(&history, 2), None);
        assert_eq!(offsets(&history, 3).unwrap().len(), 1_000);
        let mut history = History::new(0);
        (1..=5).for_each(|offset| {
            history.push(Publication { data: Bytes::from(vec![b'1'; 300_000]), offset });
        });
        assert_eq!((offsets(&history, 1), offsets(&history, 2)), (None, Some(vec![3, 4, 5])), "or too long");
    }

    #[test]
    fn what_was_read_of_the_log_goes_before() {
        let mut history = History::new(10);
        history.push(publication(12));
        history.prepend(5, vec![publication(6), publication(9)]);
        assert_eq!(offsets(&history, 5), Some(vec![6, 9, 12]));
        history.replace(9, Bytes::from_static(b"blank"));
        assert_eq!(history.after(8).unwrap()[0].data, "blank");
    }
}
