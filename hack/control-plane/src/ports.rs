//! The ports of a control plane: free ones at first, then the same after a restart.

use std::{fs, net::TcpListener, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::component::Component;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ports {
    etcd: u16,
    apiserver: u16,
    controller_manager: u16,
}

impl Ports {
    /// Loads the ports saved in `file`, so that kubeconfigs stay valid. Without the file, no port is chosen yet.
    pub(crate) fn load(file: &Path) -> Self {
        fs::read(file)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default()
    }

    pub(crate) fn save(self, file: &Path) -> Result<()> {
        fs::write(file, serde_json::to_vec(&self)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    pub(crate) fn of(self, component: Component) -> u16 {
        match component {
            Component::Etcd => self.etcd,
            Component::Apiserver => self.apiserver,
            Component::ControllerManager => self.controller_manager,
        }
    }

    /// Chooses another port for `component` if its port is not free. Another process may still take it before its use.
    pub(crate) fn make_free(&mut self, component: Component) -> Result<()> {
        let port = match component {
            Component::Etcd => &mut self.etcd,
            Component::Apiserver => &mut self.apiserver,
            Component::ControllerManager => &mut self.controller_manager,
        };
        if *port == 0 || TcpListener::bind(("127.0.0.1", *port)).is_err() {
            let listener = TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
            *port = listener.local_addr()?.port();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_port_is_kept_while_it_is_free_and_replaced_when_it_is_not() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("ports.json");
        // Another process may take a free port before it is checked again, but not ten times.
        let (mut again, first, _taken) = (0..10)
            .find_map(|_| {
                let mut ports = Ports::load(&place.path().join("none.json"));
                ports.make_free(Component::Etcd).unwrap();
                ports.save(&file).unwrap();
                let mut again = Ports::load(&file);
                again.make_free(Component::Etcd).unwrap();
                let first = ports.of(Component::Etcd);
                let taken = TcpListener::bind(("127.0.0.1", first)).ok()?;
                (again.of(Component::Etcd) == first).then_some((again, first, taken))
            })
            .expect("a port that is kept");
        again.make_free(Component::Etcd).unwrap();
        assert_ne!(again.of(Component::Etcd), first);
    }
}
