//! What a stream has said so far, filled by a thread of its own and waited on with a limit.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::Deadline;

#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript(Arc<Page>);

#[derive(Debug, Default)]
struct Page {
    text: Mutex<Text>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    ended: bool,
}

impl Transcript {
    /// Follows a stream to its end. A terminal whose other side has gone ends with EIO.
    pub(crate) fn of(mut stream: impl Read + Send + 'static) -> Self {
        let transcript = Self::default();
        let filled = transcript.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => filled.append(&buffer[..count]),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            filled.text().ended = true;
            filled.0.news.notify_all();
        });
        transcript
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.text().bytes.clone()
    }

    /// Waits for a text at or after `start`; gives the place just behind it.
    pub(crate) fn find(&self, wanted: &str, start: usize, deadline: Deadline) -> Option<usize> {
        let mut text = self.text();
        loop {
            let wanted = wanted.as_bytes();
            let mut windows = text.bytes.get(start..)?.windows(wanted.len());
            if let Some(place) = windows.position(|window| window == wanted) {
                return Some(start + place + wanted.len());
            }
            if text.ended {
                return None;
            }
            text = self.wait(text, deadline)?;
        }
    }

    /// Waits for the stream to end; whether it did in time.
    pub(crate) fn has_ended(&self, deadline: Deadline) -> bool {
        let mut text = self.text();
        while !text.ended {
            match self.wait(text, deadline) {
                Some(more) => text = more,
                None => return false,
            }
        }
        true
    }

    fn append(&self, bytes: &[u8]) {
        self.text().bytes.extend_from_slice(bytes);
        self.0.news.notify_all();
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.0.text.lock().unwrap()
    }

    fn wait<'a>(
        &'a self,
        text: MutexGuard<'a, Text>,
        deadline: Deadline,
    ) -> Option<MutexGuard<'a, Text>> {
        let left = deadline.left()?;
        Some(self.0.news.wait_timeout(text, left).unwrap().0)
    }
}
