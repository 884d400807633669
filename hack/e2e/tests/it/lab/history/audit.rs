//! The loans of a namespace according to the API server's audit log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// Loans by their marks.
pub(super) type Loans = BTreeMap<u64, Loan>;

#[derive(Clone, Debug)]
pub(super) struct Loan {
    pub(super) book: String,
    pub(super) tenant: String,
    pub(super) made_by: Client,
    pub(super) begun: Timestamp,
    pub(super) end: Option<(Timestamp, Client)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Admin,
    User,
    Controller,
    Kubectl,
    /// The API server did not log a success of the request.
    Unknown,
}

impl Client {
    fn of(event: &Value) -> Result<Self> {
        let user = event["user"]["username"].as_str().context("a user")?;
        let agent = event["userAgent"].as_str().unwrap_or_default();
        Ok(if user.ends_with(":bookshelf-admin-api") {
            Self::Admin
        } else if user.ends_with(":bookshelf-user-api") {
            Self::User
        } else if agent.starts_with("kube-controller-manager") {
            Self::Controller
        } else {
            Self::Kubectl
        })
    }
}

pub(super) fn loans(log: &Path, namespace: &str) -> Result<Loans> {
    let mut loans = Loans::new();
    // A request is logged when its response is complete, which may be after the end of the loan.
    let mut ends = Vec::new();
    for line in BufReader::new(File::open(log)?).lines() {
        let event: Value = serde_json::from_str(&line?)?;
        let is_done = matches!(event["responseStatus"]["code"].as_u64(), Some(200 | 201));
        if event["objectRef"]["namespace"] != namespace || !is_done {
            continue;
        }
        let (client, answer) = (Client::of(&event)?, &event["responseObject"]);
        match event["verb"].as_str() {
            Some("create") => {
                let loan = Loan {
                    book: text(answer, "/metadata/name")?,
                    tenant: text(answer, "/spec/borrowedBy")?,
                    made_by: client,
                    begun: text(answer, "/metadata/creationTimestamp")?.parse()?,
                    end: None,
                };
                loans.insert(mark(&text(answer, "/metadata/uid")?)?, loan);
            }
            Some("delete") => {
                let at = text(&event, "/stageTimestamp")?.parse()?;
                ends.push((mark(&text(answer, "/details/uid")?)?, at, client));
            }
            verb => anyhow::bail!("{verb:?} of loans in {namespace}"),
        }
    }
    for (mark, at, client) in ends {
        // The API server may have stopped before it logged the beginning.
        if let Some(loan) = loans.get_mut(&mark) {
            ensure!(loan.end.is_none(), "loan {mark:x} ended twice");
            loan.end = Some((at, client));
        }
    }
    Ok(loans)
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    Ok(text
        .with_context(|| format!("no {pointer} in {value}"))?
        .to_owned())
}

/// Returns the first 16 digits of a uid.
pub(super) fn mark(uid: &str) -> Result<u64> {
    let digits: String = uid.chars().filter(|digit| *digit != '-').take(16).collect();
    Ok(u64::from_str_radix(&digits, 16)?)
}
