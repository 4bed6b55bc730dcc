//! What clients send.

use bytes::Bytes;

use super::Shard;
use crate::backlog::Key;
use crate::codes::Close;
use crate::connection::{Phase, read};
use crate::frame::{Incoming, Opcode, Violation, close_frame, frame};
use crate::hub::{Service, Turn};
use crate::protocol::Form;

impl<V: Service> Shard<V> {
    /// Reads what is there, up to one message.
    pub(super) fn read(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.phase != Phase::Closing && connection.session.is_none() {
            return;
        }
        let count = match read(&connection.socket, &mut self.buffer) {
            Ok(None) => return,
            Ok(Some(count)) if count > 0 => count,
            Ok(_) | Err(_) => return self.drop_at(place),
        };
        if connection.phase == Phase::Closing || connection.form == Form::Events {
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        let rest = self.take_in(place, &buffer[..count]);
        if rest < count
            && let Some(connection) = self.connections.get_mut(place)
        {
            connection.unread = Bytes::copy_from_slice(&buffer[rest..count]);
        }
        self.buffer = buffer;
    }

    /// Goes on with what arrived while a message was being answered.
    pub(super) fn go_on(&mut self, place: usize) {
        let unread = self.connections.get_mut(place).map(|connection| std::mem::take(&mut connection.unread));
        if let Some(unread) = unread.filter(|unread| !unread.is_empty()) {
            let taken = self.take_in(place, &unread);
            if let Some(connection) = self.connections.get_mut(place) {
                connection.unread = unread.slice(taken..);
            }
        }
        self.watch(place);
    }

    /// Takes in bytes up to a message that is to be answered; how many.
    fn take_in(&mut self, place: usize, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            let Some(connection) = self.connections.get_mut(place) else { return bytes.len() };
            if connection.phase == Phase::Closing {
                return bytes.len();
            }
            if connection.session.is_none() {
                return taken;
            }
            match connection.reader.read(&bytes[taken..], self.limits.max_message) {
                Ok((count, incoming)) => {
                    taken += count;
                    if let Some(incoming) = incoming {
                        self.take_message(place, incoming);
                    }
                }
                Err(violation) => {
                    self.refuse(place, violation);
                    return bytes.len();
                }
            }
        }
        taken
    }

    fn take_message(&mut self, place: usize, incoming: Incoming) {
        self.hub.figures().received.one();
        match incoming {
            Incoming::Message(kind, message) => self.answer(place, kind, message),
            Incoming::Ping(payload) => self.pong(place, frame(Opcode::Pong, &payload)),
            Incoming::Pong => {}
            Incoming::Close(code) => {
                let answer = close_frame(code.unwrap_or(Close::NORMAL.code), "");
                self.hub.figures().left.one();
                self.send(place, &answer);
                self.begin_closing(place);
            }
        }
    }

    /// Of answers that wait the last is enough (RFC 6455 §5.5.3).
    fn pong(&mut self, place: usize, answer: Bytes) {
        let now = self.now;
        match self.connections.get_mut(place) {
            Some(connection) if connection.waiting() > 0 => connection.queue(Some(Key::Pong), answer, now),
            _ => self.send(place, &answer),
        }
    }

    fn answer(&mut self, place: usize, kind: Opcode, message: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.phase == Phase::Open && connection.form.is_pong(kind, &message) {
            return self.take_pong(place);
        }
        let Some(session) = connection.session.take() else { return };
        let turn = Turn::new(self.hub.clone(), connection.id, connection.form, session);
        self.service.message(turn, kind, message);
    }

    pub(super) fn take_pong(&mut self, place: usize) {
        let interval = self.ping_interval(place);
        let Some(connection) = self.connections.get_mut(place) else { return };
        // An answer to nothing says nothing.
        if connection.pinged.take().is_none() {
            return;
        }
        connection.due = self.now + interval;
        for bound in &connection.bound {
            self.service.is_alive(*bound, self.now);
        }
    }

    fn refuse(&mut self, place: usize, violation: Violation) {
        let (code, reason) = violation.close();
        self.close(place, Close { code, reason });
    }
}
