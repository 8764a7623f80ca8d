//! `[control]` and `[metrics]`: where a running daemon is asked for things, and for figures.

use std::path::PathBuf;

use super::file;
use super::reading::{Here, Reading};
use super::tap;
use super::value::{self, Wrong};

impl Reading<'_> {
    pub(super) fn control(&mut self, here: &Here, control: file::Control) {
        let socket = self.needed(here, "socket", control.socket, "\"/run/ringback/control.sock\"");
        let folder = self.folder();
        self.settings.control = self.optional("socket", socket, |text| socket_path(text, folder));
    }

    pub(super) fn metrics(&mut self, here: &Here, metrics: file::Metrics) {
        let listen = self.needed(here, "listen", metrics.listen, "\"127.0.0.1:9464\"");
        let at = listen.as_ref().map_or(here.spot, |listen| self.spot(listen));
        let listen = self.optional("listen", listen, |text| tap::listener(text, PORT));
        if let Some(outside) = listen.filter(|listen| !listen.ip().is_loopback()) {
            let told = format!(
                "`listen`: {outside} can be reached from outside, and nobody is asked who they are; write \
                 127.0.0.1:{} where that isn't meant",
                outside.port()
            );
            self.problems.warn(at, told);
        }
        self.settings.metrics = listen;
    }
}

/// The name of a socket, which the system cuts off at 107 bytes (unix(7)).
fn socket_path(text: &str, folder: PathBuf) -> Result<PathBuf, Wrong> {
    let path = folder.join(value::text(text)?);
    match path.as_os_str().len() <= LONGEST {
        true => Ok(path),
        false => Err(format!("a socket's path has at most {LONGEST} bytes; write a shorter one")),
    }
}

const LONGEST: usize = 107;
/// Where exporters of figures are looked for.
const PORT: u16 = 9_464;
