//! Who hears what, and what was published and has not been sent yet.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::backlog::Key;
use crate::protocol::{Form, Publication};

/// Something published.
#[derive(Debug, Clone)]
pub struct Item {
    /// Under which of two the later replaces the earlier, where a client is slow; `None`: every one arrives.
    pub key: Option<Key>,
    /// What.
    pub publication: Publication,
}

/// Names a topic, with its channel and the number of its listeners.
#[derive(Debug, Clone)]
pub struct TopicId {
    pub(crate) number: u32,
    pub(crate) channel: Arc<str>,
    pub(crate) listeners: Arc<AtomicU32>,
}

impl TopicId {
    /// How many listen.
    pub fn listeners(&self) -> u32 {
        self.listeners.load(Ordering::Relaxed)
    }

    /// Names something of this topic so that it is not taken for something of another.
    pub fn key(&self, of: u64) -> u64 {
        of ^ (u64::from(self.number) << 32)
    }

    /// The channel's name.
    pub fn channel(&self) -> &Arc<str> {
        &self.channel
    }
}

/// A topic as its shard knows it.
#[derive(Debug)]
pub struct Topic {
    pub id: TopicId,
    /// Places of the connections that listen.
    pub listeners: Vec<u32>,
    pub pending: Vec<Item>,
    /// When something was sent last.
    pub sent: Option<Duration>,
}

impl Topic {
    pub fn new(id: TopicId) -> Self {
        Self { id, listeners: Vec::new(), pending: Vec::new(), sent: None }
    }
}

/// Items of a topic as bytes, made once in each form that somebody needs.
pub struct Encoded<'a> {
    channel: &'a str,
    items: &'a [Item],
    whole: [OnceCell<Bytes>; 3],
    pieces: [OnceCell<Vec<Bytes>>; 3],
}

impl<'a> Encoded<'a> {
    pub fn new(channel: &'a str, items: &'a [Item]) -> Self {
        Self { channel, items, whole: Default::default(), pieces: Default::default() }
    }

    /// All of them together.
    pub fn whole(&self, form: Form) -> &Bytes {
        let publications = self.items.iter().map(|item| &item.publication);
        self.whole[form as usize].get_or_init(|| form.push(self.channel, publications))
    }

    /// Each of them, under its key.
    pub fn pieces(&self, form: Form) -> impl Iterator<Item = (Option<Key>, &Bytes)> {
        let piece = |item: &Item| form.push(self.channel, std::iter::once(&item.publication));
        let pieces = self.pieces[form as usize].get_or_init(|| self.items.iter().map(piece).collect());
        self.items.iter().map(|item| item.key).zip(pieces)
    }
}
