//! The pair of APIs that most tests of a run share.

use std::{sync::Arc, thread};

use anyhow::Result;

use crate::{Cluster, Program, Service, Shared};

static SHARED: Shared<Pair> = Shared::new();

struct Pair {
    admin: Service,
    user: Service,
}

/// A test's reference to the pair.
pub struct SharedApis(Arc<Pair>);

impl SharedApis {
    /// Returns the running pair, or starts it.
    pub async fn get() -> Result<Self> {
        let pair = SHARED.get(async || {
            let cluster = Cluster::shared()?;
            let (admin, user) = tokio::try_join!(
                Service::start(Program::Admin, &cluster, &[]),
                Service::start(Program::User, &cluster, &[]),
            )?;
            Ok(Pair { admin, user })
        });
        Ok(Self(pair.await?))
    }

    /// The librarians' API.
    #[must_use]
    pub fn admin(&self) -> &Service {
        &self.0.admin
    }

    /// The tenants' API.
    #[must_use]
    pub fn user(&self) -> &Service {
        &self.0.user
    }
}

impl Drop for SharedApis {
    fn drop(&mut self) {
        if thread::panicking() {
            for service in [self.admin(), self.user()] {
                eprintln!("{}", service.log_tail());
            }
        }
    }
}
