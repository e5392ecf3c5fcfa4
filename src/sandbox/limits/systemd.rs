//! One call to the user's systemd, on its private socket: org.freedesktop.systemd1(5),
//! `StartTransientUnit`. As much of D-Bus as that takes (the D-Bus specification, "Message
//! Protocol"); no bus has to run.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::base::{Context, Error, HostPath, Result, Text};
use crate::sys::process;

const PATIENCE: Duration = Duration::from_secs(10);

/// What is longer is no answer to this call.
const LONGEST: usize = 1 << 20;

/// The value of a property, in the types that are used here.
#[derive(Debug)]
pub(super) enum Property {
    Text(String),
    Truth(bool),
    Number(u64),
    Numbers(Vec<u32>),
}

/// Asks for a scope, and hears that systemd has begun to make it.
pub(super) fn start_scope(
    socket: &HostPath,
    name: &str,
    properties: &[(&str, Property)],
) -> Result<()> {
    let answer = call(socket, &message(name, properties))
        .context(|| format!("cannot ask systemd at `{socket}`"))?;
    match answer {
        Answer::Done => Ok(()),
        Answer::Refused(why) => {
            Err(Error::new(Text::from(why.as_str()).to_string()).within("systemd refused it"))
        }
    }
}

enum Answer {
    Done,
    Refused(String),
}

fn call(socket: &HostPath, message: &[u8]) -> std::result::Result<Answer, Error> {
    let said = |e: std::io::Error| Error::new(e.to_string());
    let mut stream = UnixStream::connect(socket.as_path()).map_err(said)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(said)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(said)?;
    // "EXTERNAL": who I am, the kernel tells.
    let uid: String =
        process::effective_uid().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
    stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes()).map_err(said)?;
    let welcome = line(&mut stream).map_err(said)?;
    if !welcome.starts_with("OK ") {
        return Err(Error::new(format!("it answered `{}`", Text::from(welcome.as_str()))));
    }
    stream.write_all(b"BEGIN\r\n").map_err(said)?;
    stream.write_all(message).map_err(said)?;
    answer(&mut stream).map_err(said)
}

fn line(stream: &mut UnixStream) -> std::io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") && line.len() < 1024 {
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).trim().to_owned())
}

/// The first message that is an answer; signals may come before it.
fn answer(stream: &mut UnixStream) -> std::io::Result<Answer> {
    loop {
        let mut head = [0; 16];
        stream.read_exact(&mut head)?;
        let number = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            let number =
                if head[0] == b'l' { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
            number as usize
        };
        let (body, fields) = (number(4), number(12));
        if body > LONGEST || fields > LONGEST {
            return Err(std::io::Error::other("it answered with too much"));
        }
        stream.read_exact(&mut vec![0; fields.next_multiple_of(8)])?;
        let mut content = vec![0; body];
        stream.read_exact(&mut content)?;
        match head[1] {
            2 => return Ok(Answer::Done),
            3 => {
                // A string: its length, its bytes, a zero.
                let text = content.get(4..).unwrap_or_default();
                let text = text.strip_suffix(b"\0").unwrap_or(text);
                return Ok(Answer::Refused(String::from_utf8_lossy(text).into_owned()));
            }
            _ => {}
        }
    }
}

fn message(name: &str, properties: &[(&str, Property)]) -> Vec<u8> {
    let mut body = Marshalled::default();
    body.text(name);
    // A unit of that name that still ends is no reason to fail: it is another one's.
    body.text("fail");
    body.array(8, |array| {
        for (key, value) in properties {
            array.align(8);
            array.text(key);
            array.variant(value);
        }
    });
    // Auxiliary units: none.
    body.array(8, |_| {});
    let mut head = Marshalled(vec![b'l', 1, 0, 1]);
    head.number(body.0.len() as u32);
    head.number(1);
    head.array(8, |fields| {
        fields.field(1, "o", "/org/freedesktop/systemd1");
        fields.field(2, "s", "org.freedesktop.systemd1.Manager");
        fields.field(3, "s", "StartTransientUnit");
        fields.field(6, "s", "org.freedesktop.systemd1");
        fields.align(8);
        fields.0.push(8);
        fields.signature("g");
        fields.signature("ssa(sv)a(sa(sv))");
    });
    head.align(8);
    head.0.extend(body.0);
    head.0
}

/// Bytes as D-Bus lays them out: every value at a multiple of its own size.
#[derive(Default)]
struct Marshalled(Vec<u8>);

impl Marshalled {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn signature(&mut self, signature: &str) {
        self.0.push(signature.len() as u8);
        self.0.extend(signature.as_bytes());
        self.0.push(0);
    }

    /// Its length does not count the gap before the first element.
    fn array(&mut self, alignment: usize, elements: impl FnOnce(&mut Self)) {
        self.number(0);
        let length_at = self.0.len() - 4;
        self.align(alignment);
        let begin = self.0.len();
        elements(self);
        let length = (self.0.len() - begin) as u32;
        self.0[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    fn field(&mut self, code: u8, signature: &str, text: &str) {
        self.align(8);
        self.0.push(code);
        self.signature(signature);
        self.text(text);
    }

    fn variant(&mut self, value: &Property) {
        match value {
            Property::Text(text) => {
                self.signature("s");
                self.text(text);
            }
            Property::Truth(truth) => {
                self.signature("b");
                self.number(u32::from(*truth));
            }
            Property::Number(number) => {
                self.signature("t");
                self.align(8);
                self.0.extend(number.to_le_bytes());
            }
            Property::Numbers(numbers) => {
                self.signature("au");
                self.array(4, |array| numbers.iter().for_each(|number| array.number(*number)));
            }
        }
    }
}
