//! The writes.

use anyhow::{Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Services, both_serve};
use crate::{
    args::Api,
    books::{self, SCRATCH},
    figure::Target,
    rig::Rig,
    service::Service,
};

/// One of the writes, in an order in which they are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Create,
    Update,
    SetCategory,
    Borrow,
    Return,
    Delete,
}

impl Operation {
    pub(super) const ALL: [Self; 6] = [
        Self::Create,
        Self::Update,
        Self::SetCategory,
        Self::Borrow,
        Self::Return,
        Self::Delete,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::SetCategory => "set category",
            Self::Borrow => "borrow",
            Self::Return => "return",
            Self::Delete => "delete",
        }
    }

    /// The API with this operation.
    pub(super) fn api(self) -> Api {
        match self {
            Self::Borrow | Self::Return => Api::User,
            Self::Create | Self::Update | Self::SetCategory | Self::Delete => Api::Admin,
        }
    }

    /// The maximum CPU time, where there is one.
    pub(super) fn cpu_target(self) -> Option<Target> {
        let most = Target::AtMost(120.0);
        matches!(self, Self::Create | Self::Update | Self::Borrow).then_some(most)
    }

    /// Prepares `times` operations, so that each can be done without requests that are not its own.
    pub(super) async fn prepare(self, rig: &Rig<'_>, services: &Services, times: u64) -> Result<()> {
        match self {
            Self::Create => both_serve(rig, services, 0).await,
            Self::Update | Self::SetCategory | Self::Return => Ok(()),
            Self::Borrow => both_serve(rig, services, times).await,
            Self::Delete => {
                // Other books, of which admin-api has never known a loan.
                stream::iter(times..2 * times)
                    .map(|number| books::create(&rig.cluster.client, SCRATCH.to_owned(), number))
                    .buffer_unordered(8)
                    .try_collect::<()>()
                    .await?;
                both_serve(rig, services, 2 * times).await
            }
        }
    }

    pub(super) async fn act(self, rig: &Rig<'_>, service: &Service, number: u64) -> Result<()> {
        let book = format!("/book/{SCRATCH}/{}", books::name(number));
        let (method, path, body, expected) = match self {
            Self::Create => (
                Method::POST,
                format!("/book/{SCRATCH}"),
                content(number, 0),
                StatusCode::CREATED,
            ),
            Self::Update => (Method::PUT, book, content(number, 1), StatusCode::OK),
            Self::SetCategory => (
                Method::PATCH,
                format!("{book}/category"),
                json!({"category_id": "another"}),
                StatusCode::OK,
            ),
            Self::Borrow => (
                Method::POST,
                format!("{book}/borrow"),
                Value::Null,
                StatusCode::CREATED,
            ),
            Self::Return => (
                Method::POST,
                format!("{book}/return"),
                Value::Null,
                StatusCode::NO_CONTENT,
            ),
            Self::Delete => {
                let number = number + super::TIMES;
                let book = format!("/book/{SCRATCH}/{}", books::name(number));
                (Method::DELETE, book, Value::Null, StatusCode::NO_CONTENT)
            }
        };
        let mut request = rig
            .http
            .request(method, service.url(&path))
            .header("X-TENANT-ID", "bench");
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(
            status == expected,
            "{} of {path} was answered with {status}: {text}",
            self.name()
        );
        Ok(())
    }
}

fn content(number: u64, edition: u64) -> Value {
    json!({
        "id": books::name(number),
        "author": format!("Author {number}"),
        "title": books::title(number, edition),
        "description": books::description(number),
        "category_id": "category-0",
    })
}
