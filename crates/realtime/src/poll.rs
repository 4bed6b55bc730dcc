//! Which sockets are ready, and a way to be woken (epoll(7), eventfd(2)).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

/// The number under which the waker is known.
pub const WAKER: u64 = u64::MAX;

/// A set of sockets.
#[derive(Debug)]
pub struct Poll(OwnedFd);

/// How many ready sockets are told of at once.
const AT_ONCE: usize = 256;

/// What a socket is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interest {
    /// Bytes to read.
    pub read: bool,
    /// Room to write.
    pub write: bool,
}

impl Interest {
    fn flags(self) -> EventFlags {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN | EventFlags::RDHUP, self.read);
        flags.set(EventFlags::OUT, self.write);
        flags
    }
}

/// A socket that is ready.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// The number under which it was added.
    pub number: u64,
    /// Whether it may be written to.
    pub write: bool,
    /// Whether the peer is gone, without anything to read first.
    pub is_dead: bool,
}

impl Poll {
    /// An empty set.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Adds a socket.
    ///
    /// # Errors
    /// The system's.
    pub fn add(&self, socket: impl AsFd, number: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.0, socket, EventData::new_u64(number), interest.flags())?)
    }

    /// Changes what a socket is waited for.
    ///
    /// # Errors
    /// The system's.
    pub fn change(&self, socket: impl AsFd, number: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.0, socket, EventData::new_u64(number), interest.flags())?)
    }

    /// Waits until something is ready, at most so long.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&self, most: Duration) -> io::Result<Vec<Ready>> {
        // Rounded up: a wait that ends too early would spin until the time is there.
        let millis = most.as_nanos().div_ceil(1_000_000);
        let timeout = Timespec::try_from(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)));
        let mut events = [const { MaybeUninit::uninit() }; AT_ONCE];
        let events = match epoll::wait(&self.0, &mut events, timeout.ok().as_ref()) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let ready = |event: &epoll::Event| {
            let flags = event.flags;
            Ready {
                number: event.data.u64(),
                write: flags.contains(EventFlags::OUT),
                is_dead: flags.intersects(EventFlags::ERR | EventFlags::HUP),
            }
        };
        Ok(events.iter().map(ready).collect())
    }
}

/// Wakes a [`Poll`] from another thread.
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    /// Adds a waker to a set.
    ///
    /// # Errors
    /// The system's.
    pub fn new(poll: &Poll) -> io::Result<Self> {
        let waker = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        poll.add(&waker, WAKER, Interest { read: true, write: false })?;
        Ok(Self(waker))
    }

    /// Wakes.
    pub fn wake(&self) {
        // It fails only where so many wakes wait already that it is awake.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Takes note of having been woken.
    pub fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}
