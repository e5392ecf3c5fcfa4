//! From the start of a sandbox to the first byte that it has from a server outside, over a network
//! in user mode.
//!
//! The host's loopback is closed to sandboxes, so `scripts/bench` makes a host for this: a network
//! namespace whose `lo` has one more address, [`HOST`], where this program serves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::row::{Figure, Goal, Row};
use crate::turns::{self, median};
use crate::{Bench, Result, peer};

/// An address that documents use (RFC 5737), so that nobody else has it.
const HOST: &str = "203.0.113.1:0";

/// How often a run by hand is tried.
const TRIES: u32 = 10;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let address = serve()?;
    let mut bryo = || reply_through_bryo(bench, &address);
    let arguments = peer::equal_view(bench)?;
    // By hand, slirp4netns now and then joins bwrap's child before its namespaces are final; a run
    // without a reply is taken again, in the peer's favour.
    let mut by_hand = || {
        (1..TRIES)
            .find_map(|_| reply_by_hand(bench, &arguments, &address).ok())
            .map_or_else(|| reply_by_hand(bench, &arguments, &address), Ok)
    };
    let runs = bench.starts();
    let times = turns::take(runs.div_ceil(10), runs, &mut [&mut bryo, &mut by_hand])?;
    let medians: Vec<Duration> = times.into_iter().map(median).collect();
    Ok(vec![Row {
        case: "`bryo run --net`: first byte of a reply, against `bwrap` (equal view) and `slirp4netns` \
               by hand"
            .to_owned(),
        bryo: Figure::Time(medians[0]),
        peer: Figure::Time(medians[1]),
        goal: Goal::AtMost(1.1),
        runs,
    }])
}

/// A server that says one byte to whoever connects; its address.
fn serve() -> Result<String> {
    let listener = TcpListener::bind(HOST)
        .map_err(|error| format!("no fake host here (scripts/bench makes one): {HOST}: {error}"))?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            // A client that has gone has failed by itself.
            let _ = connection.write_all(b"!");
        }
    });
    Ok(address)
}

/// The client inside.
pub(crate) fn ask(address: &str) -> Result<()> {
    let mut connection = TcpStream::connect_timeout(&address.parse()?, Duration::from_secs(10))?;
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut byte = [0];
    connection.read_exact(&mut byte)?;
    std::io::stdout().write_all(&byte)?;
    Ok(std::io::stdout().flush()?)
}

fn reply_through_bryo(bench: &Bench, address: &str) -> Result<Duration> {
    let mut command = Command::new(&bench.bryo);
    command.args(["run", "--net=slirp4netns", "--"]).arg(&bench.itself).args(["--ask", address]);
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let reply = first_byte(&mut child);
    let time = start.elapsed();
    end_well(&mut child)?;
    reply.map(|()| time)
}

/// bwrap tells the pid of the sandbox and holds its command back until slirp4netns is ready, with
/// the switches that bryo uses.
fn reply_by_hand(bench: &Bench, arguments: &[String], address: &str) -> Result<Duration> {
    let mut command = Command::new("bwrap");
    command.args(["--info-fd", "2", "--block-fd", "0"]).args(arguments).arg("--");
    command.arg(&bench.itself).args(["--ask", address]);
    let start = Instant::now();
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut slirp = slirp4netns(pid_inside(&mut child)?)?;
    let reply = wait_until_ready(&mut slirp).and_then(|()| {
        child.stdin.take().ok_or("no pipe to bwrap")?.write_all(b"!")?;
        first_byte(&mut child)
    });
    let time = start.elapsed();
    slirp.kill()?;
    slirp.wait()?;
    if reply.is_err() {
        child.kill()?;
    }
    end_well(&mut child)?;
    reply.map(|()| time)
}

/// bwrap's `--info-fd`: a JSON object that ends with a brace on a line of its own.
fn pid_inside(bwrap: &mut Child) -> Result<u64> {
    let mut reader = BufReader::new(bwrap.stderr.take().ok_or("no pipe from bwrap")?);
    let mut text = Vec::new();
    reader.read_until(b'}', &mut text)?;
    let info: Value = serde_json::from_slice(&text)
        .map_err(|error| format!("bwrap said `{}`: {error}", String::from_utf8_lossy(&text)))?;
    info["child-pid"].as_u64().ok_or_else(|| format!("no child-pid in {info}").into())
}

fn slirp4netns(pid: u64) -> Result<Child> {
    let mut command = Command::new("slirp4netns");
    command.args(["--configure", "--mtu=65520", "--disable-host-loopback"]);
    command.args(["--enable-sandbox", "--enable-seccomp", "--ready-fd=1"]);
    command.arg(format!("--userns-path=/proc/{pid}/ns/user"));
    command.args([&pid.to_string(), "tap0"]);
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
}

fn wait_until_ready(slirp: &mut Child) -> Result<()> {
    first_byte(slirp).map_err(|error| format!("slirp4netns is not ready: {error}").into())
}

fn first_byte(child: &mut Child) -> Result<()> {
    let stdout = child.stdout.as_mut().ok_or("no pipe")?;
    Ok(stdout.read_exact(&mut [0])?)
}

fn end_well(child: &mut Child) -> Result<()> {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the sandbox ended with {status}").into()) }
}
