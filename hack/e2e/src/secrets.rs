//! Tokens that must not appear in any output.

use anyhow::{Context as _, Result};
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;

use crate::{Answer, Library, Service};

/// The length in bytes of the parts of a token that are searched for.
const PART: usize = 16;

/// The tokens that a test has sent.
#[derive(Debug, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Adds a token. Skips the first part of a JSON Web Token, which is the same for all tokens of a key, and not
    /// secret.
    pub fn add(&mut self, token: &str) {
        let all = token.split('.');
        let secret = all.skip(usize::from(token.contains('.')));
        for text in secret.filter(|text| text.len() >= PART && text.is_ascii()) {
            let middle = (text.len() - PART) / 2;
            for start in [0, middle, text.len() - PART] {
                self.0.push(text[start..start + PART].to_owned());
            }
        }
    }

    /// Asserts that a text contains none of the tokens and no part of one.
    ///
    /// # Panics
    ///
    /// Panics if it does.
    pub fn assert_not_in(&self, what: &str, text: &str) {
        assert!(!self.0.is_empty(), "a token was sent");
        let found = self.0.iter().find(|part| text.contains(part.as_str()));
        assert!(found.is_none(), "{what} has {found:?} of a token: {text}");
    }

    /// Asserts the same of a response.
    pub fn assert_not_in_answer(&self, answer: &Answer) {
        let what = format!("the answer to {}", answer.what);
        self.assert_not_in(&what, &format!("{:?} {}", answer.headers, answer.text()));
    }

    /// Asserts the same of the log and the metrics of a service.
    ///
    /// # Panics
    ///
    /// Panics if one of them contains a token.
    pub async fn assert_not_in_service(&self, service: &Service) -> Result<()> {
        for line in service.log().rest()? {
            self.assert_not_in("the log", &line.to_string());
        }
        let metrics = service.ops()?.get("/metrics").await?.text();
        assert!(metrics.ends_with("# EOF\n"), "{metrics}");
        self.assert_not_in("/metrics", &metrics);
        Ok(())
    }

    /// Asserts the same of all Events of a cluster. Returns their number.
    pub async fn assert_not_in_events(&self, library: &Library) -> Result<usize> {
        let events: kube::Api<Event> = kube::Api::all(library.client.clone());
        let events = events.list(&ListParams::default()).await?.items;
        for event in &events {
            let event = serde_json::to_string(event).context("an Event")?;
            self.assert_not_in("an Event", &event);
        }
        Ok(events.len())
    }
}
