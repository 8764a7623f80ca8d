//! Messages in their last state.

use std::collections::HashMap;

use crate::event::Message;

/// The last state of each message, in the order they were planned.
#[derive(Debug, Default)]
pub struct LastStates {
    messages: Vec<Message>,
    places: HashMap<String, usize>,
}

impl LastStates {
    /// Keeps a message in place of its earlier state.
    pub fn keep(&mut self, message: &Message) {
        match self.places.get(&message.key) {
            Some(place) => self.messages[*place] = message.clone(),
            None => {
                self.places.insert(message.key.clone(), self.messages.len());
                self.messages.push(message.clone());
            }
        }
    }

    /// All of them.
    pub fn list(&self) -> &[Message] {
        &self.messages
    }
}
