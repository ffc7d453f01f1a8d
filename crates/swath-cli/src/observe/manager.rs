//! Tells a service manager that work has begun, how far it is, and that it goes on: datagrams to the socket that
//! `NOTIFY_SOCKET` names, as sd_notify(3) describes them.
//!
//! What progress is, others decide (`swath_core::progress`). A manager that does not listen is nobody's error.

use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use swath_core::progress;

use crate::environment::ServiceManager;

/// How often it is looked whether there is something to tell.
const TICK: Duration = Duration::from_secs(1);
/// A manager that takes no datagram for so long misses it.
const PATIENCE: Duration = Duration::from_secs(1);

/// A service manager that listens, and a thread that tells it what is new. Dropped, it tells the last of that.
pub struct Manager {
    shared: Arc<Shared>,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    socket: UnixDatagram,
    address: SocketAddr,
    /// What is not told yet.
    status: Mutex<Option<String>>,
}

impl Manager {
    /// That of this process, if it has one, which hears at once that work begins.
    pub fn ready() -> Option<Manager> {
        Manager::ready_for(ServiceManager::of_process()?)
    }

    fn ready_for(asked: ServiceManager) -> Option<Manager> {
        let address = address(&asked.socket)?;
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_write_timeout(Some(PATIENCE)).ok()?;
        let shared = Arc::new(Shared { socket, address, status: Mutex::default() });
        shared.tell("READY=1");
        let (end, ended) = channel();
        let pulse = asked.watchdog.map(|watchdog| Pulse::new(watchdog / 2, Instant::now(), progress::steps()));
        let tick = asked.watchdog.map_or(TICK, |watchdog| (watchdog / 8).clamp(Duration::from_millis(1), TICK));
        let of_thread = Arc::clone(&shared);
        let work = move || {
            let mut pulse = pulse;
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(tick) {
                if pulse.as_mut().is_some_and(|pulse| pulse.is_due(Instant::now(), progress::steps())) {
                    of_thread.tell("WATCHDOG=1");
                }
                of_thread.tell_status();
            }
        };
        // Without the thread a watchdog would end what works: then there is no more to be had than that.
        let thread = std::thread::Builder::new().name("manager".into()).stack_size(64 << 10).spawn(work).ok();
        Some(Manager { shared, end: Some(end), thread })
    }

    /// Notes how far the work is, in one line; what was not told yet is replaced.
    pub fn status(&self, text: String) {
        *self.shared.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.shared.tell_status();
    }
}

impl Shared {
    fn tell_status(&self) {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(status) = status {
            self.tell(&format!("STATUS={status}"));
        }
    }

    fn tell(&self, text: &str) {
        let _ = self.socket.send_to_addr(text.as_bytes(), &self.address);
    }
}

/// The address of a path, or of a name behind `@`, which stands in no folder.
fn address(socket: &std::ffi::OsStr) -> Option<SocketAddr> {
    use std::os::unix::ffi::OsStrExt;
    match socket.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(socket).ok(),
        _ => None,
    }
}

/// When a watchdog is told: as often as it wants, and only where there was progress since it was told last.
#[derive(Debug)]
struct Pulse {
    interval: Duration,
    told: Instant,
    steps: u64,
}

impl Pulse {
    fn new(interval: Duration, now: Instant, steps: u64) -> Pulse {
        Pulse { interval, told: now, steps }
    }

    fn is_due(&mut self, now: Instant, steps: u64) -> bool {
        let is_due = steps != self.steps && now.duration_since(self.told) >= self.interval;
        if is_due {
            (self.told, self.steps) = (now, steps);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_hears_of_progress_only_and_not_too_often() {
        let start = Instant::now();
        let mut pulse = Pulse::new(Duration::from_secs(5), start, 7);
        for (second, steps, wanted) in [
            (1, 8, false),
            (4, 9, false),
            // What came before is not forgotten.
            (5, 9, true),
            // It stands still, for longer than any watchdog.
            (10, 9, false),
            (15, 9, false),
            (600, 9, false),
            // The first step is told at once.
            (601, 10, true),
            (602, 11, false),
            (606, 11, true),
        ] {
            assert_eq!(pulse.is_due(start + Duration::from_secs(second), steps), wanted, "after {second} s");
        }
    }

    /// What a socket hears when work begins, a status is noted twice, and work ends.
    fn heard(socket: &UnixDatagram, name: &str) -> Vec<String> {
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        let asked = ServiceManager { socket: name.into(), watchdog: None };
        let manager = Manager::ready_for(asked).expect("it listens");
        manager.status("1 of 2".into());
        manager.status("2 of 2".into());
        drop(manager);
        let mut bytes = [0; 256];
        let mut next = || {
            let length = socket.recv(&mut bytes).expect("heard");
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        };
        vec![next(), next()]
    }

    #[test]
    fn sockets_of_both_kinds_hear() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let wanted = ["READY=1", "STATUS=2 of 2"];
        let socket = UnixDatagram::bind(&path).expect("bound");
        assert_eq!(heard(&socket, path.to_str().expect("text")), wanted);
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt;
            let name = format!("swath-test-{}", std::process::id());
            let address = SocketAddr::from_abstract_name(&name).expect("a name");
            let socket = UnixDatagram::bind_addr(&address).expect("bound");
            assert_eq!(heard(&socket, &format!("@{name}")), wanted);
        }
    }

    #[test]
    fn nobody_there_is_nobodys_error() {
        for name in ["vsock:2:1234", "relative/path", "@", "/"] {
            let asked = ServiceManager { socket: name.into(), watchdog: Some(Duration::from_millis(10)) };
            if let Some(manager) = Manager::ready_for(asked) {
                manager.status("unheard".into());
            }
        }
    }
}
